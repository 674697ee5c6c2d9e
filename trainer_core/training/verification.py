"""`python -m trainer_core.training.verification ORDER`: does an artifact compute what the trained model did?

It is read back in a fresh process, as its users will read it, and scores the same rows. Of an adapter, the merged
model is compared with the adapter beside the unquantised base.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from trainer_core.contract.closed import Closed
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.sources import MERGED
from trainer_core.data.collation import model_inputs
from trainer_core.data.encoding import IGNORED
from trainer_core.models.adapters import read_adapter
from trainer_core.models.loading import load_model
from trainer_core.models.quantization import Quantization
from trainer_core.models.trust import of_own_folder
from trainer_core.module import Batch
from trainer_core.training.launch import alone
from trainer_core.training.lifeline import die_with_parent

_TOLERANCE = {torch.float32: 1e-3}
_MERGED_TOLERANCE = {torch.float32: 1e-2}
_HALF, _MERGED_HALF = 0.1, 0.25
"""Mean difference of log-probabilities that rounding explains, in 16 bits."""


class Order(Closed):
    """What to read back, and what it must come to."""

    artifact: str
    expected: str
    """File of `Expected`."""
    base_model: str | None
    """Of an adapter; None if the artifact is a whole model."""
    source: dict[str, Any]
    """Keywords of `from_pretrained` that say which state of the base model."""
    dtype: str
    own_dtype: str
    """Of the unquantised base, which the merged model has too."""
    quantization: Quantization = "none"
    has_merged: bool = False
    device: str


class Verified(Closed):
    """What came out: mean differences of the targets' log-probabilities."""

    difference: float
    merged_difference: float | None = None


Verify = Callable[[Order], Verified]


def log_probabilities(model: nn.Module, batches: Sequence[Batch], device: torch.device) -> list[Tensor]:
    """Of each target of each batch, as the model stands, without autocast; float32 on the CPU."""
    model.eval()
    with torch.no_grad():
        return [_of_targets(model, batch, device) for batch in batches]


def verify(order: Order) -> Verified:
    """Read an artifact back and compare.

    Raises:
        TrainerError: It computes something else.
    """
    expected = torch.load(order.expected, weights_only=True)
    device, batches = torch.device(order.device), expected["batches"]
    dtype, own_dtype = getattr(torch, order.dtype), getattr(torch, order.own_dtype)
    found = log_probabilities(_trained(order, dtype).to(device), batches, device)
    difference = _difference(expected["log_probabilities"], found)
    _check("the saved model", difference, _TOLERANCE.get(dtype, _HALF))
    if not order.has_merged:
        return Verified(difference=difference)
    gc.collect()
    beside, merged = (log_probabilities(one.to(device), batches, device) for one in _unquantised(order, own_dtype))
    merged_difference = _difference(beside, merged)
    _check("the merged model", merged_difference, _MERGED_TOLERANCE.get(own_dtype, _MERGED_HALF))
    return Verified(difference=difference, merged_difference=merged_difference)


def verify_in_fresh_process(order: Order) -> Verified:
    """The same, by a process that has nothing of this one's.

    Raises:
        TrainerError: The artifact computes something else, or cannot be read.
    """
    command = [sys.executable, "-m", __spec__.name, order.model_dump_json()]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=alone(os.environ))
    try:
        return Verified.model_validate_json(done.stdout)
    except ValidationError as error:
        last = (done.stdout or done.stderr).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise TrainerError(FailureCode.ARTIFACT_BROKEN, f"the artifact was not published: {last[0]}") from error


def _trained(order: Order, dtype: torch.dtype) -> nn.Module:
    if order.base_model is None:
        return load_model(order.artifact, dtype=dtype, **of_own_folder(order.source))
    base = load_model(order.base_model, dtype=dtype, quantization=order.quantization, **order.source)
    return read_adapter(base, Path(order.artifact))


def _unquantised(order: Order, dtype: torch.dtype) -> Iterator[nn.Module]:
    """The adapter beside its base, then the merged model; one at a time is in memory."""
    assert order.base_model is not None
    yield read_adapter(load_model(order.base_model, dtype=dtype, **order.source), Path(order.artifact))
    gc.collect()
    yield load_model(str(Path(order.artifact) / MERGED), dtype=dtype, **of_own_folder(order.source))


def _of_targets(model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
    inputs: dict[str, Any] = {name: value.to(device) for name, value in model_inputs(batch).items()}
    dtype = next(one.dtype for one in model.parameters() if one.is_floating_point())
    inputs = {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items()}
    targets = batch["labels"].to(device)
    logits = model(**inputs).logits[:, -targets.shape[1] :]
    chosen = targets != IGNORED
    scores = logits[chosen].float().log_softmax(-1)
    found: Tensor = scores.gather(1, targets[chosen][:, None])[:, 0].cpu()
    return found


def _difference(expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    return float((torch.cat(list(expected)) - torch.cat(list(found))).abs().mean())


def _check(what: str, difference: float, tolerance: float) -> None:
    if not difference <= tolerance:  # NaN is no agreement
        message = f"{what} gives log-probabilities that differ by {difference:.3g} on average from the trained one's"
        raise TrainerError(FailureCode.ARTIFACT_BROKEN, message)


def main() -> int:
    """Print what was found as a line of JSON, or say what is wrong."""
    die_with_parent(os.getppid())  # a trainer whose lease has run out leaves nobody on the device
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        print(verify(Order.model_validate_json(sys.argv[1])).model_dump_json(), file=told, flush=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the artifact cannot be read
        print(f"{error}" if isinstance(error, TrainerError) else f"{type(error).__name__}: {error}", file=told)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

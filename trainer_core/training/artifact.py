"""What a run leaves: a model, or an adapter with a merged model beside it; processor, template and model card."""

import gc
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from torch import nn

from trainer_core.contract.events import ArtifactVerified
from trainer_core.contract.sources import MERGED
from trainer_core.contract.spec import Lora
from trainer_core.models.adapters import read_adapter
from trainer_core.models.loading import load_model, own_dtype
from trainer_core.models.passed_over import keep_passed_over
from trainer_core.module import Batch
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.model_card import name_of_base
from trainer_core.training.verification import Order, Verify, log_probabilities


def write_artifact(module: FineTuning, folder: Path, card: str, verify: Verify) -> ArtifactVerified:
    """Write the trained model in the base's own precision, an adapter in float32, and have it read back.

    The module has no model any more afterwards: what is read back needs its place.

    Raises:
        TrainerError: What was written does not compute what was trained.
    """
    own = own_dtype(module.model_name, **module.kwargs)
    if not isinstance(module.spec.method, Lora):
        cast(module.model, own)
    dtype, device = module.base.dtype, module.device
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        expected = Path(draft) / "expected.pt"
        _score(module, module.verification_batches(), expected)
        _save(module, folder)
        (folder / "README.md").write_text(card)
        module.model = None
        _free()
        has_merged = isinstance(module.spec.method, Lora) and module.spec.export.merged
        if has_merged:
            _merge(module, folder, own)
            _free()
        found = verify(_order(module, folder, expected, dtype, own, has_merged=has_merged, device=device))
    return ArtifactVerified(difference=found.difference, merged_difference=found.merged_difference)


def cast(model: nn.Module, dtype: torch.dtype) -> None:
    """Have what is written in another precision.

    What is not written stays, angles of rotary positions say: they are computed anew when the model is read, and torch
    would drop the imaginary part of those that are complex, as Llama 4's tower has them.
    """
    written = model.state_dict().keys()
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        if name in written and tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)


def _score(module: FineTuning, batches: Sequence[Batch], path: Path) -> None:
    scores = log_probabilities(module.base, batches, module.device)
    torch.save({"batches": [dict(batch) for batch in batches], "log_probabilities": scores}, path)


def _save(module: FineTuning, folder: Path) -> None:
    module.save_pretrained(folder)
    if not isinstance(module.spec.method, Lora):
        keep_passed_over(module.base, folder, module.model_name, **module.kwargs)
        return
    config = LoraConfig.from_pretrained(str(folder))
    config.base_model_name_or_path, config.revision = name_of_base(module.spec), module.spec.revision
    config.save_pretrained(folder)


def _merge(module: FineTuning, folder: Path, dtype: torch.dtype) -> None:
    """Merge the adapter into the base as it was published, never into a quantised one."""
    base = load_model(module.model_name, dtype=dtype, **module.kwargs)
    module.have_it_stop(base)
    merged: Any = read_adapter(base, folder).merge_and_unload(safe_merge=True)
    merged.save_pretrained(folder / MERGED)
    keep_passed_over(merged, folder / MERGED, module.model_name, **module.kwargs)
    module.processor.save_pretrained(folder / MERGED)


def _order(
    module: FineTuning,
    folder: Path,
    expected: Path,
    dtype: torch.dtype,
    own: torch.dtype,
    *,
    has_merged: bool,
    device: torch.device,
) -> Order:
    method = module.spec.method
    return Order(
        artifact=str(folder),
        expected=str(expected),
        base_model=module.model_name if isinstance(method, Lora) else None,
        source=module.kwargs,
        dtype=str(dtype).removeprefix("torch."),
        own_dtype=str(own).removeprefix("torch."),
        quantization=method.quantization if isinstance(method, Lora) else "none",
        has_merged=has_merged,
        device=str(device),
    )


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""Which run a checkpoint belongs to: everything that its numbers depend on, but for what the run has come to."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.manifest import sha256_of
from trainer_core.contract.spec import JobSpec
from trainer_core.training.model_card import name_of_base

Identity = Mapping[str, Any]
"""By the names of the spec's fields; datasets by their content, the base model by its name."""
_THAT_MATTER = {"revision", "objective", "method", "hyperparameters", "evaluation", "eval_dataset", "seed"}


def identity_of(spec: JobSpec, digest: Callable[[Path], str] = sha256_of) -> Identity:
    """What a resumed run must have in common with the one that it goes on with.

    Where it runs, how often it saves and what its artifact holds may change.

    Args:
        spec: Its base model and datasets are paths.
        digest: Of a dataset.
    """
    chosen = spec.model_dump(mode="json", include=_THAT_MATTER)
    chosen |= {"base_model": name_of_base(spec), "train_dataset": digest(Path(spec.train_dataset))}
    if isinstance(spec.eval_dataset, str):
        chosen["eval_dataset"] = digest(Path(spec.eval_dataset))
    return dict(_flat(chosen))


def check_same(before: Identity, now: Identity) -> None:
    """See that a run is the one that left a checkpoint; fields that either does not know yet are passed over.

    Raises:
        TrainerError: It is another one.
    """
    changed = [name for name in sorted(before.keys() & now.keys()) if before[name] != now[name]]
    if changed:
        told = "; ".join(f"{name} was {before[name]}, and is {now[name]}" for name in changed)
        message = f"the checkpoint is of another run, which this one cannot go on with: {told}"
        raise TrainerError(FailureCode.INVALID_SPEC, message)


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

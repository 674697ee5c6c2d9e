"""What a spec makes of a base model: an adapter beside it, parts of it frozen, noise, activations computed twice.

It works on a model without weights as well, so that a spec that does not fit is told before a worker takes the job.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.models.parts import freeze, language_model
from trainer_core.training.optimization import add_noise


def as_the_spec_says(base: PreTrainedModel, spec: JobSpec, checkpoint: Path | None = None) -> nn.Module:
    """Put the adapter beside the model, if there is one, and freeze what the spec freezes.

    Raises:
        ValueError: The model lacks what the spec names.
    """
    method, chosen = spec.method, spec.hyperparameters
    model: nn.Module = base
    if isinstance(method, Lora):
        from trainer_core.models.adapters import add_adapter  # noqa: PLC0415 - peft takes a second to import

        model = add_adapter(base, method, checkpoint)
    freeze(
        base,
        language=chosen.freeze_language_model,
        vision=chosen.freeze_vision_model,
        projector=chosen.freeze_projector,
    )
    if chosen.neftune_noise_alpha is not None:
        add_noise(base.get_input_embeddings(), chosen.neftune_noise_alpha)
    if chosen.gradient_checkpointing:
        checkpoint_activations(base)
    return model


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Have the language model compute its activations again in the backward pass; a frozen tower keeps none anyway.

    Raises:
        ValueError: This language model cannot.
    """
    decoder: Any = language_model(model)
    decoder.activation_checkpointing_enable()


@contextmanager
def fitting() -> Iterator[None]:
    """While a spec is applied to a model, a `ValueError` means that the two do not fit."""
    try:
        yield
    except ValueError as error:
        raise TrainerError(FailureCode.INVALID_SPEC, f"the spec does not fit this base model: {error}") from error

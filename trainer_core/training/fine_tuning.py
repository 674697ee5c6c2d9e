"""The seed class with a job's method, optimizer and accumulation: one Lightning batch is one optimizer step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.data.collation import Batch
from trainer_core.data.encoding import IGNORED
from trainer_core.data.rendering import Processor
from trainer_core.models.loading import load_model, own_dtype
from trainer_core.models.parts import freeze
from trainer_core.module import HFAutoModelForImageTextToText
from trainer_core.training.plan import Plan
from trainer_core.training.preparation import hub_source
from trainer_core.training.schedule import factor


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step came to; tensors, so that nothing waits for the device before it must."""

    loss: Tensor
    """Mean over all supervised tokens of the step."""
    grad_norm: Tensor
    num_supervised_tokens: int
    learning_rate: float


class FineTuning(HFAutoModelForImageTextToText):
    """A job's model. Each batch is a list of micro-batches, whose losses count by their supervised tokens."""

    def __init__(
        self, spec: JobSpec, plan: Plan, processor: Processor, dtype: torch.dtype, checkpoint: Path | None
    ) -> None:
        super().__init__(spec.base_model, processor=processor, default_dtype=dtype, **hub_source(spec))
        self.automatic_optimization = False
        self.spec = spec
        self.result: StepResult | None = None
        self._plan = plan
        self._checkpoint = checkpoint

    def configure_model(self) -> None:
        """Load the base model, or the checkpoint, and prepare it for the spec's method."""
        if self.model is not None:
            return
        method, dtype = self.spec.method, self.default_dtype
        if isinstance(method, Lora):
            base = load_model(self.model_name, dtype=dtype, quantization=method.quantization, **self.kwargs)
        elif self._checkpoint is not None:
            base = load_model(str(self._checkpoint), dtype=dtype)
        else:
            base = load_model(self.model_name, dtype=dtype, **self.kwargs)
        try:
            self.model = self._as_the_spec_says(base).train()
        except ValueError as error:
            raise TrainerError(FailureCode.INVALID_SPEC, f"the spec does not fit this base model: {error}") from error

    def _as_the_spec_says(self, base: PreTrainedModel) -> torch.nn.Module:
        """Put the adapter beside the model, if there is one, and freeze what the spec freezes."""
        method, chosen = self.spec.method, self.spec.hyperparameters
        model: torch.nn.Module = base
        if isinstance(method, Lora):
            from trainer_core.models.adapters import add_adapter  # noqa: PLC0415 - peft takes a second to import

            model = add_adapter(base, method, self._checkpoint)
        freeze(base, language=chosen.freeze_language_model, vision=chosen.freeze_vision_model)
        return model

    def save_artifact(self, folder: Path) -> None:
        """Write the trained model, in the base model's own precision; an adapter stays in float32."""
        if not isinstance(self.spec.method, Lora):
            self.model.to(own_dtype(self.model_name, **self.kwargs))
        self.save_pretrained(folder)

    def configure_optimizers(self) -> Any:
        """AdamW and the spec's schedule, gone on with where a checkpoint left them."""
        chosen, plan = self.spec.hyperparameters, self._plan
        optimizer = torch.optim.AdamW(self._groups(chosen.weight_decay), lr=chosen.learning_rate, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(chosen, plan.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def _groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Matrices decay; biases and the scales of norms do not."""
        trained = list(self.trainable_parameters())
        matrices = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        groups = [(matrices, weight_decay), (others, 0.0)]
        return [{"params": params, "weight_decay": decay} for params, decay in groups if params]

    def training_step(self, batch: Any, batch_idx: int | None = None) -> Tensor:  # noqa: ARG002
        """One optimizer step over a list of micro-batches; its loss, for nobody to differentiate again."""
        optimizer: Any = self.optimizers()
        num_tokens = [num_supervised(micro_batch) for micro_batch in batch]
        total = sum(num_tokens)
        loss = torch.zeros((), device=self.device)
        for micro_batch, num in zip(batch, num_tokens, strict=True):
            share = self.loss(micro_batch) * (num / total)
            self.manual_backward(share)
            loss += share.detach()
        limit = self.spec.hyperparameters.max_grad_norm or float("inf")
        grad_norm = clip_grad_norm_(list(self.trainable_parameters()), limit)
        self.result = StepResult(loss, grad_norm, total, optimizer.param_groups[0]["lr"])
        optimizer.step()
        optimizer.zero_grad()
        self.lr_schedulers().step()  # type: ignore[union-attr]
        return loss


def num_supervised(batch: Batch) -> int:
    """Positions of a batch that have a target."""
    return int((batch["labels"] != IGNORED).sum())

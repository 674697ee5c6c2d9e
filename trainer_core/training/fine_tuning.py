"""The seed class with a job's method, optimizer and accumulation: one Lightning batch is one optimizer step."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from trainer_core.contract.events import MemoryReduced, PackingTested, ParametersUnused, RunEvent, TowerLeft
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.data.chance import seed_step
from trainer_core.data.collation import collate, has_images, micro_batches
from trainer_core.data.encoding import IGNORED, IMAGE_KEYS, EncodedRow
from trainer_core.data.pixels import keyed_by, without_pixels
from trainer_core.data.rendering import Processor
from trainer_core.models.head import are_many, mean_loss_by_parts
from trainer_core.models.loading import load_model
from trainer_core.models.parts import frozen_beside_language, language_model
from trainer_core.models.sight import Sight
from trainer_core.models.trust import of_own_folder
from trainer_core.module import Batch, HFAutoModelForImageTextToText
from trainer_core.training import ranks
from trainer_core.training.accuracy import MEASURE, CountingLoss
from trainer_core.training.decisions import Decisions
from trainer_core.training.devices import Device
from trainer_core.training.failures import is_out_of_memory
from trainer_core.training.feature_store import InMemory
from trainer_core.training.features import FrozenFeatures, Images, maker_of
from trainer_core.training.findings import find_out
from trainer_core.training.folders import contents_of
from trainer_core.training.generation import stop_where_taught
from trainer_core.training.gradients import untrained
from trainer_core.training.method import as_the_spec_says, checkpoint_activations, fitting
from trainer_core.training.optimization import make_optimizer
from trainer_core.training.packing import Pack, find_way_for_all
from trainer_core.training.plan import Plan
from trainer_core.training.preparation import hub_source
from trainer_core.training.room import Room
from trainer_core.training.schedule import factor
from trainer_core.training.sharding import shard, whole, whole_weights

_NUM_NAMES = 5
"""Unused parameters that are told by name."""


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step came to; tensors, so that nothing waits for the device before it must."""

    loss: Tensor
    """Mean over all supervised tokens of the step, or over its pairs."""
    grad_norm: Tensor
    num_supervised_tokens: int
    learning_rate: float
    is_skipped: bool
    """True if loss or gradient was not finite, so that the weights were left as they were."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Other means over the step, by name."""


class FineTuning(HFAutoModelForImageTextToText):
    """A job's model.

    Each batch is the rows of one step. They are computed in micro-batches that fit the device, whose losses count by
    their supervised tokens.
    """

    measures: tuple[str, ...] = (MEASURE,)
    """Names of what an evaluation measures beside the loss."""

    def __init__(
        self,
        spec: JobSpec,
        plan: Plan,
        processor: Processor,
        device: Device,
        checkpoint: Path | None,
        emit: Callable[[RunEvent], None],
        examples: Sequence[Sequence[EncodedRow]],
        images: Images | None = None,
    ) -> None:
        super().__init__(spec.base_model, processor=processor, default_dtype=device.dtype, **hub_source(spec))
        self.loss_fn = self._counting = CountingLoss()
        self.kwargs = hub_source(spec)
        self.automatic_optimization = False
        self.spec = spec
        self.result: StepResult | None = None
        self._plan = plan
        self._checkpoint = checkpoint
        self.emit = emit
        self._examples = examples
        self._images = images
        self._features: FrozenFeatures | None = None
        self.compute_dtype = torch.bfloat16 if device.precision == "bf16" else torch.float32
        self.is_sharded = device.is_sharded
        self._has_shards = False
        self._frozen: list[nn.Module] = []
        self._has_images = any(has_images(row) for rows in examples for row in rows)
        self.decisions = Decisions.of(spec)
        self.pad_token_id: int = getattr(self.tokenizer, "pad_token_id", None) or 0

    @property
    def base(self) -> PreTrainedModel:
        """The model without the adapter's wrapping."""
        model = self.model.get_base_model() if isinstance(self.spec.method, Lora) else self.model
        assert isinstance(model, PreTrainedModel)
        return model

    @property
    def num_words(self) -> int:
        """Size of the vocabulary, V."""
        embedding: Any = self.base.get_input_embeddings()
        return int(embedding.weight.shape[0])

    def configure_model(self) -> None:
        """Load the base model, or the checkpoint, and prepare it for the spec's method."""
        if self.model is None:
            self._load()
        elif self.is_sharded and not self._has_shards:
            # Lightning asks again, once it has started the ranks.
            assert self.device_mesh is not None
            shard(self.base, self.device_mesh)
            self._has_shards = True

    def _load(self) -> None:
        method, dtype = self.spec.method, self.default_dtype
        if isinstance(method, Lora):
            base = load_model(self.model_name, dtype=dtype, quantization=method.quantization, **self.kwargs)
        elif self._checkpoint is not None:
            base = load_model(str(self._checkpoint), dtype=dtype, **of_own_folder(self.kwargs))
        else:
            base = load_model(self.model_name, dtype=dtype, **self.kwargs)
        self.have_it_stop(base)
        with fitting():
            self.model = as_the_spec_says(base, self.spec, self._checkpoint)
        self._frozen = frozen_beside_language(base)
        self.train()
        self.decisions.room.gradient_checkpointing |= not language_model(base).supports_gradient_checkpointing

    def gather(self) -> None:
        """Make a sharded model whole again, on the first rank; every rank must ask."""
        if not self._has_shards:
            return
        weights = whole_weights(self.model)
        self.model, self._has_shards, self.is_sharded = None, False, False
        if ranks.rank() == 0:
            self._load()
            self.model.load_state_dict(weights)

    def decide(self, decisions: Decisions) -> None:
        """Compute as another process of this run found out."""
        if decisions.room.gradient_checkpointing and not self.decisions.room.gradient_checkpointing:
            checkpoint_activations(self.base)
        self.decisions = decisions
        for name in decisions.unused:
            self.base.get_parameter(name).requires_grad = False

    @cached_property
    def processor_files(self) -> dict[str, bytes]:
        """The processor's files by name, for a thread that must not touch it while this one uses it."""
        return contents_of(self.processor.save_pretrained)

    def load_weights(self, folder: Path) -> None:
        """Put the weights of a checkpoint in place of the model's own."""
        if not isinstance(self.spec.method, Lora):
            saved = load_model(str(folder), dtype=self.default_dtype, **of_own_folder(self.kwargs))
            self.model.load_state_dict(saved.state_dict())
            return
        from peft import load_peft_weights, set_peft_model_state_dict  # noqa: PLC0415 - takes a second to import

        set_peft_model_state_dict(self.model, load_peft_weights(str(folder), device=str(self.device)))

    def have_it_stop(self, base: PreTrainedModel) -> None:
        """Have the base model, which is saved with its settings, stop where the rows teach it to."""
        stop_where_taught(self.tokenizer, base, [row for rows in self._examples for row in rows])

    def verification_batches(self) -> list[Batch]:
        """Rows of every kind, by which a saved model is compared with this one."""
        return [collate([row], self.pad_token_id) for rows in self._examples for row in rows]

    def configure_optimizers(self) -> Any:
        """The spec's optimizer and schedule."""
        chosen, plan = self.spec.hyperparameters, self._plan
        with fitting():
            optimizer = make_optimizer(self.base, chosen)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(chosen, plan.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Train, but for frozen parts, and for batch norms' statistics, which make a row's loss its neighbours' too."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - the class of them all
                module.eval()
        return self

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ARG002
        """Rows stay where they are; their micro-batches are moved one by one."""
        return batch

    def forward(self, batch: Batch) -> Any:
        """Run the model; nothing is kept for generating.

        It is the base that is called, which an adapter has changed in place: peft's wrapping would pass by the hooks
        that gather a sharded model.
        """
        takes = inspect.signature(self.base.forward).parameters
        return self.base(**batch, **({"use_cache": False} if "use_cache" in takes or "kwargs" in takes else {}))

    def loss(self, batch: Batch) -> Tensor:
        """Mean over the targets; their logits are not held at once where they are many."""
        if not (self.decisions.has_plain_head and are_many(num_supervised(batch), self.num_words)):
            return super().loss(batch)
        is_target = batch["labels"] != IGNORED
        inputs = {**self.inputs_of(batch), "logits_to_keep": is_target}
        head = self.base.get_output_embeddings()
        return mean_loss_by_parts(head, lambda: self.forward(inputs), batch["labels"][is_target], self.loss_fn)

    def training_step(self, batch: Any, batch_idx: int | None = None) -> Tensor:
        """One optimizer step over this rank's rows; its loss over all ranks', for nobody to differentiate again."""
        optimizer: Any = self.optimizers()
        self.get_ready()
        num_tokens = sum(num_supervised(row) for row in self.rows_of(batch))
        step = self._plan.first_step + (batch_idx or 0) + 1
        if self.is_sharded:
            loss = ranks.total(self._backward_together(batch, num_tokens, step))
        else:
            num_tokens = ranks.added(num_tokens, self.device)
            loss = ranks.total(self._accumulate(batch, num_tokens, step))
        # Of the optimizer: a model is long to walk through, and one that is sharded may still show gathered parameters.
        trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if not self.is_sharded:
            ranks.sum_gradients(trained)
        if not self.decisions.is_checked:
            self._check_gradients(batch)
        limit = self.spec.hyperparameters.max_grad_norm or float("inf")
        grad_norm = whole(clip_grad_norm_(trained, limit))
        is_finite = bool(torch.isfinite(loss) & torch.isfinite(grad_norm))
        self.result = StepResult(loss, grad_norm, num_tokens, optimizer.param_groups[0]["lr"], not is_finite)
        if not is_finite:
            optimizer.zero_grad()  # without gradients, nothing moves
        optimizer.step()
        optimizer.zero_grad()
        self.lr_schedulers().step()  # type: ignore[union-attr]
        return loss

    def get_ready(self) -> None:
        """Find out, before the first step, what each step needs."""
        if not self.decisions.is_rehearsed:
            find_out(self, self._images or Images([], InMemory(0)), self._examples)
        if self.spec.hyperparameters.packing and not self.decisions.is_packing_tried:
            self._try_packing()
        self._settle()

    def rows_of(self, batch: Any) -> Sequence[EncodedRow]:
        """All that a batch holds."""
        rows: Sequence[EncodedRow] = batch
        return rows

    def sums(self, rows: Sequence[Any]) -> Tensor:
        """Of held-out rows: their loss and `measures`, summed up, and last over how many; float64."""
        self._counting.take()  # of whatever was computed before
        summed = torch.zeros(3, dtype=torch.float64)
        for batch in self.micro_batches(rows, self.decisions.evaluation_room):
            loss, num = float(self.loss(self.on_device(batch))), num_supervised(batch)
            summed += torch.tensor([loss * num, self._counting.take(), num], dtype=torch.float64)
        return summed

    @property
    def kept(self) -> dict[str, Tensor]:
        """What a checkpoint has to remember beside weights and decisions; every rank must ask."""
        return {}

    def take_kept(self, kept: Mapping[str, Tensor]) -> None:
        """Go on with what a checkpoint has remembered."""

    def micro_batches(self, rows: Sequence[EncodedRow], room: Room) -> list[Batch]:
        """Rows as batches that fit, still where the rows are."""
        way, unit = self.decisions.packing, self.decisions.features_of
        batch_size = 1 if self.decisions.is_row_by_row and way is None else room.batch_size
        if unit is not None:
            rows = [keyed_by(unit, without_pixels(row)) for row in rows]
        groups = micro_batches(rows, batch_size, room.max_tokens, padded=way is None)
        if way is not None:
            return [Pack(self.base, way)(group) for group in groups]
        return [collate(group, self.pad_token_id) for group in groups]

    def on_device(self, batch: Batch) -> Batch:
        """A batch where the model is, with features in the place of pixels where they are kept."""
        seen = batch if self.features is None or IMAGE_KEYS not in batch else self.features.in_place_of_pixels(batch)
        moved: Batch = move_data_to_device(seen, self.device)
        return moved

    @property
    def features(self) -> FrozenFeatures | None:
        """What frozen parts make of images, if it is kept."""
        unit = self.decisions.features_of
        if self._features is None and unit is not None:
            assert self._images is not None
            maker = maker_of(self.base, self.processor, self.compute_dtype)
            self._features = FrozenFeatures(self.base, Sight(self.decisions.joinings), unit, self._images, maker)
        return self._features

    def _settle(self) -> None:
        """Let what makes features leave the device once nothing needs it; told when that has come about."""
        if self.features is None:
            return
        self.features.look_ahead()
        if num_bytes := self.features.settle():
            self.emit(TowerLeft(num_bytes=num_bytes))

    def conclude_features(self) -> None:
        """Training is over: what makes features comes back, and what it was good for to keep them is told."""
        if self.features is not None:
            self.features.unpark()
            self.emit(self.features.used())

    def _try_packing(self) -> None:
        """From now on, pack rows if the examples of every kind show that it changes nothing."""
        self.decisions.is_packing_tried = True
        self.decisions.packing, difference = find_way_for_all(self.base, self._examples, self.compute_dtype)
        told = difference if math.isfinite(difference) else None
        self.emit(PackingTested(is_exact=self.decisions.packing is not None, difference=told))

    def _accumulate(self, rows: Sequence[EncodedRow], num_tokens: int, step: int) -> Tensor:
        """Gradients of the step's loss over these rows; in smaller batches if the device turns out too small."""
        while True:
            try:
                return self._backward(rows, num_tokens, step)
            except Exception as error:
                if not is_out_of_memory(error) or not self.decisions.room.reduce():
                    raise
            # Out of the handler, whose traceback would hold on to what has to go.
            self._make_room(step)

    def _backward(self, rows: Sequence[EncodedRow], num_tokens: int, step: int) -> Tensor:
        seed_step(self.spec.seed, step, ranks.rank())
        loss = torch.zeros((), device=self.device)
        for micro_batch in self.micro_batches(rows, self.decisions.room):
            weight = num_supervised(micro_batch) / num_tokens
            share = self.loss(self.on_device(micro_batch)) * weight
            self.manual_backward(share)
            loss += share.detach()
        return loss

    def _backward_together(self, rows: Sequence[EncodedRow], num_tokens: int, step: int) -> Tensor:
        """The same for a sharded model: every rank has as many micro-batches of each kind as every other."""
        seed_step(self.spec.seed, step, ranks.rank())
        loss = torch.zeros((), device=self.device)
        for _, alike in groupby(self.micro_batches(rows, self.decisions.room), key=lambda batch: batch.keys()):
            for micro_batch, counts in ranks.share_evenly(list(alike)):
                weight = counts * num_supervised(micro_batch) / num_tokens
                share = self.loss(self.on_device(micro_batch)) * weight
                self.manual_backward(share * ranks.num_ranks())  # FSDP takes the mean over the ranks
                loss += share.detach()
        return loss

    def _make_room(self, step: int) -> None:
        self.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        room = self.decisions.room
        if room.gradient_checkpointing:
            checkpoint_activations(self.base)
        self.emit(
            MemoryReduced(step=step, batch_size=room.batch_size, gradient_checkpointing=room.gradient_checkpointing)
        )

    def _check_gradients(self, batch: Any) -> None:
        """See which parameters get gradients; those that get none are left as they are from now on, and told.

        Raises:
            TrainerError: A part gets no gradient.
        """
        num_with_images = ranks.added(sum(map(has_images, self.rows_of(batch))), self.device)
        if self._has_images and num_with_images == 0:
            return
        self.decisions.is_checked = True
        missing = untrained(self.base, self.spec, has_images=self._has_images)
        self.decisions.unused = tuple(missing)
        for parameter in missing.values():
            parameter.requires_grad = False
        if missing:
            self.emit(ParametersUnused(names=self.decisions.unused[:_NUM_NAMES], num_parameters=len(missing)))


def num_supervised(batch: Batch | EncodedRow) -> int:
    """Positions of a batch that have a target."""
    return int((batch["labels"] != IGNORED).sum())

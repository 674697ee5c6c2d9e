"""How much memory a step takes, from shapes alone: the model is made without weights, and its decoder run on nothing.

What the backward pass keeps is counted by torch itself while the decoder runs on tensors that have shapes only. It does
not know of fragments, of kernels' workspace, or of what the device's driver takes.

B rows, T tokens, V words of the vocabulary.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel

from trainer_core.contract.report import MemoryEstimate
from trainer_core.contract.spec import Hyperparameters, JobSpec, Lora
from trainer_core.models.head import keeps_targets
from trainer_core.models.loading import load_skeleton
from trainer_core.models.parts import language_model, vision_model
from trainer_core.models.quantization import quantised_weights
from trainer_core.training.devices import Device
from trainer_core.training.method import as_the_spec_says, fitting
from trainer_core.training.optimization import make_optimizer
from trainer_core.training.preparation import hub_source

_ATTENTION = "shapes_only"
_NF4_BYTES = 0.5 + 0.127 / 8
"""Of a weight in 4 bits: its own, and its part of scales that are quantised again."""
_INT8_BYTES = 1.0
_ADAMW_BYTES = 8
_ADAMW_8BIT_BYTES = 2 + 8 / 256
_LAYER_TENSORS = 17
"""Of tokens times width that a layer of a transformer keeps, attention maps left out (Korthikanti et al. 2022)."""


class Skeleton:
    """A job's model without weights."""

    def __init__(self, spec: JobSpec, device: Device) -> None:
        """Make it, and apply the spec to it.

        Raises:
            TrainerError: The spec does not fit the model.
        """
        self._spec = spec
        self._device = device
        self._compute = torch.bfloat16 if device.precision == "bf16" else torch.float32
        self.base = load_skeleton(spec.base_model, dtype=device.dtype, attention=_ATTENTION, **hub_source(spec))
        self._names = dict(self.base.named_parameters())
        self._quantised = self._quantised_names()
        with fitting():
            as_the_spec_says(self.base, _unquantised(spec)).train()
            make_optimizer(self.base, _plain(spec.hyperparameters))

    @property
    def num_parameters(self) -> int:
        """Of the model with its adapter."""
        return sum(parameter.numel() for parameter in self.base.parameters())

    @property
    def num_trainable(self) -> int:
        """Parameters that are trained."""
        return sum(parameter.numel() for parameter in self._trained())

    @property
    def num_base_parameters(self) -> int:
        """Of the model without its adapter."""
        return sum(parameter.numel() for parameter in self._names.values())

    def state_bytes(self) -> int:
        """Of a checkpoint: what is trained, and the optimizer's state."""
        weights = self.num_trainable if isinstance(self._spec.method, Lora) else self.num_base_parameters
        return weights * self._device.dtype.itemsize + self._optimizer_bytes()

    def memory(
        self, shape: tuple[int, int], num_targets: int, batch: dict[str, Tensor], device_bytes: int | None
    ) -> MemoryEstimate:
        """Bytes on one device at the worst batch.

        Args:
            shape: (B, T) of it.
            num_targets: Positions of one row that have a target, at most.
            batch: One row of it, as the processor makes it.
            device_bytes: What the device has.
        """
        share = self._device.num_ranks if self._device.is_sharded else 1
        weights, adapter = self._weights_bytes() // share, (self.num_parameters - self.num_base_parameters) * 4 // share
        gradients, optimizer = self.num_trainable * 4 // share, self._optimizer_bytes() // share
        activations, logits = self._activation_bytes(shape, batch), self._logits_bytes(shape, num_targets)
        return MemoryEstimate(
            weights_bytes=weights,
            adapter_bytes=adapter,
            gradient_bytes=gradients,
            optimizer_bytes=optimizer,
            activation_bytes=activations,
            logits_bytes=logits,
            total_bytes=weights + adapter + gradients + optimizer + activations + logits,
            device_bytes=device_bytes,
        )

    def flops(self, num_text_tokens: int, num_patches: int) -> float:
        """Operations of one forward and backward pass over so many tokens and patches; a multiply-add counts twice."""
        tower = vision_model(self.base)
        in_tower = _count(tower.parameters()) if tower is not None else 0
        trained_in_tower = _count(p for p in tower.parameters() if p.requires_grad) if tower is not None else 0
        outside, trained_outside = self.num_parameters - in_tower, self.num_trainable - trained_in_tower
        passes = 3 if self._spec.hyperparameters.gradient_checkpointing else 2
        text = 2 * num_text_tokens * (passes * outside + trained_outside)
        return text + 2 * num_patches * (in_tower + (in_tower if trained_in_tower else 0) + trained_in_tower)

    def forward_flops(self, num_text_tokens: int, num_patches: int) -> float:
        """Of the forward pass alone, as the reference of pairs needs it once."""
        tower = vision_model(self.base)
        in_tower = _count(tower.parameters()) if tower is not None else 0
        return 2 * (num_text_tokens * (self.num_base_parameters - in_tower) + num_patches * in_tower)

    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.base.parameters() if parameter.requires_grad]

    def _quantised_names(self) -> set[str]:
        if not isinstance(self._spec.method, Lora) or self._spec.method.quantization == "none":
            return set()
        return quantised_weights(self.base)

    def _weights_bytes(self) -> int:
        method = self._spec.method
        if not isinstance(method, Lora) or method.quantization == "none":
            return self.num_base_parameters * self._device.dtype.itemsize
        each = _NF4_BYTES if method.quantization == "nf4" else _INT8_BYTES
        small = sum(one.numel() for name, one in self._names.items() if name in self._quantised)
        return round(small * each) + (self.num_base_parameters - small) * 4  # peft holds the rest in float32

    def _optimizer_bytes(self) -> int:
        is_small = self._spec.hyperparameters.optimizer == "adamw_8bit"
        return round(self.num_trainable * (_ADAMW_8BIT_BYTES if is_small else _ADAMW_BYTES))

    def _logits_bytes(self, shape: tuple[int, int], num_targets: int) -> int:
        """Logits, their float32 copy, log-probabilities, and the gradients of the first two."""
        num_rows, num_tokens = shape
        num_places = num_rows * (num_targets if keeps_targets(self.base) else num_tokens)
        head: Any = self.base.get_output_embeddings()
        num_words = head.weight.shape[0] if head is not None else 0
        own = self._compute.itemsize
        each = 2 * own + 4 + (8 if own < torch.float32.itemsize else 0)
        return int(num_places * num_words * each)

    def _activation_bytes(self, shape: tuple[int, int], batch: dict[str, Tensor]) -> int:
        decoder = language_model(self.base)
        embedding: Any = self.base.get_input_embeddings()
        embedded = torch.empty(
            *shape, int(embedding.weight.shape[1]), device="meta", dtype=self._compute, requires_grad=True
        )
        casts = 0 if self._compute is self._device.dtype else self.num_base_parameters * self._compute.itemsize

        def run() -> None:
            decoder.to(self._compute)(inputs_embeds=embedded, use_cache=False)

        kept = _kept_bytes(self.base, run)
        return kept + casts + shape[0] * self._tower_bytes(batch)

    def _tower_bytes(self, batch: dict[str, Tensor]) -> int:
        """Of the image tower for one row: of all its layers if something in it is trained, else of the largest one."""
        tower: Any = vision_model(self.base)
        if tower is None or "pixel_values" not in batch:
            return 0
        layers = [layer for one in tower.modules() if isinstance(one, nn.ModuleList) for layer in one]
        num_layers, width = len(layers) or 1, _width(layers[0] if layers else tower)
        is_trained = any(parameter.requires_grad for parameter in tower.parameters())
        layer = num_patches(self.base, batch) * width * _LAYER_TENSORS * self._compute.itemsize
        return layer * (num_layers if is_trained else 1)


def _width(layer: nn.Module) -> int:
    """Of what passes through a layer: the length that most of its matrices have."""
    lengths = Counter(length for one in layer.parameters() if one.ndim == 2 for length in one.shape)  # noqa: PLR2004
    return lengths.most_common(1)[0][0] if lengths else 0


def num_patches(model: PreTrainedModel, row: dict[str, Tensor]) -> int:
    """How many patches a row's images are cut into, as far as the pixels tell."""
    if "pixel_values" not in row:
        return 0
    tower: Any = vision_model(model)
    side = _side_of_patches(getattr(tower, "config", None) or model.config)
    return row["pixel_values"].numel() // (3 * side * side)


def device_bytes(device: Device, machine_bytes: int) -> int | None:
    """Memory of the device that a run computes on: of one GPU, or of the machine; None if no such device is here."""
    if device.accelerator == "cpu":
        return machine_bytes
    return int(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else None


def worst_shape(lengths: Sequence[int], chosen: Hyperparameters, samples_each: int = 1) -> tuple[int, int]:
    """(B, T) of the largest micro-batch that these rows can come in.

    Args:
        lengths: Of the rows; of a pair, that of its longer answer.
        chosen: The spec's.
        samples_each: That are computed together for a row: a pair has two.
    """
    longest, num_rows = max(lengths), min(chosen.batch_size, len(lengths))
    if chosen.max_batch_tokens is not None:
        num_rows = max(1, min(num_rows, chosen.max_batch_tokens // (samples_each * longest)))
    return samples_each * num_rows, longest


def _side_of_patches(config: Any) -> int:
    for name in ("patch_size", "spatial_patch_size", "encoder_patch_size"):
        side = getattr(config, name, None)
        if side is not None:
            return int(side if isinstance(side, int) else side[0])
    return 14


def _kept_bytes(model: nn.Module, run: Callable[[], None]) -> int:
    """Bytes of what a backward pass would need, the model's own weights left out."""
    own = {_storage(tensor) for tensor in [*model.parameters(), *model.buffers()]}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            kept[_storage(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - tensors without memory have no address


def _count(parameters: Any) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _unquantised(spec: JobSpec) -> JobSpec:
    if not isinstance(spec.method, Lora):
        return spec
    return spec.model_copy(update={"method": spec.method.model_copy(update={"quantization": "none"})})


def _plain(chosen: Hyperparameters) -> Hyperparameters:
    """An optimizer that loads no library; its groups of parameters are the same."""
    return chosen.model_copy(update={"optimizer": "adamw"})


class _Attention(torch.autograd.Function):
    """Keeps what attention keeps, and makes what has its shape."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        found = query.new_empty((*query.shape[:-1], value.shape[-1]))
        ctx.save_for_backward(query, key, value, found)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError


def _attend(_module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
    made: Any = _Attention.apply(query, key, value)
    return made.transpose(1, 2).contiguous(), None


AttentionInterface.register(_ATTENTION, _attend)

"""Tensors as they are now, in CPU memory, so that what is computed next does not change them."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

_Place = tuple[Any, ...]


class Copies:
    """Copies that share memory where their originals do: a model's tied weights stay tied."""

    def __init__(self) -> None:
        self._by_place: dict[_Place, Tensor] = {}

    def of(self, value: Any) -> Any:
        """The same with every tensor in it copied."""
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Mapping):
            return {key: self.of(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.of(one) for one in value)
        return value

    def of_weights(self, model: nn.Module) -> dict[str, Any]:
        """A model's weights; those that are not trained are not copied, since nothing changes them."""
        changing = {one.data_ptr() for one in model.parameters() if one.requires_grad}
        changing |= {one.data_ptr() for one in model.buffers()}
        return {
            name: self._tensor(value) if isinstance(value, Tensor) and value.data_ptr() in changing else value
            for name, value in model.state_dict().items()
        }

    def _tensor(self, tensor: Tensor) -> Tensor:
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        if place not in self._by_place:
            self._by_place[place] = tensor.detach().to("cpu", copy=True)
        return self._by_place[place]

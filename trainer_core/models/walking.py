"""A tree of torch modules, asked, walked over and frozen. It does not know what the modules do."""

import inspect
from collections.abc import Callable
from typing import Any, Self

from torch import nn

Visit = Callable[..., Any]
"""`(module) -> its replacement, or None to leave it`; if it takes `i`, `name` or `prefix`, it is given the module's
index and name in its parent, and the parent's own path."""


class FNMixin:
    """Gives a torch module `forall`, `map`, `walk`, `freeze` and `unfreeze`."""

    def forall(self, fn: Callable[[nn.Module], Any], recurse: bool = False) -> bool:  # noqa: FBT001, FBT002 - as given
        """True if `fn` holds for this module and, with `recurse`, for every module inside."""
        module = _module(self)
        return all(fn(one) for one in (module.modules() if recurse else [module]))

    def map(self, fn: Visit, leaf_only: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Put what `fn` makes of each module in its place, parents first, and return what it made of this one.

        A module that stands in several places is visited once and replaced in all of them. What `fn` puts inside a
        module is not visited.

        Args:
            fn: See `Visit`.
            leaf_only: Visit only modules that hold parameters themselves.
        """
        return _Walk(fn, leaf_only=leaf_only)(_module(self), {})

    def walk(self, fn: Visit, leaf_only: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Visit each module as `map` does: the name for an `fn` that looks, or changes modules where they are."""
        return self.map(fn, leaf_only)

    def freeze(self) -> Self:
        """Exclude every parameter from training, and put the module into evaluation mode."""
        _module(self).requires_grad_(requires_grad=False).eval()
        return self

    def unfreeze(self) -> Self:
        """Train every parameter that can be, which quantised ones cannot, and put the module into training mode."""
        for parameter in _module(self).parameters():
            parameter.requires_grad = parameter.is_floating_point() or parameter.is_complex()
        _module(self).train()
        return self


def _module(mixed: FNMixin) -> nn.Module:
    assert isinstance(mixed, nn.Module)
    return mixed


class _Walk:
    """One walk over a tree; remembers what was made of which module, and keeps both alive meanwhile."""

    def __init__(self, fn: Visit, *, leaf_only: bool) -> None:
        self._fn = fn
        self._leaf_only = leaf_only
        self._made: dict[nn.Module, nn.Module] = {}
        self._taken = _parameter_names(fn)

    def __call__(self, module: nn.Module, place: dict[str, Any]) -> nn.Module:
        if module in self._made:
            return self._made[module]
        # Not named_children, which leaves out the second name of a shared child.
        children = [(name, child) for name, child in module._modules.items() if child is not None]  # noqa: SLF001
        made = self._made[module] = self._visited(module, place)
        prefix = ".".join(filter(None, (place.get("prefix"), place.get("name"))))
        for index, (name, child) in enumerate(children):
            mapped = self(child, {"i": index, "name": name, "prefix": prefix})
            for parent in (module, made):
                if parent._modules.get(name) is child:  # noqa: SLF001
                    parent._modules[name] = mapped  # noqa: SLF001
        return made

    def _visited(self, module: nn.Module, place: dict[str, Any]) -> nn.Module:
        if self._leaf_only and next(module.parameters(recurse=False), None) is None:
            return module
        made = self._fn(module, **{name: value for name, value in place.items() if name in self._taken})
        if made is None:
            return module
        assert isinstance(made, nn.Module)
        return made


def _parameter_names(fn: Visit) -> set[str]:
    try:
        return set(inspect.signature(fn).parameters)
    except ValueError:  # some of Python's own functions tell nothing
        return set()

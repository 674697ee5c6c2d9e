"""The trainer. Its class and its loss are imported only when asked for, since they load torch."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer_core.module import HFAutoModelForImageTextToText, masked_cross_entropy

__all__ = ["HFAutoModelForImageTextToText", "masked_cross_entropy"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from trainer_core import module  # noqa: PLC0415

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

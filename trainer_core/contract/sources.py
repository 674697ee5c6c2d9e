"""Where a model's weights are, once they are on this host: a base model, and adapters to be merged into it."""

from typing import Annotated, Literal

from pydantic import Field

from trainer_core.contract.closed import Closed

MERGED = "merged"
"""Folder of the merged model inside an adapter's artifact."""


class ModelSource(Closed):
    """What makes a model."""

    base_model: str
    """Folder, or a hub id."""
    revision: str | None = None
    """Of a hub id."""
    adapters: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Folders of adapters, each trained on what the base and those before it make."""
    quantization: Literal["none", "nf4", "int8"] = "none"
    """In which the last adapter was trained."""

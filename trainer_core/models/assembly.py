"""A model out of its parts: a base, and adapters that were trained one after the other."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from trainer_core.contract.sources import ModelSource
from trainer_core.models.adapters import read_adapter
from trainer_core.models.loading import load_model, load_processor, own_dtype
from trainer_core.models.passed_over import keep_passed_over


def hub_state(source: ModelSource) -> dict[str, Any]:
    """Keywords of `from_pretrained` that say which state of a hub model is meant."""
    return {"revision": source.revision} if source.revision else {}


def assemble(source: ModelSource, dtype: torch.dtype) -> PreTrainedModel | PeftModel:
    """The model, to be used as it was trained: its last adapter beside a base as that was held in memory then.

    A base that has other adapters merged into it is not quantised again.
    """
    *earlier, last = source.adapters or (None,)
    quantization = "none" if last is None or earlier else source.quantization
    model = load_model(source.base_model, dtype=dtype, quantization=quantization, **hub_state(source))
    for folder in earlier:
        model = _merged(model, str(folder))
    return model if last is None else read_adapter(model, Path(last))


def write_whole(source: ModelSource, folder: Path) -> None:
    """Write the model as one that needs no other: the base in its own precision, every adapter merged into it."""
    name, state = source.base_model, hub_state(source)
    model = load_model(name, dtype=own_dtype(name, **state), **state)
    for adapter in source.adapters:
        model = _merged(model, adapter)
    model.save_pretrained(folder)
    keep_passed_over(model, folder, name, **state)
    load_processor(name, **state).save_pretrained(folder)


def _merged(model: PreTrainedModel, folder: str) -> PreTrainedModel:
    merged: Any = read_adapter(model, Path(folder)).merge_and_unload(safe_merge=True)
    assert isinstance(merged, PreTrainedModel)
    return merged

"""Weights that lie in a base model's files though its class loads none of them: heads that draft tokens ahead, say.

transformers leaves them out when it saves, and a server that wants them finds none in the trained model.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME
from transformers.utils.hub import cached_file

from trainer_core.models.trust import of_files


def keep_passed_over(model: PreTrainedModel, folder: Path, base_model: str, **source: Any) -> None:
    """Save a model once more, with what its base's files hold beside it, if there is anything."""
    files = _files_by_weight(base_model, **source)
    saved = _files_by_weight(str(folder)).keys()
    names = files.keys() - saved - model.state_dict().keys()
    if not names or not saved <= files.keys():  # where names differ, nothing tells the same weights from others
        return
    model.save_pretrained(
        folder, state_dict={**model.state_dict(), **{name: _read(files[name], name) for name in names}}
    )


def _files_by_weight(name: str, **source: Any) -> dict[str, str]:
    """Where each weight of a model lies; nothing if it is not in safetensors."""
    if index := _file(name, SAFE_WEIGHTS_INDEX_NAME, **source):
        shards = json.loads(Path(index).read_text())["weight_map"]
        paths = {shard: _file(name, shard, **source) for shard in set(shards.values())}
        return {weight: path for weight, shard in shards.items() if (path := paths[shard])}
    path = _file(name, SAFE_WEIGHTS_NAME, **source)
    if path is None:
        return {}
    with safe_open(path, "pt") as weights:
        return dict.fromkeys(weights.keys(), path)


def _file(name: str, file: str, **source: Any) -> str | None:
    return cached_file(name, file, _raise_exceptions_for_missing_entries=False, **of_files(source))


def _read(path: str, name: str) -> Tensor:
    with safe_open(path, "pt") as weights:
        tensor: Tensor = weights.get_tensor(name)
    return tensor

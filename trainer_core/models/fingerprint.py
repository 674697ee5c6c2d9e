"""What tells whether a model reads and computes rows as another one does, its weights left out."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from trainer_core.models.loading import Processor, open_config

_WEIGHTS = {".bin", ".gguf", ".h5", ".msgpack", ".onnx", ".ot", ".pt", ".pth", ".safetensors"}


def description(model: PreTrainedModel, processor: Processor) -> dict[str, Any]:
    """What a loaded model computes by: class, config without its folder's name, processor, device and versions."""
    config = model.config.to_dict()
    return {
        "class": type(model).__qualname__,
        "config": {key: value for key, value in config.items() if not key.startswith("_")},
        "processor": processor.to_json_string() if hasattr(processor, "to_json_string") else repr(processor),
        "device": model.device.type,
        "versions": (torch.__version__, transformers.__version__),
    }


def fingerprint(name: str, **source: Any) -> str | None:
    """A digest of the folder's other files, or the commit of a hub model; None if neither is known."""
    folder = Path(name)
    if not folder.is_dir():
        commit: str | None = getattr(open_config(name, **source), "_commit_hash", None)
        return f"{name}@{commit}" if commit else None
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _WEIGHTS):
        digest.update(f"{path.relative_to(folder)} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""What tells whether a model reads rows as another one does: all of its files but the weights."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from transformers import AutoConfig

_WEIGHTS = {".bin", ".gguf", ".h5", ".msgpack", ".onnx", ".ot", ".pt", ".pth", ".safetensors"}


def fingerprint(name: str, **source: Any) -> str | None:
    """A digest of the folder's other files, or the commit of a hub model; None if neither is known."""
    folder = Path(name)
    if not folder.is_dir():
        commit: str | None = getattr(AutoConfig.from_pretrained(name, **source), "_commit_hash", None)
        return f"{name}@{commit}" if commit else None
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _WEIGHTS):
        digest.update(f"{path.relative_to(folder)} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()

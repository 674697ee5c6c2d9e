"""Encoded rows in a file, for whoever would encode the same rows alike: a job's trainer after its check, a retry.

A file's name holds its key and a digest of its content: one that is torn or was changed is not read. It does not know
what a key is made of, but for the version of the code that encodes.
"""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trainer_core.data.encoding import Encoded
from trainer_core.data.reader import Line

_MOST_BYTES = 1024**3
"""Rows that take more, with pictures of many pixels, are encoded again."""
_FREE_SHARE = 4
_FOLDER_BYTES = 8 * 1024**3
"""What all files together may take; the one unused for longest goes."""
_IS_IMAGE = "is_image"
_LIBRARIES = ("transformers", "tokenizers", "pillow", "torchvision")

log = logging.getLogger(__name__)


class Shelf:
    """The rows of one key: those that are there already, or else those that are put there.

    Args:
        folder: Of all shelves.
        key: Whatever the rows depend on; code and libraries are added.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = sha256(f"{key} {_code()}".encode()).hexdigest()[:32]
        self._found = _Found.newest(folder, self._key)
        self._put: list[tuple[int, Encoded]] = []
        self._free_bytes = min(_MOST_BYTES, psutil.virtual_memory().available // _FREE_SHARE)

    def samples(self, line: Line) -> Sequence[Encoded]:
        """What is there of a line; nothing if it is not."""
        return self._found.samples(line.number) if self._found else ()

    def put(self, line: Line, encoded: Encoded) -> None:
        """Add the next sample of a line."""
        self._free_bytes -= sum(tensor.nbytes for tensor in encoded.tensors.values())
        if self._found is None and self._free_bytes >= 0:
            self._put.append((line.number, encoded))

    def save(self) -> None:
        """Leave what was put here for others, if it is all; a disk that does not take it costs them time, no more."""
        if not self._put or self._free_bytes < 0:
            return
        draft = self._folder / f".{self._key}-{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(draft, self._put)
            draft.rename(self._folder / f"{self._key}-{_digest(draft)}")
            _make_room(self._folder)
        except OSError as error:
            log.warning("encoded rows are not kept: %s", error)
            with suppress(OSError):
                draft.unlink()


class _Found:
    """A file that was read."""

    def __init__(self, path: Path) -> None:
        self._samples: dict[int, list[dict[str, Any]]] = defaultdict(list)
        with safe_open(path, "pt") as file:
            for one in json.loads(file.metadata()["samples"]):
                self._samples[one["line"]].append(one)
            self._flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        os.utime(path)

    @classmethod
    def newest(cls, folder: Path, key: str) -> "_Found | None":
        for path in folder.glob(f"{key}-*") if folder.is_dir() else ():
            with suppress(OSError, SafetensorError, ValueError, KeyError):
                if path.name == f"{key}-{_digest(path)}":
                    return cls(path)
            log.warning("%s is not what it was; its rows are encoded again", path)
            path.unlink(missing_ok=True)
        return None

    def samples(self, line: int) -> list[Encoded]:
        return [self._encoded(one) for one in self._samples.get(line, ())]

    def _encoded(self, one: dict[str, Any]) -> Encoded:
        tensors = {name: self._tensor(*place) for name, place in one["tensors"].items()}
        sizes, originals = (tuple((width, height) for width, height in one[name]) for name in ("sizes", "originals"))
        return Encoded(tensors, sizes, originals, tensors.pop(_IS_IMAGE))

    def _tensor(self, name: str, start: int, shape: list[int]) -> Tensor:
        end = start + torch.Size(shape).numel()
        found: Tensor = self._flat[name][start:end].view(shape).clone()  # else each would hold on to all
        return found


def _write(path: Path, samples: Sequence[tuple[int, Encoded]]) -> None:
    flat: dict[str, list[Tensor]] = defaultdict(list)
    lengths: dict[str, int] = defaultdict(int)
    told = []
    for line, encoded in samples:
        places = {}
        for name, tensor in {**encoded.tensors, _IS_IMAGE: encoded.is_image}.items():
            kind = f"{name} {tensor.dtype}"
            places[name] = kind, lengths[kind], list(tensor.shape)
            flat[kind].append(tensor.reshape(-1))
            lengths[kind] += tensor.numel()
        told.append({"line": line, "tensors": places, "sizes": encoded.sizes, "originals": encoded.original_sizes})
    save_file({kind: torch.cat(parts) for kind, parts in flat.items()}, path, {"samples": json.dumps(told)})


def _make_room(folder: Path) -> None:
    files = sorted((path for path in folder.iterdir()), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > _FOLDER_BYTES:
            path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()[:32]


def _code() -> str:
    """What encodes, by its content and the versions of its libraries."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return " ".join([digest, *(version(name) for name in _LIBRARIES)])

"""Features of images and prepared rows on disk, shared by all runs that are given the same folder.

An entry is a safetensors file, named by its key and carrying a digest of itself. It is written beside and renamed, so
that readers see it whole or not at all, and of two writers one wins with the same content. Whatever an entry does not
prove to be, it is not: it is deleted and made again. What was not read for longest goes first when there is no room.
"""

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, Self

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trainer_core.data.prepared import Shelf
from trainer_core.models.sight import Features

log = logging.getLogger(__name__)

_KEPT_SHARE = 0.9
"""Of the budget that is left filled when room is made, so that it is not made for every entry."""
_MEMORY_SHARE = 4
"""Of the free memory, features of one run take at most this part."""
_SEPARATOR = "/"
"""Between a feature's name and its place in a list."""


class FeatureStore(Shelf, Protocol):
    """A shelf that knows its budget; one on disk is for other runs too."""

    max_bytes: int
    is_on_disk: bool

    def has(self, key: str) -> bool:
        """True if there is an entry, whatever it turns out to be."""


class InMemory:
    """Features of one run, where no folder was given.

    Args:
        max_bytes: Beyond it nothing more is kept.
    """

    is_on_disk = False

    @classmethod
    def of_free_memory(cls) -> Self:
        """With a part of the memory that is free."""
        return cls(psutil.virtual_memory().available // _MEMORY_SHARE)

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._kept: dict[str, Features] = {}
        self._num_bytes = 0

    def has(self, key: str) -> bool:
        """True if it is kept."""
        return key in self._kept

    def get(self, key: str) -> Features | None:
        """What was kept."""
        return self._kept.get(key)

    def put(self, key: str, features: Features) -> None:
        """Keep features, if there is room."""
        tensors, lists = _flat(features)
        num_bytes = sum(tensor.nbytes for tensor in tensors.values())
        if self._num_bytes + num_bytes <= self.max_bytes:
            self._num_bytes += num_bytes
            self._kept[key] = _nested(tensors, lists)

    def recall(self, key: str) -> str | None:
        """Nothing: this run is the only one."""

    def remember(self, key: str, finding: str) -> None:
        """For nobody."""


class OnDisk:
    """A folder of entries by key, and a budget for them.

    Args:
        folder: Made if it is not there.
        max_bytes: What all entries may take together.
    """

    is_on_disk = True

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self.max_bytes = max_bytes
        self._proven: set[str] = set()
        self._num_bytes: int | None = None
        """As far as this process knows; None until it writes."""
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, key: str) -> bool:
        """True if there is an entry, whatever it turns out to be."""
        return self._path(key).exists()

    def get(self, key: str) -> Features | None:
        """Features of a key, mapped from the file; None if there are none, or none that can be trusted."""
        path = self._path(key)
        try:
            with safe_open(path, "pt") as entry:
                told = entry.metadata() or {}
                tensors = {name: entry.get_tensor(name) for name in entry.keys()}  # noqa: SIM118 - no mapping
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            _distrust(path, str(error))
            return None
        if key not in self._proven:
            if told.get("key") != key or told.get("digest") != _digest(tensors, told.get("lists", "")):
                _distrust(path, "it is another's, or damaged")
                return None
            self._proven.add(key)
            with suppress(OSError):
                os.utime(path)  # what was read for longest ago goes first
            del tensors
            return self.get(key)  # mapped anew: the proof has brought every page into memory
        return _nested(tensors, json.loads(told["lists"]))

    def put(self, key: str, features: Features) -> None:
        """Keep features; where the disk has no room they are not kept, and that is told."""
        tensors, lists = _flat(features)
        places = json.dumps(lists)
        told = {"key": key, "digest": _digest(tensors, places), "lists": places}
        if self._write(self._path(key), lambda draft: save_file(tensors, draft, metadata=told)):
            self._proven.add(key)

    def recall(self, key: str) -> str | None:
        """What was found out under this name, if anything was."""
        with suppress(OSError, UnicodeError):
            name, _, finding = self._finding(key).read_text(encoding="utf-8").partition("\n")
            return finding if name == f"{key} {sha256(finding.encode()).hexdigest()}" else None
        return None

    def remember(self, key: str, finding: str) -> None:
        """Keep what was found out."""
        text = f"{key} {sha256(finding.encode()).hexdigest()}\n{finding}"
        self._write(self._finding(key), lambda draft: draft.write_text(text, encoding="utf-8"))

    def _write(self, path: Path, write: Callable[[Path], object]) -> bool:
        """Put a file in its place, whole; False, and told, if there is no room for it."""
        try:
            path.parent.mkdir(exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
            os.close(descriptor)
            draft = Path(name)
            try:
                write(draft)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            self._count(path)
        except (OSError, SafetensorError) as error:
            log.warning("an entry is not kept: %s", error)
            return False
        return True

    def _count(self, path: Path) -> None:
        if self._num_bytes is None:
            self._num_bytes = sum(size for _, size, _ in self._entries())
        else:
            self._num_bytes += path.stat().st_size
        if self._num_bytes > self.max_bytes:
            self._make_room()

    def _make_room(self) -> None:
        """Delete what was not read for longest, until there is room; others may do so at the same time."""
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= _KEPT_SHARE * self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._num_bytes = total

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                yield found.st_mtime, found.st_size, path

    def _finding(self, key: str) -> Path:
        return self._folder / "findings" / f"{key}.json"

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.safetensors"


def _distrust(path: Path, why: str) -> None:
    log.warning("an entry of the cache is made again: %s: %s", path.name, why)
    path.unlink(missing_ok=True)


def bytes_of(tensor: Tensor) -> memoryview:
    """What a tensor on the CPU holds, for digests."""
    array: Any = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    return memoryview(array)


def _flat(features: Features) -> tuple[dict[str, Tensor], Any]:
    """Tensors by name and place, and what lists they stand in: a place in the list is None where a tensor stands."""
    tensors: dict[str, Tensor] = {}

    def lay(name: str, value: Any) -> Any:
        if isinstance(value, Tensor):
            tensors[name] = _alone(value)
            return None
        return [lay(f"{name}{_SEPARATOR}{at}", one) for at, one in enumerate(value)]

    return tensors, {name: lay(name, value) for name, value in features.items()}


def _nested(tensors: Mapping[str, Tensor], lists: Mapping[str, Any]) -> Features:
    def raise_up(name: str, places: Any) -> Any:
        if places is None:
            return tensors[name]
        return [raise_up(f"{name}{_SEPARATOR}{at}", one) for at, one in enumerate(places)]

    return {name: raise_up(name, places) for name, places in lists.items()}


def _alone(tensor: Tensor) -> Tensor:
    """On the CPU, without what else shares its memory, which would be kept with it."""
    found = tensor.detach().cpu().contiguous()
    return found if found.untyped_storage().nbytes() == found.nbytes else found.clone()


def _digest(tensors: Mapping[str, Tensor], places: str) -> str:
    digest = sha256(places.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()

"""A file on its way, as it lies on the disk: pieces that grow at their ends, then one file, then its name.

How much there is of a piece is the length of its file, so that whoever goes on after a crash knows where, and nothing
that was brought is brought again.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from client.errors import UnsafePath
from client.views import ArtifactFile
from trainer_core.contract.manifest import sha256_of

OnBytes = Callable[[int], None]
"""Hears of every so many bytes more, or fewer where some must be fetched again; from several threads."""
PIECE_BYTES = 1 << 26
"""A longer file comes over several connections, so much of it over each."""


@dataclass(frozen=True)
class Piece:
    """The bytes of a file from `start` to before `end`."""

    file: ArtifactFile
    path: Path
    joined: Path
    """What lies here begins with it, if it is long enough."""
    start: int
    end: int

    def num_missing(self) -> int:
        """How many bytes are still to come."""
        if self.end <= _size(self.joined):
            return 0
        return max(self.end - self.start - _size(self.path), 0)


@dataclass(frozen=True)
class Arriving:
    """A file of an artifact, and where it goes."""

    file: ArtifactFile
    target: Path

    @classmethod
    def bound_for(cls, folder: Path, file: ArtifactFile) -> "Arriving":
        """A file that goes into a folder.

        Raises:
            UnsafePath: It would lie outside of it.
        """
        parts = PurePosixPath(file.path).parts
        target = folder.joinpath(*parts)
        is_plain = bool(parts) and ".." not in parts and "\\" not in file.path and "\0" not in file.path
        if not is_plain or not target.resolve().is_relative_to(folder.resolve()):
            raise UnsafePath(file.path)
        return cls(file, target)

    @property
    def joined(self) -> Path:
        """Where it becomes one file before it gets its name; its first piece grows here."""
        return self.target.with_name(f"{self.target.name}.part")

    def is_there(self) -> bool:
        """True if it has its name, its size and its checksum."""
        return self._is_whole(self.target)

    def pieces(self) -> list[Piece]:
        """All of it."""
        starts = range(0, self.file.num_bytes, PIECE_BYTES) or [0]
        ends = [*starts[1:], self.file.num_bytes]
        paths = [self.joined, *(self.joined.with_name(f"{self.joined.name}{number}") for number in range(1, len(ends)))]
        return [
            Piece(self.file, path, self.joined, start, end)
            for path, start, end in zip(paths, starts, ends, strict=True)
        ]

    def num_there(self) -> int:
        """How many bytes of it have been brought."""
        return self.file.num_bytes - sum(piece.num_missing() for piece in self.pieces())

    def takes_its_name(self) -> bool:
        """Make one file of the pieces and name it if it has its checksum; if not, False, and nothing is left of it."""
        for piece in self.pieces()[1:]:
            if piece.path.exists():
                _append(piece)
        if self._is_whole(self.joined):
            self.joined.rename(self.target)
            return True
        self.joined.unlink()
        return False

    def _is_whole(self, path: Path) -> bool:
        return _size(path) == self.file.num_bytes and path.is_file() and sha256_of(path) == self.file.sha256


def _append(piece: Piece) -> None:
    """Whoever is interrupted here begins again at the piece's start: it is removed last."""
    with piece.joined.open("r+b") as joined, piece.path.open("rb") as more:
        joined.truncate(piece.start)
        joined.seek(piece.start)
        shutil.copyfileobj(more, joined, 1 << 20)
    piece.path.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

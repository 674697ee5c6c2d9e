"""A folder as a stream of tar: memory holds one chunk, the disk nothing."""

import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def tar_stream(folder: Path, names: Iterable[str], *, prefix: str) -> Iterator[bytes]:
    """Tar the files `names` of `folder` under the folder name `prefix`."""
    for name in names:
        path = folder / name
        member = tarfile.TarInfo(f"{prefix}/{name}")
        status = path.stat()
        member.size, member.mtime = status.st_size, int(status.st_mtime)
        yield member.tobuf(tarfile.PAX_FORMAT)
        yield from _padded(path)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _padded(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
        if rest := file.tell() % tarfile.BLOCKSIZE:
            yield bytes(tarfile.BLOCKSIZE - rest)

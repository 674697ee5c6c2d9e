"""A folder as a stream of tar: memory holds one chunk, the disk nothing."""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO

_CHUNK_BYTES = 1 << 20


def tar_stream(
    sizes: Iterable[tuple[str, int]], read: Callable[[str], IO[bytes]], *, prefix: str, seconds: float
) -> Iterator[bytes]:
    """Tar files under the folder name `prefix`.

    Args:
        sizes: Name and bytes of each file.
        read: Opens a file by its name.
        prefix: The folder's name.
        seconds: Time of all files, since the epoch.
    """
    for name, num_bytes in sizes:
        member = tarfile.TarInfo(f"{prefix}/{name}")
        member.size, member.mtime = num_bytes, int(seconds)
        yield member.tobuf(tarfile.PAX_FORMAT)
        with read(name) as file:
            yield from _padded(file, name, num_bytes)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _padded(file: IO[bytes], name: str, num_bytes: int) -> Iterator[bytes]:
    left = num_bytes
    while left and (chunk := file.read(min(_CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk
    if left:
        raise EOFError(f"{name} ends {left} bytes early")  # no archive at all is better than one that lies
    if rest := num_bytes % tarfile.BLOCKSIZE:
        yield bytes(tarfile.BLOCKSIZE - rest)

"""Receiving a file: streamed to disk, counted and hashed as it comes. It knows no table."""

import errno
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio

from store.remote import StorageFull


class DatasetTooLarge(Exception):
    """The file is larger than this service takes."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the dataset is larger than {max_bytes} bytes, the most that this service takes")


@dataclass(frozen=True)
class Received:
    """What has come in."""

    num_bytes: int
    sha256: str


async def receive(chunks: AsyncIterator[bytes], path: Path, max_bytes: int) -> Received:
    """Write a stream to `path`; memory holds one chunk of it.

    Raises:
        DatasetTooLarge: More than `max_bytes` came; what was written is left for the caller to delete.
        StorageFull: The disk is full; likewise.
    """
    digest = hashlib.sha256()
    num_bytes = 0
    async with await anyio.open_file(path, "wb") as file:
        async for chunk in chunks:
            num_bytes += len(chunk)
            if num_bytes > max_bytes:
                raise DatasetTooLarge(max_bytes)
            digest.update(chunk)
            try:
                await file.write(chunk)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise StorageFull from error
                raise
    return Received(num_bytes, digest.hexdigest())

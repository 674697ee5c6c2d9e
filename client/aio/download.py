"""Downloads: resumed where they stopped, over several connections, every file verified before it gets its name."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from client.aio.concurrency import blocking, checkpoint, each
from client.aio.transport import AsyncTransport
from client.errors import ConnectionBroken, DownloadCorrupted
from client.pieces import Arriving, OnBytes, Piece
from client.views import Artifact
from trainer_core.contract.manifest import Manifest, ManifestFile

_NUM_CONNECTIONS = 8
_NUM_HASHED_AT_A_TIME = 4
_NUM_FETCHES = 2


async def download(transport: AsyncTransport, artifact: Artifact, folder: Path, on_bytes: OnBytes) -> None:
    """Bring the files of an artifact into `folder`; those that are there already and whole are left alone.

    The manifest is written last, so that a folder with one is complete.

    Raises:
        DownloadCorrupted: A file came with a wrong checksum, twice.
        UnsafePath: A file would lie outside of `folder`; nothing was downloaded.
    """
    wanted: Sequence[Arriving] = [Arriving.bound_for(folder, file) for file in artifact.files]
    wanted = await _not_there(wanted, on_bytes)
    for _ in range(_NUM_FETCHES):
        wanted = await _fetched_in_vain(transport, artifact.job_id, wanted, on_bytes)
    if wanted:
        raise DownloadCorrupted(wanted[0].file.path)
    files = tuple(ManifestFile(path=one.path, num_bytes=one.num_bytes, sha256=one.sha256) for one in artifact.files)
    await blocking(Manifest(files=files).save, folder)


async def download_file(transport: AsyncTransport, path: str, target: Path, on_bytes: OnBytes) -> None:
    """Bring what has no checksum to `target`, from its beginning; it gets its name once all of it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    async with transport.stream(path, {}) as response:
        with part.open("wb") as written:
            async for chunk in response.aiter_bytes():
                written.write(chunk)
                on_bytes(len(chunk))
    part.rename(target)


async def _not_there(files: Sequence[Arriving], on_bytes: OnBytes) -> Sequence[Arriving]:
    there = set[str]()

    async def look(arriving: Arriving) -> None:
        if await blocking(arriving.is_there):
            there.add(arriving.file.path)
            on_bytes(arriving.file.num_bytes)

    await each(look, files, at_a_time=_NUM_HASHED_AT_A_TIME)
    return [one for one in files if one.file.path not in there]


async def _fetched_in_vain(
    transport: AsyncTransport, job_id: str, files: Sequence[Arriving], on_bytes: OnBytes
) -> Sequence[Arriving]:
    """Bring files; gives those that came with a wrong checksum, of which nothing is left."""
    wrong = list[Arriving]()

    async def check(arriving: Arriving) -> None:
        num_bytes = arriving.num_there()
        if not await blocking(arriving.takes_its_name):
            on_bytes(-num_bytes)
            wrong.append(arriving)

    for one in files:
        one.target.parent.mkdir(parents=True, exist_ok=True)
        one.joined.touch()
        on_bytes(one.num_there())
    pieces = [piece for one in files for piece in one.pieces()]
    await each(partial(_fetch, transport, job_id, on_bytes), pieces, at_a_time=_NUM_CONNECTIONS)
    await each(check, files, at_a_time=_NUM_HASHED_AT_A_TIME)
    return wrong


async def _fetch(transport: AsyncTransport, job_id: str, on_bytes: OnBytes, piece: Piece) -> None:
    """Bring a piece to its full size, however often the connection breaks, as long as each one brings something."""
    path = f"/jobs/{job_id}/artifacts/{quote(piece.file.path)}"
    missing, before = piece.num_missing(), None
    while missing and missing != before:
        before = missing
        try:
            await _fetch_rest(transport, path, piece, on_bytes)
        except ConnectionBroken:
            if piece.num_missing() >= before:
                raise
        missing = piece.num_missing()


async def _fetch_rest(transport: AsyncTransport, path: str, piece: Piece, on_bytes: OnBytes) -> None:
    missing, skipped = piece.num_missing(), 0
    first = piece.end - missing
    is_whole = (first, piece.end) == (0, piece.file.num_bytes)
    rest = {} if is_whole else {"Range": f"bytes={first}-{piece.end - 1}", "If-Range": f'"{piece.file.sha256}"'}
    async with transport.stream(path, rest) as response:
        with piece.path.open("ab") as written:
            if response.status_code != 206:  # noqa: PLR2004 - the whole file comes instead of what was asked for
                skipped = first
            async for chunk in response.aiter_bytes():  # as they come: what was gathered would be lost when it breaks
                await checkpoint()
                wanted = chunk[skipped : skipped + missing]
                skipped = max(skipped - len(chunk), 0)
                missing -= len(wanted)
                written.write(wanted)
                on_bytes(len(wanted))

# Made from client/aio/download.py by `make client-sync`: change that file, not this one.
"""Downloads: resumed where they stopped, over several connections, every file verified before it gets its name."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from client.errors import ConnectionBroken, DownloadCorrupted
from client.pieces import Arriving, OnBytes, Piece
from client.sync.concurrency import blocking, checkpoint, each
from client.sync.transport import Transport
from client.views import Artifact
from trainer_core.contract.manifest import Manifest, ManifestFile

_NUM_CONNECTIONS = 8
_NUM_HASHED_AT_A_TIME = 4
_NUM_FETCHES = 2


def download(transport: Transport, artifact: Artifact, folder: Path, on_bytes: OnBytes) -> None:
    """Bring the files of an artifact into `folder`; those that are there already and whole are left alone.

    The manifest is written last, so that a folder with one is complete.

    Raises:
        DownloadCorrupted: A file came with a wrong checksum, twice.
        UnsafePath: A file would lie outside of `folder`; nothing was downloaded.
    """
    wanted: Sequence[Arriving] = [Arriving.bound_for(folder, file) for file in artifact.files]
    wanted = _not_there(wanted, on_bytes)
    for _ in range(_NUM_FETCHES):
        wanted = _fetched_in_vain(transport, artifact.job_id, wanted, on_bytes)
    if wanted:
        raise DownloadCorrupted(wanted[0].file.path)
    files = tuple(ManifestFile(path=one.path, num_bytes=one.num_bytes, sha256=one.sha256) for one in artifact.files)
    blocking(Manifest(files=files).save, folder)


def download_file(transport: Transport, path: str, target: Path, on_bytes: OnBytes) -> None:
    """Bring what has no checksum to `target`, from its beginning; it gets its name once all of it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with transport.stream(path, {}) as response:
        with part.open("wb") as written:
            for chunk in response.iter_bytes():
                written.write(chunk)
                on_bytes(len(chunk))
    part.rename(target)


def _not_there(files: Sequence[Arriving], on_bytes: OnBytes) -> Sequence[Arriving]:
    there = set[str]()

    def look(arriving: Arriving) -> None:
        if blocking(arriving.is_there):
            there.add(arriving.file.path)
            on_bytes(arriving.file.num_bytes)

    each(look, files, at_a_time=_NUM_HASHED_AT_A_TIME)
    return [one for one in files if one.file.path not in there]


def _fetched_in_vain(
    transport: Transport, job_id: str, files: Sequence[Arriving], on_bytes: OnBytes
) -> Sequence[Arriving]:
    """Bring files; gives those that came with a wrong checksum, of which nothing is left."""
    wrong = list[Arriving]()

    def check(arriving: Arriving) -> None:
        num_bytes = arriving.num_there()
        if not blocking(arriving.takes_its_name):
            on_bytes(-num_bytes)
            wrong.append(arriving)

    for one in files:
        one.target.parent.mkdir(parents=True, exist_ok=True)
        one.joined.touch()
        on_bytes(one.num_there())
    pieces = [piece for one in files for piece in one.pieces()]
    each(partial(_fetch, transport, job_id, on_bytes), pieces, at_a_time=_NUM_CONNECTIONS)
    each(check, files, at_a_time=_NUM_HASHED_AT_A_TIME)
    return wrong


def _fetch(transport: Transport, job_id: str, on_bytes: OnBytes, piece: Piece) -> None:
    """Bring a piece to its full size, however often the connection breaks, as long as each one brings something."""
    path = f"/jobs/{job_id}/artifacts/{quote(piece.file.path)}"
    missing, before = piece.num_missing(), None
    while missing and missing != before:
        before = missing
        try:
            _fetch_rest(transport, path, piece, on_bytes)
        except ConnectionBroken:
            if piece.num_missing() >= before:
                raise
        missing = piece.num_missing()


def _fetch_rest(transport: Transport, path: str, piece: Piece, on_bytes: OnBytes) -> None:
    missing, skipped = piece.num_missing(), 0
    first = piece.end - missing
    is_whole = (first, piece.end) == (0, piece.file.num_bytes)
    rest = {} if is_whole else {"Range": f"bytes={first}-{piece.end - 1}", "If-Range": f'"{piece.file.sha256}"'}
    with transport.stream(path, rest) as response:
        with piece.path.open("ab") as written:
            if response.status_code != 206:  # noqa: PLR2004 - the whole file comes instead of what was asked for
                skipped = first
            for chunk in response.iter_bytes():  # as they come: what was gathered would be lost when it breaks
                checkpoint()
                wanted = chunk[skipped : skipped + missing]
                skipped = max(skipped - len(chunk), 0)
                missing -= len(wanted)
                written.write(wanted)
                on_bytes(len(wanted))

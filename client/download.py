"""Downloading an artifact: resumed where it stopped, every file verified before it gets its name."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from client.errors import ConnectionBroken, DownloadCorrupted, UnsafePath
from client.transport import Transport
from client.views import Artifact, ArtifactFile
from trainer_core.contract.manifest import Manifest, ManifestFile, sha256_of

OnBytes = Callable[[int], None]
"""Hears of every so many bytes more, or fewer where some must be fetched again."""
_NUM_FETCHES = 2


def download(transport: Transport, artifact: Artifact, folder: Path, on_bytes: OnBytes) -> None:
    """Bring the files of an artifact into `folder`; those that are there already and whole are left alone.

    The manifest is written last, so that a folder with one is complete.

    Raises:
        DownloadCorrupted: A file came with a wrong checksum, twice.
        UnsafePath: A file would lie outside of `folder`; nothing was downloaded.
    """
    targets = [(file, _target(folder, file.path)) for file in artifact.files]
    for file, target in targets:
        if _is_whole(target, file):
            on_bytes(file.num_bytes)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch_whole(transport, artifact.job_id, file, target, on_bytes)
    files = tuple(ManifestFile(path=one.path, num_bytes=one.num_bytes, sha256=one.sha256) for one in artifact.files)
    Manifest(files=files).save(folder)


def _target(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    target = folder.joinpath(*parts)
    is_plain = bool(parts) and ".." not in parts and "\\" not in path and "\0" not in path
    if not is_plain or not target.resolve().is_relative_to(folder.resolve()):
        raise UnsafePath(path)
    return target


def _fetch_whole(transport: Transport, job_id: str, file: ArtifactFile, target: Path, on_bytes: OnBytes) -> None:
    part = target.with_name(f"{target.name}.part")
    for _ in range(_NUM_FETCHES):
        _fetch(transport, f"/jobs/{job_id}/artifacts/{quote(file.path)}", file, part, on_bytes)
        if _is_whole(part, file):
            part.rename(target)
            return
        on_bytes(-part.stat().st_size)
        part.unlink()
    raise DownloadCorrupted(file.path)


def _fetch(transport: Transport, url_path: str, file: ArtifactFile, part: Path, on_bytes: OnBytes) -> None:
    """Bring `part` to its full size, however often the connection breaks, as long as each one brings something."""
    part.touch()
    num_bytes, last = part.stat().st_size, -1
    on_bytes(num_bytes)
    while last < num_bytes < file.num_bytes:
        last = num_bytes
        try:
            _fetch_rest(transport, url_path, file, part, on_bytes)
        except ConnectionBroken:
            if part.stat().st_size <= last:
                raise
        num_bytes = part.stat().st_size


def _fetch_rest(transport: Transport, url_path: str, file: ArtifactFile, part: Path, on_bytes: OnBytes) -> None:
    num_bytes = part.stat().st_size
    rest = {"Range": f"bytes={num_bytes}-", "If-Range": f'"{file.sha256}"'} if num_bytes else {}
    with transport.stream(url_path, rest) as response, part.open("ab") as written:
        if num_bytes and response.status_code != 206:  # noqa: PLR2004 - the whole file comes instead of its rest
            written.truncate(0)
            on_bytes(-num_bytes)
        for chunk in response.iter_bytes():  # as they come: gathering them would lose the last ones when it breaks
            written.write(chunk)
            on_bytes(len(chunk))


def _is_whole(path: Path, file: ArtifactFile) -> bool:
    return path.is_file() and path.stat().st_size == file.num_bytes and sha256_of(path) == file.sha256

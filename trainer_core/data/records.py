"""Files of rows in the forms that people have them, as records: JSONL, JSON, Parquet, WebDataset, zip.

A record is what its file says, each with its place; which of its keys mean what is for `dialects` to know.
"""

import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any

from trainer_core.contract.dataset import MAX_IMAGE_BYTES, DatasetFault
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.places import Place
from trainer_core.data.zips import BrokenZip, reading

MAX_LINE_BYTES = 160 * 1024**2
"""Of one record: ten images of 10 MB in base64, and text."""
MAX_MEMBERS = 1_000_000
"""Files in a zip."""
_HEAD_BYTES = 512
"""By so many a form is known."""
BOM = b"\xef\xbb\xbf"
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_BATCH_ROWS = 8
"""Of a table in memory; each may have ten images of 10 MB."""
_MAX_DEPTH = 200
"""Of JSON; no row needs ten."""
_MAX_RATIO = 100
"""Between rows and the zip that they come in, where they are many; what is smaller by more is made to fill a disk."""
_MANY_BYTES = 100 * 1024**2
_ROW_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json", ".parquet", ".tar"})
_TAR_MAGIC = slice(257, 262)


@dataclass(frozen=True)
class Record:
    """One row as its file has it."""

    place: Place
    content: bytes | Mapping[str, Any] | DatasetFault
    """A line of JSON, empty where it is blank; what a table or a list holds; or why there is nothing."""
    attached: Mapping[str, bytes] = field(default_factory=dict)
    """Images that came with it, by the name of their file."""


class Form(Enum):
    """How a file holds its rows; the values are for people."""

    JSONL = "JSONL"
    JSON = "JSON"
    PARQUET = "Parquet"
    TAR = "WebDataset"
    ZIP = "zip"


def form_of(head: bytes) -> Form:
    """The form of a file that begins so; what begins like nothing known is taken for JSONL."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Form.ZIP
    if head.startswith(b"PAR1"):
        return Form.PARQUET
    if head[_TAR_MAGIC] == b"ustar":
        return Form.TAR
    return Form.JSON if head.removeprefix(BOM).lstrip().startswith(b"[") else Form.JSONL


def form_at(file: IO[bytes]) -> Form:
    """The form of an open file, which is left at its beginning."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    return form_of(head)


def form_of_file(path: Path) -> Form:
    """The form of a file."""
    with path.open("rb") as file:
        return form_at(file)


def records(path: Path) -> Iterator[Record]:
    """Every record of a file, in its order.

    Raises:
        InvalidDataset: The file is broken, or holds no rows in a form that is read.
    """
    with path.open("rb") as file:
        form = form_at(file)
        if form is not Form.ZIP:
            yield from _of_form[form](file, None)
            return
        with _opened(file) as archive:
            for name in row_files(archive):
                with archive.open(name) as member:
                    form = form_at(member)
                    if form is Form.ZIP:
                        raise InvalidDataset([_broken(name, "a zip inside a zip is not read; unpack it")])
                    yield from _of_form[form](member, name)


def row_files(archive: zipfile.ZipFile) -> list[str]:
    """Names of the files that hold the rows of an archive: one, or numbered ones, which are read one after the other.

    Raises:
        InvalidDataset: There is none, or it is not clear which is meant.
    """
    found = sorted(name for name in archive.namelist() if _is_visible(name) and suffix(name) in _ROW_SUFFIXES)
    if not found:
        raise InvalidDataset([_broken(None, "the archive has no .jsonl, .json, .parquet or .tar file with rows in it")])
    if len({re.sub(r"\d+", "#", name) for name in found}) > 1:
        detail = f"the archive has several files of rows: {', '.join(found[:5])}; leave one of them in it"
        raise InvalidDataset([_broken(None, detail)])
    _check_size([archive.getinfo(name) for name in found])
    return found


def _check_size(files: Sequence[zipfile.ZipInfo]) -> None:
    unpacked, packed = (
        sum(sizes) for sizes in zip(*((one.file_size, one.compress_size) for one in files), strict=True)
    )
    if unpacked > _MANY_BYTES + _MAX_RATIO * packed:
        detail = f"its rows are more than {_MAX_RATIO} times as large as the zip; upload them as they are"
        raise InvalidDataset([_broken(None, detail)])


@contextmanager
def _opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    try:
        with reading(), zipfile.ZipFile(file) as archive:
            if len(archive.namelist()) > MAX_MEMBERS:
                raise InvalidDataset([_broken(None, f"the archive has more than {MAX_MEMBERS} files")])
            yield archive
    except BrokenZip as error:
        raise InvalidDataset([_broken(None, f"the zip cannot be read: {error}")]) from error


def suffix(name: str) -> str:
    """Of a file's name, in small letters."""
    return PurePosixPath(name).suffix.lower()


def _is_visible(name: str) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _lines(file: IO[bytes], within: str | None) -> Iterator[Record]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        piece = line
        while len(piece) > MAX_LINE_BYTES and not piece.endswith(b"\n"):
            piece = file.readline(MAX_LINE_BYTES + 1)
        yield Record(Place(number, file=within), (line.removeprefix(BOM) if number == 1 else line).strip())


def _items(file: IO[bytes], within: str | None) -> Iterator[Record]:
    import ijson  # noqa: PLC0415 - only where it is needed

    number = 0
    try:
        events = _not_deep(ijson.basic_parse(_without_mark(file), use_float=True), ijson.JSONError)
        for number, item in enumerate(ijson.items(ijson.parse(events), "item"), 1):
            content = item if isinstance(item, dict) else json.dumps(item).encode()
            yield Record(Place(number, file=within), content)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        detail = f"from here on the file is not JSON: {error}"
        raise InvalidDataset([Place(number + 1, file=within).fault("not_json", detail)]) from error


def _not_deep(events: Iterable[tuple[str, Any]], error: type[Exception]) -> Iterator[tuple[str, Any]]:
    depth = 0
    for event, value in events:
        depth += event.startswith("start_") - event.startswith("end_")
        if depth > _MAX_DEPTH:
            raise error(f"nested deeper than {_MAX_DEPTH} levels")
        yield event, value


def _without_mark(file: IO[bytes]) -> IO[bytes]:
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    return file


def _table(file: IO[bytes], within: str | None) -> Iterator[Record]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH_ROWS):
            for content in batch.to_pylist():
                number += 1
                yield Record(Place(number, file=within), content)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last one of a name, or of a text
        raise InvalidDataset([_broken(within, f"the Parquet file cannot be read: {error}")]) from error


def _samples(file: IO[bytes], within: str | None) -> Iterator[Record]:
    """Of WebDataset: neighbouring files whose names are the same up to the first dot."""
    try:
        # Archives that were simply joined are read to their end.
        with tarfile.open(fileobj=file, mode="r|", ignore_zeros=True) as archive:
            members = (one for one in archive if one.isfile() and _is_visible(one.name))
            for number, (key, group) in enumerate(groupby(members, key=lambda one: _key(one.name)), 1):
                files = {one.name: _read(archive, one) for one in group}
                yield _sample(Place(number, file=within), key, files)
    except (tarfile.TarError, EOFError) as error:
        raise InvalidDataset([_broken(within, f"the tar file cannot be read: {error}")]) from error


def _key(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.parent / path.name.partition(".")[0])


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of a file, or so many of a very large one that it is seen to be too large."""
    file = archive.extractfile(member)
    assert file is not None
    return file.read((MAX_IMAGE_BYTES if suffix(member.name) in IMAGE_SUFFIXES else MAX_LINE_BYTES) + 1)


def _sample(place: Place, key: str, files: Mapping[str, bytes]) -> Record:
    images = {name: content for name, content in files.items() if suffix(name) in IMAGE_SUFFIXES}
    by_suffix = {suffix(name): content for name, content in files.items()}
    if ".json" in by_suffix:
        return Record(place, by_suffix[".json"].strip(), images)
    if ".txt" not in by_suffix:
        detail = f"the sample {key!r} has neither a .json nor a .txt file"
        return Record(place, place.fault("invalid_row", detail))
    try:
        answer = by_suffix[".txt"].decode().strip()
    except UnicodeDecodeError as error:
        return Record(place, place.fault("not_utf8", f"byte {error.start} of its text is not UTF-8"))
    asked = {"role": "user", "content": [{"type": "image", "image": name} for name in images]}
    return Record(place, {"messages": [asked, {"role": "assistant", "content": answer}]}, images)


def _broken(within: str | None, detail: str) -> DatasetFault:
    return DatasetFault(code="invalid_file", file=within, detail=detail)


_of_form: dict[Form, Callable[[IO[bytes], str | None], Iterator[Record]]] = {
    Form.JSONL: _lines,
    Form.JSON: _items,
    Form.PARQUET: _table,
    Form.TAR: _samples,
}

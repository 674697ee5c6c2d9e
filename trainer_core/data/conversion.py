"""Any file of rows to the one form that training reads: JSONL in OpenAI's format, images as data URLs.

A file that has this form already stays as it is. Every row is checked on the way and every image decoded.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from trainer_core.contract.dataset import MAX_FAULTS, DatasetFault, DatasetReport, RowKind
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.dialects import draft
from trainer_core.data.images import InvalidImage, data_url, decode
from trainer_core.data.placing import NotARow
from trainer_core.data.reader import checked, checked_size, faults_of, parse
from trainer_core.data.records import Form, Record, form_of_file, records
from trainer_core.data.rows import ANY_ROW, AnyRow, ImagePart, ImageUrl
from trainer_core.data.sources import ADDRESS, UPLOADED, Sources, ZipImages
from trainer_core.data.zips import BrokenZip


@dataclass
class _Tally:
    kind: RowKind | None = None
    """Of the first row."""
    num_rows: int = 0
    num_images: int = 0
    num_faults: int = 0
    faults: list[DatasetFault] = field(default_factory=list)
    unused: set[str] = field(default_factory=set)
    is_changed: bool = False

    def check_kind(self, kind: RowKind, record: Record) -> None:
        """Raise `InvalidDataset` for a row of another kind than the first one."""
        self.kind = self.kind or kind
        if kind != self.kind:
            detail = f"a {kind} in a file that begins with a {self.kind}; make a file of each"
            raise InvalidDataset([record.place.fault("other_kind", detail)])

    def refuse(self, error: InvalidDataset) -> None:
        self.num_faults += len(error.faults)
        self.faults += error.faults[: MAX_FAULTS - len(self.faults)]


@dataclass(frozen=True)
class _Understood:
    """A record as a row, its images still named."""

    row: AnyRow
    attached: Mapping[str, bytes]
    unused: frozenset[str]
    is_changed: bool


def convert(path: Path, sources: Sources, output: IO[bytes] | None = None) -> DatasetReport:
    """Check every row of a file, and write it to `output` if there is one.

    A record is one line of the output, whether it is blank or not, so that places stay what they are.
    """
    tally = _Tally()
    try:
        for record in records(path):
            line = _converted(record, sources, tally)
            if output is not None:
                output.write(line + b"\n")
    except InvalidDataset as error:  # the file breaks off
        tally.refuse(error)
    if tally.num_rows == 0 and not tally.num_faults:
        tally.refuse(InvalidDataset([DatasetFault(code="empty_dataset", detail="the file has no rows")]))
    form = form_of_file(path)
    return DatasetReport(
        form=form.value,
        kind=tally.kind or "conversation",
        num_rows=tally.num_rows,
        num_images=tally.num_images,
        is_converted=tally.is_changed or form is not Form.JSONL,
        unused_keys=tuple(sorted(tally.unused)),
        num_faults=tally.num_faults,
        faults=tuple(tally.faults),
    )


def addresses(path: Path) -> Iterator[str]:
    """Every address of an image in a file of rows, once."""
    return _once(url for url in _all_urls(path) if ADDRESS.match(url))


def uploads(path: Path) -> Iterator[str]:
    """The id of every uploaded image, or zip of them, that a file of rows names, once."""
    return _once(match["id"] for url in _all_urls(path) if (match := UPLOADED.fullmatch(url)))


def check_images(path: Path) -> DatasetReport:
    """Look at an uploaded image, or into a zip of them, whose images are decoded once rows name them."""
    is_zip = form_of_file(path) is Form.ZIP
    try:
        num_images = _num_images_in(path) if is_zip else len([data_url(path.read_bytes())])
    except (InvalidImage, BrokenZip) as error:
        fault = DatasetFault(code="invalid_image", detail=str(error))
        return DatasetReport(form="image", num_faults=1, faults=(fault,))
    return DatasetReport(form="zip" if is_zip else "image", num_images=num_images)


def _num_images_in(path: Path) -> int:
    names = ZipImages(path).names()
    if not names:
        raise InvalidImage("the zip has no .png, .jpg, .jpeg or .webp file")
    return len(names)


def _once(names: Iterable[str]) -> Iterator[str]:
    seen = set()
    for name in names:
        if name not in seen:
            seen.add(name)
            yield name


def _all_urls(path: Path) -> Iterator[str]:
    """Of every image in a file of rows; what is wrong with rows is for `convert` to tell."""
    try:
        for record in records(path):
            yield from _urls(record)
    except InvalidDataset:
        return


def _urls(record: Record) -> Iterator[str]:
    try:
        row = None if record.content == b"" else _understood(record).row
    except InvalidDataset:
        return
    if row is not None:
        yield from (part.image_url.url for _, part in row.images())


def _converted(record: Record, sources: Sources, tally: _Tally) -> bytes:
    """The line of a record, counted; empty where it is blank or refused."""
    if record.content == b"":
        return b""
    tally.num_rows += 1
    try:
        understood = _understood(record)
        tally.check_kind(understood.row.kind, record)
        row, num_images = _with_images(understood, record, sources)
    except InvalidDataset as error:
        tally.refuse(error)
        return b""
    is_changed = understood.is_changed or row is not understood.row
    tally.num_images += num_images
    tally.unused |= understood.unused | _without_effect(row)
    tally.is_changed |= is_changed
    if not is_changed and isinstance(record.content, bytes):
        return record.content
    return row.model_dump_json(exclude_defaults=True).encode()


def _without_effect(row: AnyRow) -> set[str]:
    return set() if row.parallel_tool_calls is None else {"parallel_tool_calls"}


def _understood(record: Record) -> _Understood:
    content, place = record.content, record.place
    if isinstance(content, DatasetFault):
        raise InvalidDataset([content])
    if not isinstance(content, bytes):
        return _drafted(content, record)
    checked_size(len(content), place)
    try:
        return _Understood(parse(content, place), record.attached, frozenset(), is_changed=False)
    except InvalidDataset as error:
        if error.faults[0].code != "invalid_row":
            raise
        refusal = error
    loaded = json.loads(content)
    if not isinstance(loaded, dict):
        raise refusal
    return _drafted(loaded, record)


def _drafted(content: Mapping[str, Any], record: Record) -> _Understood:
    """A record that is no row as it stands, as the row that it means."""
    try:
        drafted = draft(content, record.attached, is_line=isinstance(record.content, bytes))
        row = ANY_ROW.validate_python(drafted.row)
    except NotARow as error:
        raise InvalidDataset([record.place.fault("invalid_row", str(error), error.message_index)]) from error
    except ValidationError as error:
        raise InvalidDataset(faults_of(error, record.place)) from error
    return _Understood(checked(row, record.place), drafted.attached, drafted.unused, is_changed=True)


def _with_images(understood: _Understood, record: Record, sources: Sources) -> tuple[AnyRow, int]:
    """The row with its images in it, the same object if they are there already; and how many they are."""
    row, faults, urls = understood.row, [], []
    for image_index, (message_index, part) in enumerate(row.images()):
        try:
            urls.append(_data_url(part.image_url.url, understood.attached, sources))
        except InvalidImage as error:
            faults.append(record.place.fault("invalid_image", str(error), message_index, image_index))
    if faults:
        raise InvalidDataset(faults)
    if urls == [part.image_url.url for _, part in row.images()]:
        return row, len(urls)
    return _replaced(row, urls), len(urls)


def _data_url(url: str, attached: Mapping[str, bytes], sources: Sources) -> str:
    if not url.startswith("data:"):
        return data_url(sources.read(url, attached))
    decode(url)
    return url


def _replaced(row: AnyRow, urls: list[str]) -> AnyRow:
    left = iter(urls)

    def with_url(part: Any) -> Any:
        if not isinstance(part, ImagePart):
            return part
        image_url = ImageUrl(url=next(left), detail=part.image_url.detail)
        return part.model_copy(update={"image_url": image_url})

    return row.with_messages(
        tuple(
            one.model_copy(update={"content": tuple(with_url(part) for part in one.content)})
            if isinstance(one.content, tuple)
            else one
            for one in row.messages
        )
    )

"""The one reader of datasets: JSONL in, rows out, every fault with its line, message and image.

It reads line by line and keeps no row; images are decoded when somebody wants them. It knows no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from trainer_core.contract.dataset import DatasetFault, DatasetReport, FaultCode
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.images import InvalidImage, decode
from trainer_core.data.rows import MAX_IMAGES, Row

MAX_LINE_BYTES = 160 * 1024**2
"""Ten images of 10 MB in base64, and text."""
MAX_FAULTS = 20
"""Faults that a report shows; all are counted."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """Where a row stands in its file."""

    number: int
    """From 1."""
    offset: int
    num_bytes: int


def lines(path: Path) -> Iterator[Line]:
    """Every line of a file that is not blank, however long; only a part of a very long one is looked at."""
    with path.open("rb") as file:
        number = offset = 0
        while piece := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            start, offset = offset, offset + len(piece)
            is_blank = not piece.strip()
            while not piece.endswith(b"\n") and (piece := file.readline(MAX_LINE_BYTES + 1)):
                offset += len(piece)
                is_blank = is_blank and not piece.strip()
            if not is_blank:
                yield Line(number, start, offset - start)


def read(path: Path, line: Line) -> Row:
    """The row on a line.

    Raises:
        InvalidDataset: It is no row; the faults say why and where.
    """
    if line.num_bytes > MAX_LINE_BYTES:
        raise _invalid("invalid_row", line, f"{line.num_bytes} bytes long; a line may have {MAX_LINE_BYTES}")
    with path.open("rb") as file:
        file.seek(line.offset)
        text = file.read(line.num_bytes).strip()
    return parse(text.removeprefix(_BOM) if line.number == 1 else text, line)


def parse(text: bytes, line: Line) -> Row:
    """The row in the bytes of a line.

    Raises:
        InvalidDataset: It is no row; the faults say why and where.
    """
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise _invalid("not_utf8", line, f"byte {error.start} of the line is not UTF-8") from error
    try:
        row = Row.model_validate_json(text)
    except ValidationError as error:
        raise InvalidDataset(_faults(error, line)) from error
    _check_turns(row, line)
    return row


def check(path: Path) -> DatasetReport:
    """Read every row and decode every image."""
    num_rows = num_images = num_faults = 0
    shown: list[DatasetFault] = []
    for line in lines(path):
        num_rows += 1
        try:
            row = read(path, line)
            num_images += _check_images(row, line)
        except InvalidDataset as error:
            num_faults += len(error.faults)
            shown += error.faults[: MAX_FAULTS - len(shown)]
    if num_rows == 0:
        num_faults, shown = 1, [DatasetFault(code="empty_dataset", detail="the file has no rows")]
    return DatasetReport(num_rows=num_rows, num_images=num_images, num_faults=num_faults, faults=tuple(shown))


def _check_images(row: Row, line: Line) -> int:
    faults = []
    images = list(row.images())
    for image_index, (message_index, part) in enumerate(images):
        try:
            decode(part.image_url.url)
        except InvalidImage as error:
            faults.append(
                DatasetFault(
                    code="invalid_image",
                    line=line.number,
                    message_index=message_index,
                    image_index=image_index,
                    detail=str(error),
                )
            )
    if faults:
        raise InvalidDataset(faults)
    return len(images)


def _check_turns(row: Row, line: Line) -> None:
    if not any(message.is_trained for message in row.messages):
        raise _invalid("no_assistant_message", line, "no assistant message with weight 1, so nothing to learn from")
    images = list(row.images())
    if len(images) > MAX_IMAGES:
        raise _invalid("invalid_row", line, f"{len(images)} images; a row may have {MAX_IMAGES}")
    for message_index, _ in images:
        if row.messages[message_index].role != "user":
            detail = f"an image in a message of the role {row.messages[message_index].role}; only users send images"
            raise _invalid("invalid_row", line, detail, message_index)
    if row.messages[0].is_trained:
        raise _invalid("invalid_row", line, "an answer to nothing: begin with a user's message, or give weight 0", 0)
    for message_index, message in enumerate(row.messages):
        if message.is_trained and not any(part.text.strip() for part in message.parts if part.type == "text"):
            raise _invalid("invalid_row", line, "an empty answer teaches nothing; give it weight 0", message_index)


def _invalid(code: FaultCode, line: Line, detail: str, message_index: int | None = None) -> InvalidDataset:
    return InvalidDataset([DatasetFault(code=code, line=line.number, message_index=message_index, detail=detail)])


def _faults(error: ValidationError, line: Line) -> list[DatasetFault]:
    faults = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        if one["type"] == "json_invalid":
            return [DatasetFault(code="not_json", line=line.number, detail=one["msg"])]
        loc = one["loc"]
        message_index = loc[1] if len(loc) > 1 and loc[0] == "messages" and isinstance(loc[1], int) else None
        inside = ".".join(str(part) for part in (loc[2:] if message_index is not None else loc))
        what = "unknown key" if one["type"] == "extra_forbidden" else one["msg"]
        detail = f"{inside}: {what}" if inside else what
        faults.append(DatasetFault(code="invalid_row", line=line.number, message_index=message_index, detail=detail))
    return faults

"""The one reader of datasets: JSONL in, rows out, every fault with its line, message and image.

It reads line by line and keeps no row; images are decoded when somebody wants them. It knows no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trainer_core.contract.dataset import MAX_FAULTS, DatasetFault, DatasetReport, FaultCode
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.images import InvalidImage, decode
from trainer_core.data.rows import FORMS, MAX_IMAGES, ImagePart, Message, Row, TextPart

MAX_LINE_BYTES = 160 * 1024**2
"""Ten images of 10 MB in base64, and text."""
_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_type": "must be an object",
    "tuple_type": "must be a list",
}
"""What pydantic means, for people who write JSON."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """Where a row stands in its file."""

    number: int
    """From 1."""
    offset: int
    num_bytes: int

    def fault(
        self, code: FaultCode, detail: str, message_index: int | None = None, image_index: int | None = None
    ) -> DatasetFault:
        """A fault of the row on this line."""
        return DatasetFault(
            code=code, line=self.number, message_index=message_index, image_index=image_index, detail=detail
        )


def lines(path: Path) -> Iterator[Line]:
    """Every line of a file that is not blank, however long; only a part of a very long one is looked at."""
    with path.open("rb") as file:
        number = offset = 0
        while piece := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            start, offset = offset, offset + len(piece)
            is_blank = not piece.removeprefix(_BOM).strip()
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
        raise InvalidDataset(
            [line.fault("invalid_row", f"{line.num_bytes} bytes long; a line may have {MAX_LINE_BYTES}")]
        )
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
        raise InvalidDataset([line.fault("not_utf8", f"byte {error.start} of the line is not UTF-8")]) from error
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
            faults.append(line.fault("invalid_image", str(error), message_index, image_index))
    if faults:
        raise InvalidDataset(faults)
    return len(images)


def _check_turns(row: Row, line: Line) -> None:
    if not any(message.is_trained for message in row.messages):
        detail = "no assistant message with weight 1, so nothing to learn from"
        raise InvalidDataset([line.fault("no_assistant_message", detail)])
    if row.messages[0].is_trained:
        detail = "an answer to nothing: begin with a user's message, or give weight 0"
        raise InvalidDataset([line.fault("invalid_row", detail, 0)])
    if (num_images := len(list(row.images()))) > MAX_IMAGES:
        raise InvalidDataset([line.fault("invalid_row", f"{num_images} images, where {MAX_IMAGES} are allowed")])
    for message_index, message in enumerate(row.messages):
        if reason := _why_not(message):
            raise InvalidDataset([line.fault("invalid_row", reason, message_index)])


def _why_not(message: Message) -> str | None:
    if not message.parts:
        return "content: must not be empty"
    if message.role != "user" and any(isinstance(part, ImagePart) for part in message.parts):
        return f"an image in a message of the role {message.role}; only users send images"
    if message.is_trained and not any(part.text.strip() for part in message.parts if isinstance(part, TextPart)):
        return "an empty answer teaches nothing; give it weight 0"
    return None


def _faults(error: ValidationError, line: Line) -> list[DatasetFault]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return [line.fault("not_json", found[0]["msg"].removeprefix("Invalid JSON: "))]
    return [_fault(one, line) for one in found]


def _fault(one: ErrorDetails, line: Line) -> DatasetFault:
    match one["loc"]:
        case ("messages", int(index), *inside):
            message_index: int | None = index
        case (*inside,):
            message_index = None
    detail = _WORDS.get(one["type"], one["msg"])
    where = ".".join(str(part) for part in inside if part not in FORMS)
    return line.fault("invalid_row", f"{where}: {detail}" if where else detail, message_index)

"""The one reader of rows: JSONL in OpenAI's formats in, rows out, every fault with its line, message and image.

It reads line by line and keeps no row; images are decoded when somebody wants them. Whatever form a dataset came in, it
has been converted before. It knows no torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.calling import misfits
from trainer_core.data.places import Place
from trainer_core.data.records import BOM, MAX_LINE_BYTES, Form, form_at
from trainer_core.data.rows import ANY_ROW, FORMS, KINDS, MAX_IMAGES, AnyRow, ImagePart, Message, Pair, Row

Checked = TypeVar("Checked", Row, Pair, AnyRow)
_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_type": "must be an object",
    "tuple_type": "must be a list",
}
"""What pydantic means, for people who write JSON."""
_DEPRECATED = {
    "functions": 'write tools, each function as {"type": "function", "function": {…}}',
    "function_call": 'write tool_calls: [{"id": "call_1", "type": "function", "function": {…}}]',
}
"""What OpenAI once had, and what to write instead."""


@dataclass(frozen=True)
class Line(Place):
    """Where a row stands in a file of lines."""

    offset: int
    num_bytes: int


def lines(path: Path) -> Iterator[Line]:
    """Every line of a file that is not blank, however long; only a part of a very long one is looked at.

    Raises:
        InvalidDataset: The file is of another form, and has to be converted first.
    """
    with path.open("rb") as file:
        _check_form(path, file)
        number = offset = 0
        while piece := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            start, offset = offset, offset + len(piece)
            is_blank = not piece.removeprefix(BOM).strip()
            while not piece.endswith(b"\n") and (piece := file.readline(MAX_LINE_BYTES + 1)):
                offset += len(piece)
                is_blank = is_blank and not piece.strip()
            if not is_blank:
                yield Line(number, start, offset - start)


def _check_form(path: Path, file: IO[bytes]) -> None:
    form = form_at(file)
    if form is not Form.JSONL:
        advice = f"convert it first: python -m trainer_core.data {path.name} --output rows.jsonl"
        raise InvalidDataset([DatasetFault(code="invalid_file", detail=f"{path.name} is {form.value}; {advice}")])


def read(path: Path, line: Line) -> AnyRow:
    """The row on a line.

    Raises:
        InvalidDataset: It is no row; the faults say why and where.
    """
    checked_size(line.num_bytes, line)
    with path.open("rb") as file:
        file.seek(line.offset)
        text = file.read(line.num_bytes).strip()
    return parse(text.removeprefix(BOM) if line.number == 1 else text, line)


def checked_size(num_bytes: int, place: Place) -> None:
    """Raise `InvalidDataset` if a row is longer than one may be."""
    if num_bytes > MAX_LINE_BYTES:
        raise InvalidDataset([place.fault("invalid_row", f"more than {MAX_LINE_BYTES} bytes long")])


def parse(text: bytes, place: Place) -> AnyRow:
    """The row in the bytes of a line.

    Raises:
        InvalidDataset: It is no row; the faults say why and where.
    """
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise InvalidDataset([place.fault("not_utf8", f"byte {error.start} of the line is not UTF-8")]) from error
    try:
        row = ANY_ROW.validate_json(text)
    except ValidationError as error:
        raise InvalidDataset(faults_of(error, place)) from error
    return checked(row, place)


def checked(row: Checked, place: Place) -> Checked:
    """The row, if its turns can be learned from.

    Raises:
        InvalidDataset: They cannot.
    """
    if isinstance(row, Pair):
        _check_outputs(row, place)
    else:
        _check_answers(row.messages, place)
    if (num_images := len(list(row.images()))) > MAX_IMAGES:
        raise InvalidDataset([place.fault("invalid_row", f"{num_images} images, where {MAX_IMAGES} are allowed")])
    for message_index, message in enumerate(row.messages):
        if reason := _why_not(message):
            raise InvalidDataset([place.fault("invalid_row", reason, message_index)])
    for index, reason in misfits(row):
        raise InvalidDataset([place.fault("invalid_row", reason, index)])
    return row


def _check_answers(messages: Sequence[Message], place: Place) -> None:
    if not any(message.is_trained for message in messages):
        detail = "no assistant message with weight 1, so nothing to learn from"
        raise InvalidDataset([place.fault("no_assistant_message", detail)])
    if messages[0].is_trained:
        detail = "an answer to nothing: begin with a user's message, or give weight 0"
        raise InvalidDataset([place.fault("invalid_row", detail, 0)])


def _check_outputs(pair: Pair, place: Place) -> None:
    for name in ("preferred_output", "non_preferred_output"):
        if reason := _why_no_answer(getattr(pair, name)):
            raise InvalidDataset([place.fault("invalid_row", f"{name}: {reason}")])
    if _answer(pair.preferred_output[0]) == _answer(pair.non_preferred_output[0]):
        detail = "preferred_output and non_preferred_output are the same, so there is nothing to prefer"
        raise InvalidDataset([place.fault("invalid_row", detail)])
    if not pair.messages:
        raise InvalidDataset([place.fault("invalid_row", "input.messages: must not be empty")])


def _why_no_answer(output: Sequence[Message]) -> str | None:
    if len(output) != 1 or output[0].role != "assistant":
        return "must be one message of the role assistant"
    if output[0].weight == 0:
        return "weight 0 leaves out what there is to learn from"
    if any(isinstance(part, ImagePart) for part in output[0].parts):
        return "an image in an answer; only users send images"
    return None if output[0].words.strip() or output[0].calls else "must not be empty"


def _answer(message: Message) -> tuple[str, list[tuple[str, str]]]:
    """What an answer says and calls; ids of calls are chance, and 1 is not True."""
    return message.words.strip(), [(call.function.name, repr(call.function.parsed)) for call in message.calls]


def _why_not(message: Message) -> str | None:
    if message.content is None and message.calls:
        return None
    if message.content is None:
        return "content: is missing" + (", and so is tool_calls" if message.role == "assistant" else "")
    if not message.parts:
        return "content: must not be empty"
    if message.role != "user" and any(isinstance(part, ImagePart) for part in message.parts):
        return f"an image in a message of the role {message.role}; only users send images"
    if message.is_trained and not message.calls and not message.words.strip():
        return "an empty answer teaches nothing; give it weight 0"
    return None


def faults_of(error: ValidationError, place: Place) -> list[DatasetFault]:
    """What pydantic found, in words, by message."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return [place.fault("not_json", found[0]["msg"].removeprefix("Invalid JSON: "))]
    return [_fault(one, place) for one in found]


def _fault(one: ErrorDetails, place: Place) -> DatasetFault:
    match [part for part in one["loc"] if part not in (*FORMS, *KINDS)]:
        case ["messages", int(index), *inside] | ["input", "messages", int(index), *inside]:
            message_index: int | None = index
        case [*inside]:
            message_index = None
    detail = _WORDS.get(one["type"], one["msg"])
    if one["type"] == "extra_forbidden" and inside[-1:] and inside[-1] in _DEPRECATED:
        detail = f"is deprecated by OpenAI and not read; {_DEPRECATED[inside[-1]]}"
    where = ".".join(map(str, inside))
    return place.fault("invalid_row", f"{where}: {detail}" if where else detail, message_index)

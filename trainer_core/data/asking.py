"""A chat as what a model reads before it answers, made by the code that makes training rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from trainer_core.contract.chat import RefusalCode
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.encoding import IGNORED, EncodedRow, Encoder
from trainer_core.data.reader import Line, checked, faults_of
from trainer_core.data.rendering import Processor
from trainer_core.data.rows import Row

_LINE = Line(number=1, offset=0, num_bytes=0)
_ANSWER: Mapping[str, Any] = {"role": "assistant", "content": "ok"}
"""Stands where the answer will, so that a chat is a row: of it only what stands before is read."""


class NotAsked(Exception):
    """The model cannot be asked this."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Asked:
    """A question as a model reads it."""

    prompt: EncodedRow
    answer: Tensor
    """Token ids of some answer as rows would teach it; they end with what ends answers."""

    @property
    def num_tokens(self) -> int:
        """Of the prompt, images included."""
        return int(self.prompt["input_ids"].shape[1])


class Asking:
    """Asks one model.

    Args:
        processor: The model's own.
        context: Most tokens that it reads and writes; None if that is not known.
        required: Names of what the model takes no row without.
    """

    def __init__(self, processor: Processor, context: int | None, required: Collection[str] = ()) -> None:
        self._encoder = Encoder(processor, context, required=required)

    def __call__(self, messages: Sequence[Mapping[str, Any]]) -> Asked:
        """What the model reads.

        Raises:
            NotAsked: A message or an image is none that the model could be trained on, or there is too much of it.
        """
        try:
            row = checked(_row(messages), _LINE)
            labels = self._encoder(_LINE, row)["labels"]
            return Asked(self._encoder.prompt(_LINE, row), labels[labels != IGNORED])
        except InvalidDataset as error:
            raise _not_asked(error.faults[0]) from error


def _row(messages: Sequence[Mapping[str, Any]]) -> Row:
    """The chat with an answer, which alone would be learned; chat templates may write earlier ones differently."""
    earlier = [{**one, "weight": 0} if one.get("role") == "assistant" else dict(one) for one in messages]
    try:
        return Row.model_validate({"messages": [*earlier, _ANSWER]})
    except ValidationError as error:
        raise InvalidDataset(faults_of(error, _LINE)) from error


def _not_asked(fault: DatasetFault) -> NotAsked:
    code = RefusalCode.CONTEXT_LENGTH_EXCEEDED if fault.code == "too_long" else RefusalCode.INVALID_MESSAGES
    place = "" if fault.message_index is None else f"messages[{fault.message_index}]"
    image = "" if fault.image_index is None else f", image {fault.image_index}"
    return NotAsked(code, f"{place}{image}: {fault.detail}" if place or image else fault.detail)

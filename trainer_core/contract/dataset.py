"""What checking a dataset tells: how much is in it, and each fault with its place."""

from typing import Literal

from trainer_core.contract.closed import Closed

FaultCode = Literal[
    "empty_dataset",
    "not_utf8",
    "not_json",
    "invalid_row",
    "no_assistant_message",
    "invalid_image",
    "too_long",
]


MAX_FAULTS = 20
"""Faults of a dataset that are told; a report counts them all."""


class DatasetFault(Closed):
    """One reason why a row cannot be trained on, by line, message and image."""

    code: FaultCode
    line: int | None = None
    """Line of the file, from 1; None where the fault is the whole file's."""
    message_index: int | None = None
    """Index into the row's `messages`, from 0."""
    image_index: int | None = None
    """Index among the row's images, from 0."""
    detail: str
    """What is wrong and what to do, in words."""

    def __str__(self) -> str:
        """The place, then the detail: `line 3, message 0, image 1: not an image`."""
        places = {"line": self.line, "message": self.message_index, "image": self.image_index}
        place = ", ".join(f"{noun} {index}" for noun, index in places.items() if index is not None)
        return f"{place}: {self.detail}" if place else self.detail


class DatasetReport(Closed):
    """What is in a dataset, as `python -m trainer_core.data FILE` prints it."""

    num_rows: int
    num_images: int
    num_faults: int
    faults: tuple[DatasetFault, ...]
    """The first faults; `num_faults` counts them all."""

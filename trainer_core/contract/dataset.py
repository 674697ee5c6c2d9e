"""What checking a dataset tells: how much is in it, and each fault with its place."""

import hashlib
from typing import Literal

from trainer_core.contract.closed import Closed

FaultCode = Literal[
    "empty_dataset",
    "invalid_file",
    "not_utf8",
    "not_json",
    "invalid_row",
    "other_kind",
    "no_assistant_message",
    "invalid_image",
    "too_long",
]


RowKind = Literal["conversation", "pair"]
"""A pair is a conversation with two answers, one of them preferred."""
MAX_IMAGE_BYTES = 10 * 1024**2
MAX_FAULTS = 20
"""Faults of a dataset that are told; a report counts them all."""


def fetched_name(url: str) -> str:
    """The file that holds what was fetched from an address; with the suffix `.reason`, why nothing was."""
    return hashlib.sha256(url.encode()).hexdigest()


class DatasetFault(Closed):
    """One reason why a row cannot be trained on, by line, message and image."""

    code: FaultCode
    file: str | None = None
    """Name of the file in the archive that came, if it was one."""
    line: int | None = None
    """Line of the file, from 1, or the place among its records; None where the fault is the whole file's."""
    message_index: int | None = None
    """Index into the row's `messages`, of a pair those of its `input`, from 0."""
    image_index: int | None = None
    """Index among the row's images, from 0."""
    detail: str
    """What is wrong and what to do, in words."""

    def __str__(self) -> str:
        """The place, then the detail: `line 3, message 0, image 1: not an image`."""
        places = {"file": self.file, "line": self.line, "message": self.message_index, "image": self.image_index}
        place = ", ".join(f"{noun} {index}" for noun, index in places.items() if index is not None)
        return f"{place}: {self.detail}" if place else self.detail


class DatasetReport(Closed):
    """What is in a dataset, as `python -m trainer_core.data FILE` prints it."""

    form: str
    """How the file holds its rows: JSONL, JSON, Parquet, WebDataset or zip; `image` where it is one."""
    kind: RowKind = "conversation"
    """What each row is; a file holds rows of one kind."""
    num_rows: int = 0
    num_images: int = 0
    is_converted: bool = False
    """False if the file is JSONL in OpenAI's chat format with its images in it, as training reads it."""
    unused_keys: tuple[str, ...] = ()
    """Keys of its records that mean nothing here."""
    num_faults: int = 0
    faults: tuple[DatasetFault, ...] = ()
    """The first faults; `num_faults` counts them all."""

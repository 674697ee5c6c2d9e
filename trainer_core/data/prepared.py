"""Samples as they are known once they have been encoded, and how they are kept for others that train on the same rows.

Pixels are not kept: they are large, and the features of a frozen tower make them unnecessary.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from trainer_core.data.encoding import Encoded, EncodedRow
from trainer_core.data.pixels import without_pixels
from trainer_core.data.reader import Line
from trainer_core.data.rows import AnyRow

Shapes = tuple[tuple[int, ...], ...]
Size = tuple[int, int]
_LIBRARIES = ("pillow", "tokenizers", "torch", "torchvision", "transformers")
_SHAPES, _ROWS = ".shapes", ".rows"
"""Ends of the names under which there stands which samples have an entry, and in which shapes."""


class Shelf(Protocol):
    """Where prepared rows are kept."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Tensors by name; None if there are none, or none that can be trusted."""

    def put(self, key: str, features: dict[str, Any]) -> None:
        """Keep tensors, if there is room."""

    def recall(self, key: str) -> str | None:
        """A text, or what was found out; None if there is none, or none that can be trusted."""

    def remember(self, key: str, finding: str) -> None:
        """Keep a text, if there is room."""


@dataclass(frozen=True)
class Sample:
    """What is known of a sample."""

    line: Line
    part: int
    """Which of the samples that its line makes."""
    row: EncodedRow
    """With its pixels only where it has just been encoded."""
    names: tuple[str, ...]
    """Of all that the row has, its pixels too."""
    shapes: Shapes
    """Of what it has beside its tokens."""
    sizes: tuple[Size, ...]
    """Width and height of each image as it went into the processor."""
    original_sizes: tuple[Size, ...]
    num_image_tokens: int
    content: str
    """A digest of the conversation, or of the pair; empty for the second sample of a pair."""

    @classmethod
    def of(cls, line: Line, part: int, content: AnyRow | None, encoded: Encoded) -> Self:
        """A sample that was just encoded."""
        tensors = encoded.tensors
        shapes = [tuple(tensors[name].shape) for name in sorted(tensors)]
        return cls(
            line=line,
            part=part,
            row=tensors,
            names=tuple(sorted(tensors)),
            shapes=tuple(shape for shape in shapes if shape != tensors["input_ids"].shape),
            sizes=encoded.sizes,
            original_sizes=encoded.original_sizes,
            num_image_tokens=int(encoded.is_image.sum()),
            content=sha256(content.model_dump_json().encode()).hexdigest() if content else "",
        )

    def without_pixels(self) -> Self:
        """The same, smaller."""
        return replace(self, row=without_pixels(self.row))


def code_that_encodes() -> str:
    """Names what encodes rows: this package by its content, and the libraries that it calls by their versions."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return " ".join([digest, *(version(name) for name in _LIBRARIES)])


def keep(shelf: Shelf, key: str, samples: Sequence[Sample]) -> None:
    """Put samples on a shelf; those whose tensors have not the same dimensions everywhere are not kept."""
    tensors: dict[str, list[tuple[int, Tensor]]] = defaultdict(list)
    for index, sample in enumerate(samples):
        for name, value in without_pixels(sample.row).items():
            tensors[name].append((index, value))
    if any(len({(value.ndim, value.dtype) for _, value in found}) > 1 for found in tensors.values()):
        return
    flat: dict[str, Tensor] = {}
    for name, found in tensors.items():
        flat[name] = torch.cat([value.reshape(-1) for _, value in found])
        flat[name + _SHAPES] = torch.tensor([value.shape for _, value in found])
        flat[name + _ROWS] = torch.tensor([index for index, _ in found])
    told = [
        [
            one.line.number,
            one.part,
            one.names,
            one.shapes,
            one.sizes,
            one.original_sizes,
            one.num_image_tokens,
            one.content,
        ]
        for one in samples
    ]
    shelf.put(key, flat)
    shelf.remember(key, json.dumps(told))


def kept(shelf: Shelf, key: str, lines: Sequence[Line]) -> list[Sample] | None:
    """Samples of these lines that were put on a shelf; None if they are not there."""
    text, flat = shelf.recall(key), shelf.get(key)
    if text is None or flat is None:
        return None
    told, by_number = json.loads(text), {line.number: line for line in lines}
    rows = _rows(flat, len(told))
    return [
        Sample(
            by_number[number],
            part,
            row,
            tuple(names),
            tuple(map(tuple, shapes)),
            tuple((width, height) for width, height in sizes),
            tuple((width, height) for width, height in originals),
            num_image_tokens,
            content,
        )
        for (number, part, names, shapes, sizes, originals, num_image_tokens, content), row in zip(
            told, rows, strict=True
        )
    ]


def _rows(flat: Mapping[str, Tensor], num_rows: int) -> list[EncodedRow]:
    rows: list[EncodedRow] = [{} for _ in range(num_rows)]
    for name in flat:
        if not name.endswith((_SHAPES, _ROWS)):
            for index, value in _values(flat, name):
                rows[index][name] = value
    return rows


def _values(flat: Mapping[str, Tensor], name: str) -> Iterator[tuple[int, Tensor]]:
    shapes = [tuple(shape) for shape in flat[name + _SHAPES].tolist()]
    lengths = [int(torch.Size(shape).numel()) for shape in shapes]
    parts = torch.split(flat[name], lengths)
    for index, part, shape in zip(flat[name + _ROWS].tolist(), parts, shapes, strict=True):
        yield index, part.reshape(shape)

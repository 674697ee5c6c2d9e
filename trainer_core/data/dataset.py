"""Encoded rows by number: which of a file train, which are held out, and those that fit kept in memory."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psutil
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from trainer_core.contract.dataset import MAX_FAULTS, DatasetFault, RowKind
from trainer_core.contract.errors import InvalidDataset
from trainer_core.contract.spec import Dpo, HeldOutSplit, JobSpec
from trainer_core.data.chance import seeded_row
from trainer_core.data.encoding import IGNORED, IMAGE_KEYS, Encoded, EncodedRow, Encoder
from trainer_core.data.pixels import Unit, has_pixels, image_part, keys_of, without_pixels
from trainer_core.data.prepared import Sample, Shapes, Shelf, Size, keep, kept
from trainer_core.data.reader import Line, lines, read
from trainer_core.data.rendering import up_to_last_answer
from trainer_core.data.rows import AnyRow, Pair, Row

_MAX_KEPT_BYTES = 4 * 1024**3
_KEPT_SHARE = 4
"""Rows of one dataset take at most this part of the free memory."""
_NUM_EXAMPLES = 4
_OTHER_KIND: dict[RowKind, str] = {
    "conversation": "a pair of answers: set objective to dpo, or make a conversation of it",
    "pair": "no pair of answers, of which objective dpo wants input, preferred_output and non_preferred_output",
}
"""What is told of a row that is not of the kind that was asked for."""

Look = Callable[[Sample], None]
Each = Callable[[Callable[[Line], Any], Sequence[Line]], Iterable[Any]]
"""Applies a function to each line and gives what it made of them, in their order, as `map` does."""
_Place = tuple[int, int, tuple[int, int] | None]
"""A sample, the number of an image in it, and the image's size; None where all of the sample's images are meant."""


class EncodedRows(Dataset[EncodedRow]):
    """Samples of some lines of a file, encoded once; those that do not fit into memory are encoded again when asked.

    A line is one sample, unless the model's chat template cannot write its answers together; or two, where it is a
    pair of answers.
    """

    def __init__(
        self, path: Path, chosen: Sequence[Line], encoder: Encoder, seed: int = 0, kind: RowKind = "conversation"
    ) -> None:
        self.path = path
        self.kind = kind
        self._lines = chosen
        self._samples: list[tuple[Line, int]] = [(line, 0) for line in chosen]
        self._encoder = encoder
        self._seed = seed
        self.pad_token_id = encoder.pad_token_id
        self._kept: dict[int, EncodedRow] = {}
        self._sizes: list[tuple[Size, ...]] = []
        """Of each sample's images."""
        self._places: dict[str, _Place] = {}
        """By key, where an image is, or all of a sample's."""
        self._keys: dict[Unit, list[list[str]]] = {"image": [], "row": []}
        """Of each sample's images."""
        self.image_uses: dict[Unit, Counter[str]] = {"image": Counter(), "row": Counter()}
        """How often each image, or all of a sample's together, is there, by key; known once the rows are prepared."""
        self._leaves_pixels = torch.zeros((), dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]
        """Shared with loader processes, which may have begun before."""
        self._num_tokens: list[int] = []
        self.most_targets = 0
        """Of any sample; known once the rows are prepared."""
        self._kinds: dict[tuple[str, ...], dict[Shapes, list[int]]] = {}
        self._free_bytes = min(_MAX_KEPT_BYTES, psutil.virtual_memory().available // _KEPT_SHARE)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> EncodedRow:
        if self._leaves_pixels and index in self._kept:
            return without_pixels(self._kept[index])
        row = self._whole(index)
        return without_pixels(row) if self._leaves_pixels else row

    def _whole(self, index: int) -> EncodedRow:
        row = self._kept.get(index)
        if row is not None and (has_pixels(row) or IMAGE_KEYS not in row):
            return row
        row = self.encoded(index).tensors
        self._keep(index, row)
        return row

    def leave_pixels(self) -> None:
        """From now on, samples come without their pixels; `image_inputs` has them."""
        self._leaves_pixels.fill_(True)  # noqa: FBT003 - torch's signature

    def draws_at_random(self) -> bool:
        """True if a sample with images is not encoded the same way whatever its seed is."""
        index = next((index for index, _, _ in self._places.values()), 0)
        line, part = self._samples[index]
        both = []
        for seed in (self._seed, self._seed + 1):
            with seeded_row(seed, line.number, part):
                both.append(self._encoder(line, self.row(index)))
        return any(not torch.equal(value, both[1][name]) for name, value in both[0].items())

    @property
    def has_images(self) -> bool:
        """True if some sample has one; known once the rows are prepared."""
        return bool(self._places)

    def keys(self, index: int, unit: Unit) -> Sequence[str]:
        """Of a sample's images, or of all of them together; known once the rows are prepared."""
        return self._keys[unit][index]

    def has_unit(self, key: str) -> bool:
        """True if some sample has an image of this key, or these images together."""
        return key in self._places

    def image_inputs(self, key: str) -> EncodedRow:
        """What the processor makes of an image, or of all of a sample's; it is not kept for another time."""
        index, number, size = self._places[key]
        if size is None:
            return image_part(self._once(index))
        line, part = self._samples[index]
        with seeded_row(self._seed, line.number, part):
            return image_part(self._encoder.alone(line, self.row(index), number, size))

    def _once(self, index: int) -> EncodedRow:
        """A sample with its pixels, which are not kept any longer if samples come without them."""
        row = self._whole(index)
        if self._leaves_pixels and index in self._kept:
            self._kept[index] = without_pixels(row)
            self._free_bytes += _num_bytes(row) - _num_bytes(self._kept[index])
        return row

    def named(self, way: str, content: str) -> str:
        """What these rows are called once they are prepared.

        Args:
            way: Names how they are encoded.
            content: Digest of their file.
        """
        numbers = [line.number for line in self._lines]
        return sha256(json.dumps([way, content, numbers]).encode()).hexdigest()

    @property
    def num_lines(self) -> int:
        """Rows that the samples are made of."""
        return len(self._lines)

    @property
    def num_tokens(self) -> list[int]:
        """Length of each sample, known once the rows are prepared."""
        return self._num_tokens

    def examples(self) -> list[list[EncodedRow]]:
        """Some samples of each kind, with and without images, say, as different as there are; known once prepared."""
        return [
            [self[index] for index in _as_different(list(by_shapes.values()))] for by_shapes in self._kinds.values()
        ]

    def samples_of(self, index: int) -> range:
        """Numbers of the samples that make what a step takes as one row: here the row itself."""
        return range(index, index + 1)

    def line(self, index: int) -> Line:
        """Where a sample stands in its file."""
        return self._samples[index][0]

    def encoded(self, index: int) -> Encoded:
        """A sample with the sizes of its images."""
        line, part = self._samples[index]
        # Images of a pair are as small as the longer answer makes them.
        return self._encode(line, part, self.row(index), self._sizes[index] if self.kind == "pair" else None)

    def row(self, index: int) -> Row:
        """The conversation of a sample."""
        line, part = self._samples[index]
        return self._parts(line, self._read(line))[part]

    def prompt(self, index: int) -> EncodedRow:
        """What the model reads before it writes a sample's last answer."""
        return self._encoder.prompt(self.line(index), self.row(index))

    def question(self, index: int) -> str:
        """The words of the turn before a sample's last answer."""
        *_, asked, _ = up_to_last_answer(self.row(index)).messages
        return asked.words

    def images(self, index: int) -> list[Image.Image]:
        """A sample's images in their order."""
        return self._encoder.images(self.line(index), self.row(index))

    def _encode(self, line: Line, part: int, row: Row, sizes: Sequence[Size] | None = None) -> Encoded:
        # What a processor draws for an image is the same for both answers of a pair.
        with seeded_row(self._seed, line.number, 0 if self.kind == "pair" else part):
            return self._encoder.encode(line, row) if sizes is None else self._encoder.encode_at(line, row, sizes)

    def _read(self, line: Line) -> AnyRow:
        found = read(self.path, line)
        if found.kind != self.kind:
            raise InvalidDataset([line.fault("other_kind", _OTHER_KIND[self.kind])])
        return found

    def _parts(self, line: Line, found: AnyRow) -> Sequence[Row]:
        return found.answered() if isinstance(found, Pair) else self._encoder.samples(line, found)

    def _samples_of(self, line: Line) -> list[Sample]:
        """What a line makes, with its pixels."""
        found = self._read(line)
        rows = self._parts(line, found)
        encoded = [self._encode(line, part, row) for part, row in enumerate(rows)]
        if isinstance(found, Row):
            return [Sample.of(line, part, rows[part], one) for part, one in enumerate(encoded)]
        sizes = [min(both) for both in zip(*(one.sizes for one in encoded), strict=True)]
        if any(one.sizes != one.original_sizes for one in encoded):
            encoded = [self._encode(line, part, row, sizes) for part, row in enumerate(rows)]
        if torch.equal(*(one.tensors["input_ids"] for one in encoded)):
            raise InvalidDataset([line.fault("invalid_row", "both answers are the same to this base model")])
        return [Sample.of(line, part, None if part else found, one) for part, one in enumerate(encoded)]

    def _keep(self, index: int, row: EncodedRow) -> None:
        num_bytes = _num_bytes(row)
        if num_bytes <= self._free_bytes:
            self._free_bytes -= num_bytes
            self._kept[index] = row

    def _take(self, sample: Sample, index: int) -> None:
        """Remember a sample's length and kind, and where its images are."""
        self._num_tokens.append(sample.row["input_ids"].shape[1])
        self.most_targets = max(self.most_targets, int((sample.row["labels"] != IGNORED).sum()))
        self._sizes.append(sample.sizes)
        of_row, keys = keys_of(sample.row, "row"), keys_of(sample.row, "image")
        self._keys["row"].append(of_row)
        self._keys["image"].append(keys)
        self.image_uses["row"].update(of_row)
        self.image_uses["image"].update(keys)
        for key in of_row:
            self._places.setdefault(key, (index, 0, None))
        for number, key in enumerate(keys):
            self._places.setdefault(key, (index, number, sample.sizes[number]))
        # The first samples of each kind and each number and size of images.
        found = self._kinds.setdefault(sample.names, {}).setdefault(sample.shapes, [])
        if len(found) < _NUM_EXAMPLES:
            found.append(index)

    def prepare(
        self,
        after_each: Callable[[], None],
        look: Look | None = None,
        shelf: tuple[Shelf, str] | None = None,
        each: Each = map,
    ) -> None:
        """Know every row, so that each fault is known before the first step: encode it, or have it from a shelf.

        Args:
            after_each: Called after each row.
            look: Given each sample, whose pixels are then not kept.
            shelf: Where prepared rows are, and the name of these.
            each: How every line is worked on, in their order.

        Raises:
            InvalidDataset: There are no rows, or some cannot be trained on; the first faults are told.
        """
        samples = kept(*shelf, self._lines) if shelf else None
        is_new = samples is None
        samples = samples if samples is not None else self._encoded_all(after_each, each, keeps_pixels=look is None)
        self._samples = [(sample.line, sample.part) for sample in samples]
        for index, sample in enumerate(samples):
            self._take(sample, index)
            self._keep(index, sample.row)
            if look is not None:
                look(sample)
        if shelf and is_new:
            keep(*shelf, samples)

    def _encoded_all(self, after_each: Callable[[], None], each: Each, *, keeps_pixels: bool) -> list[Sample]:
        faults: list[DatasetFault] = []
        samples: list[Sample] = []
        free_bytes = self._free_bytes if keeps_pixels else 0
        has_room = torch.tensor(free_bytes > 0).share_memory_()  # type: ignore[no-untyped-call]
        for found, refused in each(partial(self._encoded_line, has_room), self._lines):
            after_each()
            samples += found
            faults += refused
            free_bytes -= sum(_num_bytes(sample.row) for sample in found)
            has_room.fill_(free_bytes > 0)
            if len(faults) >= MAX_FAULTS:
                break
        if not self._lines:
            faults = [DatasetFault(code="empty_dataset", detail=f"{self.path.name} has no rows for this")]
        if faults:
            raise InvalidDataset(faults)
        return samples

    def _encoded_line(self, has_room: Tensor, line: Line) -> tuple[list[Sample], Sequence[DatasetFault]]:
        """A line's samples, with their pixels if there is room, and what is wrong with it."""
        try:
            samples = self._samples_of(line)
        except InvalidDataset as error:
            return [], error.faults
        return samples if has_room else [sample.without_pixels() for sample in samples], []


def _num_bytes(row: EncodedRow) -> int:
    return sum(tensor.nbytes for tensor in row.values())


def _as_different(groups: Sequence[Sequence[int]]) -> list[int]:
    """The first of each group, then the second of each, and so on."""
    rounds = zip_longest(*groups)
    return [index for one in rounds for index in one if index is not None][:_NUM_EXAMPLES]


def open_rows(spec: JobSpec, encoder: Encoder) -> tuple[EncodedRows, EncodedRows | None]:
    """The rows to train on and those to evaluate on, as the spec says; its datasets are paths here."""
    path = Path(spec.train_dataset)
    found = list(lines(path))
    kind: RowKind = "pair" if isinstance(spec.objective, Dpo) else "conversation"
    opened = partial(EncodedRows, encoder=encoder, seed=spec.seed, kind=kind)
    if spec.eval_dataset is None:
        return opened(path, found), None
    if not isinstance(spec.eval_dataset, HeldOutSplit):
        eval_path = Path(spec.eval_dataset)
        return opened(path, found), opened(eval_path, list(lines(eval_path)))
    held_out, kept = split(found, spec.eval_dataset.fraction, spec.seed)
    return opened(path, kept), opened(path, held_out)


def split(found: Sequence[Line], fraction: float, seed: int) -> tuple[list[Line], list[Line]]:
    """A part of the lines, at least one, drawn by the seed, and the rest; both in the order of the file."""
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed)).tolist()
    num_drawn = max(1, round(len(found) * fraction))
    return [found[index] for index in sorted(order[:num_drawn])], [found[index] for index in sorted(order[num_drawn:])]

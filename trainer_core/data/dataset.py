"""Encoded rows by number: which of a file train, which are held out, and those that fit kept in memory."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

import psutil
import torch
from PIL import Image
from torch.utils.data import Dataset

from trainer_core.contract.dataset import MAX_FAULTS, DatasetFault
from trainer_core.contract.errors import InvalidDataset
from trainer_core.contract.spec import HeldOutSplit, JobSpec
from trainer_core.data.chance import seeded_row
from trainer_core.data.encoding import Encoded, EncodedRow, Encoder
from trainer_core.data.reader import Line, lines, read
from trainer_core.data.rendering import up_to_last_answer
from trainer_core.data.rows import Row

_MAX_KEPT_BYTES = 4 * 1024**3
_KEPT_SHARE = 4
"""Rows of one dataset take at most this part of the free memory."""
_NUM_EXAMPLES = 4


Shapes = tuple[tuple[int, ...], ...]
Look = Callable[[Row, Encoded], None]


class EncodedRows(Dataset[EncodedRow]):
    """Samples of some lines of a file, encoded once; those that do not fit into memory are encoded again when asked.

    A line is one sample, unless the model's chat template cannot write its answers together.
    """

    def __init__(self, path: Path, chosen: Sequence[Line], encoder: Encoder, seed: int = 0) -> None:
        self._path = path
        self._lines = chosen
        self._samples: list[tuple[Line, int]] = [(line, 0) for line in chosen]
        self._encoder = encoder
        self._seed = seed
        self.pad_token_id = encoder.pad_token_id
        self._kept: dict[int, EncodedRow] = {}
        self._num_tokens: list[int] = []
        self._kinds: dict[frozenset[str], dict[Shapes, list[int]]] = {}
        self._free_bytes = min(_MAX_KEPT_BYTES, psutil.virtual_memory().available // _KEPT_SHARE)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> EncodedRow:
        if index in self._kept:
            return self._kept[index]
        row = self.encoded(index).tensors
        self._keep(index, row)
        return row

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

    def line(self, index: int) -> Line:
        """Where a sample stands in its file."""
        return self._samples[index][0]

    def encoded(self, index: int) -> Encoded:
        """A sample with the sizes of its images."""
        line, part = self._samples[index]
        return self._encode(line, part, self.row(index))

    def row(self, index: int) -> Row:
        """The conversation of a sample."""
        line, part = self._samples[index]
        return self._parts(line)[part]

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

    def _encode(self, line: Line, part: int, row: Row) -> Encoded:
        with seeded_row(self._seed, line.number, part):
            return self._encoder.encode(line, row)

    def _parts(self, line: Line) -> list[Row]:
        return self._encoder.samples(line, read(self._path, line))

    def _keep(self, index: int, row: EncodedRow) -> None:
        num_bytes = sum(tensor.nbytes for tensor in row.values())
        if num_bytes <= self._free_bytes:
            self._free_bytes -= num_bytes
            self._kept[index] = row

    def _remember_kind(self, encoded: EncodedRow, index: int) -> None:
        """Keep the first samples of each kind and each number and size of images."""
        found = self._kinds.setdefault(frozenset(encoded), {}).setdefault(_shapes(encoded), [])
        if len(found) < _NUM_EXAMPLES:
            found.append(index)

    def prepare(self, before_each: Callable[[], None], look: Look | None = None) -> None:
        """Encode every row, so that each fault is known before the first step.

        Args:
            before_each: Called before each row.
            look: Given each sample, encoded, which is then not kept.

        Raises:
            InvalidDataset: There are no rows, or some cannot be trained on; the first faults are told.
        """
        faults: list[DatasetFault] = []
        samples: list[tuple[Line, int]] = []
        for line in self._lines:
            before_each()
            try:
                for part, row in enumerate(self._parts(line)):
                    encoded = self._encode(line, part, row)
                    if look is None:
                        self._keep(len(samples), encoded.tensors)
                    else:
                        look(row, encoded)
                    self._num_tokens.append(encoded.tensors["input_ids"].shape[1])
                    self._remember_kind(encoded.tensors, len(samples))
                    samples.append((line, part))
            except InvalidDataset as error:
                faults += error.faults
            if len(faults) >= MAX_FAULTS:
                break
        self._samples = samples
        if not self._lines:
            faults = [DatasetFault(code="empty_dataset", detail=f"{self._path.name} has no rows for this")]
        if faults:
            raise InvalidDataset(faults)


def _shapes(encoded: EncodedRow) -> Shapes:
    """What a sample has beside its tokens, by shape."""
    shapes = [tuple(encoded[name].shape) for name in sorted(encoded)]
    return tuple(shape for shape in shapes if shape != encoded["input_ids"].shape)


def _as_different(groups: Sequence[Sequence[int]]) -> list[int]:
    """The first of each group, then the second of each, and so on."""
    rounds = zip_longest(*groups)
    return [index for one in rounds for index in one if index is not None][:_NUM_EXAMPLES]


def open_rows(spec: JobSpec, encoder: Encoder) -> tuple[EncodedRows, EncodedRows | None]:
    """The rows to train on and those to evaluate on, as the spec says; its datasets are paths here."""
    path = Path(spec.train_dataset)
    found = list(lines(path))
    if spec.eval_dataset is None:
        return EncodedRows(path, found, encoder, spec.seed), None
    if not isinstance(spec.eval_dataset, HeldOutSplit):
        eval_path = Path(spec.eval_dataset)
        held_out_rows = EncodedRows(eval_path, list(lines(eval_path)), encoder, spec.seed)
        return EncodedRows(path, found, encoder, spec.seed), held_out_rows
    held_out, kept = split(found, spec.eval_dataset.fraction, spec.seed)
    return EncodedRows(path, kept, encoder, spec.seed), EncodedRows(path, held_out, encoder, spec.seed)


def split(found: Sequence[Line], fraction: float, seed: int) -> tuple[list[Line], list[Line]]:
    """A part of the lines, at least one, drawn by the seed, and the rest; both in the order of the file."""
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed)).tolist()
    num_drawn = max(1, round(len(found) * fraction))
    return [found[index] for index in sorted(order[:num_drawn])], [found[index] for index in sorted(order[num_drawn:])]

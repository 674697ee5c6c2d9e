"""Rows encoded once, and the part that is held out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import AutoProcessor

from trainer_core.contract.errors import InvalidDataset
from trainer_core.contract.spec import HeldOutSplit, JobSpec
from trainer_core.data.dataset import EncodedRows, open_rows, split
from trainer_core.data.encoding import Encoded, Encoder
from trainer_core.data.reader import Line, lines
from trainer_core.data.rows import Row


class Counting(Encoder):
    """Counts what it encodes."""

    num_encoded = 0

    def encode(self, line: Line, row: Row) -> Encoded:
        self.num_encoded += 1
        return super().encode(line, row)


@pytest.fixture
def encoder(starter_dir: Path) -> Counting:
    return Counting(AutoProcessor.from_pretrained(starter_dir))


def proceed() -> None:
    """Nobody asks to stop."""


def test_a_row_is_encoded_once(shades_file: Path, encoder: Counting) -> None:
    rows = EncodedRows(shades_file, list(lines(shades_file)), encoder)
    rows.prepare(proceed)

    [rows[index] for index in range(len(rows))]

    assert encoder.num_encoded == 12


def test_rows_that_do_not_fit_into_memory_are_encoded_again(
    shades_file: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_core.data.dataset._MAX_KEPT_BYTES", 0)
    rows = EncodedRows(shades_file, list(lines(shades_file)), encoder)

    first, again = rows[0], rows[0]

    assert encoder.num_encoded == 2
    assert torch.equal(first["labels"], again["labels"])


class Flickering(Encoder):
    """Makes each picture a little lighter or darker, by chance."""

    def encode(self, line: Line, row: Row) -> Encoded:
        encoded = super().encode(line, row)
        encoded.tensors["pixel_values"] += torch.rand(())
        return encoded


@pytest.mark.parametrize("num_workers", [0, 2])
def test_chance_is_the_same_for_a_row_whoever_encodes_it(
    shades_file: Path, starter_dir: Path, num_workers: int
) -> None:
    encoder = Flickering(AutoProcessor.from_pretrained(starter_dir))
    kept, again = (EncodedRows(shades_file, list(lines(shades_file)), encoder, seed=3) for _ in range(2))
    kept.prepare(proceed)

    loader = DataLoader(again, batch_size=4, num_workers=num_workers, collate_fn=list)

    encoded = [row["pixel_values"] for rows in loader for row in rows]
    assert all(torch.equal(pixels, kept[number]["pixel_values"]) for number, pixels in enumerate(encoded))


def test_every_bad_row_is_known_before_training(
    tmp_path: Path,
    encoder: Counting,
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{}, chat(), {}])
    rows = EncodedRows(path, list(lines(path)), encoder)

    with pytest.raises(InvalidDataset) as refused:
        rows.prepare(proceed)

    assert [fault.line for fault in refused.value.faults] == [1, 3]


def test_no_rows_are_a_fault(tmp_path: Path, encoder: Counting) -> None:
    with pytest.raises(InvalidDataset, match="has no rows"):
        EncodedRows(tmp_path / "rows.jsonl", [], encoder).prepare(proceed)


def test_preparing_can_be_given_up_between_rows(shades_file: Path, encoder: Counting) -> None:
    rows = EncodedRows(shades_file, list(lines(shades_file)), encoder)

    def interrupt() -> None:
        if encoder.num_encoded == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rows.prepare(interrupt)

    assert encoder.num_encoded == 3


def test_a_split_holds_every_row_once() -> None:
    found = [Line(number, 0, 0) for number in range(10)]

    drawn, kept = split(found, 0.3, seed=1)

    assert len(drawn) == 3
    assert sorted([*drawn, *kept], key=lambda line: line.number) == found


def test_a_split_is_drawn_by_its_seed() -> None:
    found = [Line(number, 0, 0) for number in range(50)]

    assert split(found, 0.2, seed=1) == split(found, 0.2, seed=1)
    assert split(found, 0.2, seed=1) != split(found, 0.2, seed=2)


def test_a_split_holds_out_at_least_one_row() -> None:
    assert len(split([Line(1, 0, 0), Line(2, 0, 0)], 0.01, seed=0)[0]) == 1


@pytest.mark.parametrize(("held_out", "sizes"), [(HeldOutSplit(fraction=0.25), (9, 3)), ("itself", (12, 12))])
def test_evaluation_takes_a_part_or_a_file(
    shades_file: Path, encoder: Counting, held_out: HeldOutSplit | str, sizes: tuple[int, int]
) -> None:
    chosen = str(shades_file) if held_out == "itself" else held_out
    spec = JobSpec(base_model="starter", train_dataset=str(shades_file), eval_dataset=chosen)

    train_rows, eval_rows = open_rows(spec, encoder)

    assert eval_rows is not None
    assert (len(train_rows), len(eval_rows)) == sizes

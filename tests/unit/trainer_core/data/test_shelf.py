"""Encoded rows that somebody left for others."""

import os
from pathlib import Path

import pytest
import torch

from trainer_core.data import shelf as module
from trainer_core.data.encoding import Encoded
from trainer_core.data.reader import Line
from trainer_core.data.shelf import Shelf

LINES = [Line(number=number, offset=0, num_bytes=1) for number in (1, 2)]


def sample(number: int, *, has_image: bool) -> Encoded:
    tensors = {"input_ids": torch.arange(number + 3)[None], "labels": torch.full((1, number + 3), number)}
    if has_image:
        tensors["pixel_values"] = torch.rand(1, 3, 2, number)
    size = ((number, 7),) if has_image else ()
    return Encoded(tensors, size, size, torch.arange(number + 3) == 1)


SAMPLES = [
    (LINES[0], sample(1, has_image=True)),
    (LINES[0], sample(2, has_image=False)),
    (LINES[1], sample(5, has_image=True)),
]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    shelf = Shelf(tmp_path, "key")
    for line, encoded in SAMPLES:
        shelf.put(line, encoded)
    shelf.save()
    return tmp_path


def is_same(one: Encoded, other: Encoded) -> bool:
    return (
        one.sizes == other.sizes
        and one.original_sizes == other.original_sizes
        and torch.equal(one.is_image, other.is_image)
        and one.tensors.keys() == other.tensors.keys()
        and all(torch.equal(value, other.tensors[name]) for name, value in one.tensors.items())
    )


def test_rows_are_there_as_they_were_left(filled: Path) -> None:
    shelf = Shelf(filled, "key")

    found = [one for line in LINES for one in shelf.samples(line)]

    assert len(found) == 3
    assert all(is_same(one, left) for one, (_, left) in zip(found, SAMPLES, strict=True))


def test_a_row_holds_on_to_no_other(filled: Path) -> None:
    [found] = Shelf(filled, "key").samples(LINES[1])

    assert found.tensors["input_ids"].untyped_storage().nbytes() == found.tensors["input_ids"].nbytes


def test_rows_of_another_key_are_not_there(filled: Path) -> None:
    assert not Shelf(filled, "another").samples(LINES[0])


@pytest.mark.parametrize("place", [0, 9, -1])
def test_a_file_that_was_changed_is_not_read_and_goes(filled: Path, place: int) -> None:
    [path] = filled.iterdir()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)

    assert not Shelf(filled, "key").samples(LINES[0])
    assert not path.exists()


def test_a_file_that_is_torn_is_not_read(filled: Path) -> None:
    [path] = filled.iterdir()
    path.write_bytes(path.read_bytes()[:-5])

    assert not Shelf(filled, "key").samples(LINES[0])


def test_rows_that_take_too_much_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 100)
    shelf = Shelf(tmp_path, "key")
    for line, encoded in SAMPLES:
        shelf.put(line, encoded)

    shelf.save()

    assert not list(tmp_path.iterdir())


def test_what_was_unused_for_longest_makes_room(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [old] = filled.iterdir()
    os.utime(old, (0, 0))
    monkeypatch.setattr(module, "_FOLDER_BYTES", int(1.5 * old.stat().st_size))
    shelf = Shelf(filled, "newer")
    for line, encoded in SAMPLES:
        shelf.put(line, encoded)

    shelf.save()

    assert not old.exists()
    assert Shelf(filled, "newer").samples(LINES[0])


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shelf = Shelf(tmp_path / "file", "key")
    shelf.put(*SAMPLES[0])

    shelf.save()

    assert not Shelf(tmp_path / "file", "key").samples(LINES[0])

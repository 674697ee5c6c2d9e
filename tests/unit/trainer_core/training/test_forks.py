"""Real forks, which work on rows and end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from transformers import AutoProcessor

from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.dataset import Each, EncodedRows
from trainer_core.data.encoding import Encoder
from trainer_core.data.prepared import Sample
from trainer_core.data.reader import lines
from trainer_core.training.forks import each_in_forks

in_two = partial(each_in_forks, most=2)
MANY = range(300)


def test_what_is_made_comes_in_the_order_of_the_items() -> None:
    assert list(in_two(str, MANY)) == [str(number) for number in MANY]


def test_forks_make_it() -> None:
    made_by = set(in_two(lambda _: os.getpid(), MANY))

    assert len(made_by) == 2
    assert os.getpid() not in made_by


def test_for_few_items_no_process_is_started() -> None:
    assert set(in_two(lambda _: os.getpid(), range(3))) == {os.getpid()}


@pytest.mark.parametrize(
    "made", [torch.rand(2, 3)[:, 1:], torch.ones((), dtype=torch.bool), torch.empty(0, 2, dtype=torch.uint8)]
)
def test_a_tensor_comes_as_it_was(made: torch.Tensor) -> None:
    found = list(in_two(lambda _: made, MANY))

    assert all(one.dtype == made.dtype and torch.equal(one, made) for one in found)


def test_what_a_fork_raises_is_raised_here() -> None:
    def refuse(number: int) -> int:
        if number == 200:
            raise LookupError(f"no {number}")
        return number

    with pytest.raises(LookupError, match="no 200"):
        list(in_two(refuse, MANY))


def test_forks_end_when_nobody_wants_more() -> None:
    before = set(psutil.Process().children())
    made = iter(in_two(str, MANY))
    next(made)
    forks = set(psutil.Process().children()) - before

    del made

    assert len(forks) == 2
    assert psutil.wait_procs(forks, timeout=60)[1] == []


def test_forks_end_with_whoever_started_them() -> None:
    code = (
        "import os, time\nfrom trainer_core.training.forks import each_in_forks\n"
        "def work(number):\n print(os.getpid(), flush=True)\n time.sleep(600)\n"
        "list(each_in_forks(work, range(300), most=2))"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    forks = [psutil.Process(int(starter.stdout.readline())) for _ in range(2)]

    starter.send_signal(signal.SIGKILL)
    starter.communicate()

    assert psutil.wait_procs(forks, timeout=60)[1] == []


WriteRows = Callable[[Path, Sequence[dict[str, Any]]], Path]


@pytest.fixture
def encoder(starter_dir: Path) -> Encoder:
    return Encoder(AutoProcessor.from_pretrained(starter_dir))


def prepared(path: Path, encoder: Encoder, each: Each) -> EncodedRows:
    rows = EncodedRows(path, list(lines(path)), encoder, seed=1)
    rows.prepare(lambda: None, each=each)
    return rows


def test_rows_encoded_by_forks_are_those_encoded_here(
    tmp_path: Path, encoder: Encoder, chat: Callable[..., dict[str, Any]], write_rows: WriteRows
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [chat(answer=str(number)) for number in MANY])

    here, there = prepared(path, encoder, map), prepared(path, encoder, in_two)

    assert there.num_tokens == here.num_tokens
    assert there.image_uses == here.image_uses
    assert all(
        one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())
        for one, other in ((here[index], there[index]) for index in range(len(here)))
    )


def test_bad_rows_that_forks_find_are_told_in_the_order_of_the_file(
    tmp_path: Path, encoder: Encoder, chat: Callable[..., dict[str, Any]], write_rows: WriteRows
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{} if number in (7, 150, 290) else chat() for number in MANY])

    with pytest.raises(InvalidDataset) as refused:
        prepared(path, encoder, in_two)

    assert [fault.line for fault in refused.value.faults] == [8, 151, 291]


def test_forks_leave_out_the_pixels_of_rows_that_are_only_looked_at(
    tmp_path: Path, encoder: Encoder, chat: Callable[..., dict[str, Any]], write_rows: WriteRows
) -> None:
    path, seen = write_rows(tmp_path / "rows.jsonl", [chat() for _ in MANY]), list[Sample]()

    EncodedRows(path, list(lines(path)), encoder).prepare(lambda: None, seen.append, each=in_two)

    assert [sample for sample in seen if "pixel_values" in sample.row] == []

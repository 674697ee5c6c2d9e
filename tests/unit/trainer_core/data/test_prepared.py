"""Rows that were prepared once are there for whoever wants the same."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_core.contract.errors import InvalidDataset
from trainer_core.contract.spec import Hyperparameters, JobSpec
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import Encoder
from trainer_core.training.feature_store import OnDisk
from trainer_core.training.preparation import prepare
from trainer_core.training.stopping import StopRequest
from trainer_core.training.survey import Survey

Chat = Callable[..., dict[str, Any]]
WriteRows = Callable[[Path, Sequence[dict[str, Any]]], Path]


@pytest.fixture
def shelf(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path / "shelf", 10**8)


@pytest.fixture
def spec(starter_dir: Path, tmp_path: Path, write_rows: WriteRows, chat: Chat) -> JobSpec:
    """Rows with an image, with none, and of two lengths."""
    rows = [chat("7"), chat("8", shade=None), chat("seven times seven"), chat("7", shade=3)]
    return JobSpec(base_model=str(starter_dir), train_dataset=str(write_rows(tmp_path / "rows.jsonl", rows)))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lines that were encoded."""
    numbers: list[int] = []
    encode = Encoder.encode

    def counting(encoder: Encoder, line: Any, row: Any) -> Any:
        numbers.append(line.number)
        return encode(encoder, line, row)

    monkeypatch.setattr(Encoder, "encode", counting)
    return numbers


def prepared(spec: JobSpec, shelf: OnDisk, survey: Survey | None = None) -> EncodedRows:
    _, rows, _ = prepare(spec, StopRequest(), (survey.take if survey else None, None), shelf)
    return rows


def test_rows_are_encoded_once_for_all(spec: JobSpec, shelf: OnDisk, encoded: list[int]) -> None:
    prepared(spec, shelf)
    encoded.clear()

    prepared(spec, shelf)

    assert encoded == []


def test_they_are_what_they_were(spec: JobSpec, shelf: OnDisk) -> None:
    before = prepared(spec, shelf)

    after = prepared(spec, shelf)

    torch.testing.assert_close(
        [after[index] for index in range(4)], [before[index] for index in range(4)], rtol=0, atol=0
    )
    assert (after.num_tokens, after.most_targets, after.image_uses) == (
        before.num_tokens,
        before.most_targets,
        before.image_uses,
    )
    torch.testing.assert_close(after.examples(), before.examples(), rtol=0, atol=0)


def test_a_report_has_them_from_there_too(spec: JobSpec, shelf: OnDisk, encoded: list[int]) -> None:
    first, second = Survey(), Survey()
    prepared(spec, shelf, first)
    encoded.clear()

    prepared(spec, shelf, second)

    assert encoded == []
    assert second.report(4) == first.report(4)
    assert second.seen == first.seen


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"hyperparameters": Hyperparameters(train_on="everything")},
        {"hyperparameters": Hyperparameters(max_tokens=100)},
    ],
)
def test_rows_that_would_be_others_are_encoded(
    spec: JobSpec, shelf: OnDisk, encoded: list[int], change: dict[str, Any]
) -> None:
    prepared(spec, shelf)
    encoded.clear()

    prepared(spec.model_copy(update=change), shelf)

    assert set(encoded) == {1, 2, 3, 4}


def test_a_file_that_has_changed_is_read(
    spec: JobSpec, shelf: OnDisk, encoded: list[int], write_rows: WriteRows, chat: Chat
) -> None:
    prepared(spec, shelf)
    encoded.clear()
    write_rows(Path(spec.train_dataset), [chat("9")])

    prepared(spec, shelf)

    assert encoded == [1]


def test_damaged_ones_are_encoded_again(spec: JobSpec, shelf: OnDisk, encoded: list[int], tmp_path: Path) -> None:
    prepared(spec, shelf)
    encoded.clear()
    for path in (tmp_path / "shelf").glob("*/*"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    prepared(spec, OnDisk(tmp_path / "shelf", 10**8))

    assert set(encoded) == {1, 2, 3, 4}


def test_faults_are_told_again(spec: JobSpec, shelf: OnDisk, write_rows: WriteRows, chat: Chat) -> None:
    write_rows(Path(spec.train_dataset), [chat("9"), {"messages": []}])

    for _ in range(2):
        with pytest.raises(InvalidDataset):
            prepared(spec, shelf)

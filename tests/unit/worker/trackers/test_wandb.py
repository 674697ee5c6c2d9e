"""Runs at Weights & Biases, without network: what its client wrote into the file from which `wandb sync` sends."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from store import jobs, leases
from store.database import Database
from store.files import Storage
from store.leases import Lease
from tests.patience import until
from tests.unit.tracked import evaluate, run_again, run_tracked, tell_steps
from tests.unit.worker.following import follow
from trainer_core.contract.integrations import Wandb
from trainer_core.contract.spec import JobSpec

_BLOCK = 32768
_HEADER = struct.Struct("<IHB")
"""Of a piece of a record: checksum, length, and whether it is the record's first, middle or last piece, or all."""
_WHOLE, _LAST = 1, 4
TARGET = Wandb(project="digits", name="first try", entity="lab", tags=("lora",))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")


@pytest.fixture
def lease(database: Database, spec: JobSpec) -> Lease:
    return run_tracked(database, spec, TARGET)


def records(storage: Storage) -> list[Record]:
    """What was written, run folder by run folder: LevelDB's log format behind seven bytes that name it."""
    paths = list((storage.root / "wandb").rglob("*.wandb"))
    until(lambda: paths and all(kind(one) == "exit" for path in paths for one in read(path)[-1:]))
    return [record for path in paths for record in read(path)]


def read(path: Path) -> list[Record]:
    """What a file holds by now, from its run to its end: its client goes on writing for a moment."""
    found = [Record.FromString(piece) for piece in _pieces(path)]
    ends = [at for at, record in enumerate(found) if kind(record) == "exit"]
    return found[: ends[0] + 1] if ends else [*found, Record()]


def kind(record: Record) -> str | None:
    word: str | None = record.WhichOneof("record_type")
    return word


def _pieces(path: Path) -> Iterator[bytes]:
    content, at, whole = path.read_bytes(), 7, b""
    while at < len(content):
        if _BLOCK - at % _BLOCK < _HEADER.size:
            at += _BLOCK - at % _BLOCK
            continue
        if len(content) - at < _HEADER.size:
            return
        _, size, form = _HEADER.unpack_from(content, at)
        whole += content[at + _HEADER.size : at + _HEADER.size + size]
        at += _HEADER.size + size
        if at > len(content):
            return
        if form in (_WHOLE, _LAST):
            yield whole
            whole = b""


def history(storage: Storage) -> list[dict[str, Any]]:
    """Rows of the run's history."""
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records(storage)
        if record.WhichOneof("record_type") == "history"
    ]


def told(storage: Storage, name: str) -> list[tuple[int, float]]:
    return [(row["step"], row[name]) for row in history(storage) if name in row]


def test_the_run_is_that_of_the_spec(database: Database, storage: Storage, lease: Lease) -> None:
    follow(database, storage)

    [run] = [record.run for record in records(storage) if record.WhichOneof("record_type") == "run"]
    assert (run.project, run.display_name, run.entity, list(run.tags)) == ("digits", "first try", "lab", ["lora"])
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["base_model"] == "starter"
    assert config["hyperparameters"]["learning_rate"] == 1e-4
    assert "integrations" not in config
    assert lease.job_id.removeprefix("ftjob-") not in run.run_id  # a job may name several runs


def test_points_stand_at_their_steps_and_times(database: Database, storage: Storage, lease: Lease) -> None:
    tell_steps(database, lease, [1, 2, 4])

    follow(database, storage)

    assert told(storage, "loss") == [(1, 1.0), (2, 0.5), (4, 0.25)]
    with database.reading() as session:
        created_at = jobs.get(session, lease.job_id).created_at.timestamp()
    assert all(abs(row["_timestamp"] - created_at) < 600 for row in history(storage))


def test_metrics_are_drawn_by_the_jobs_steps(database: Database, storage: Storage, lease: Lease) -> None:
    tell_steps(database, lease, [1])

    follow(database, storage)

    metrics = [record.metric for record in records(storage) if record.WhichOneof("record_type") == "metric"]
    assert [(one.glob_name or one.name, one.step_metric) for one in metrics] == [("step", ""), ("*", "step")]


def test_steps_that_are_repeated_are_told_once(database: Database, storage: Storage, lease: Lease) -> None:
    tell_steps(database, lease, [1, 2, 3])
    again = run_again(database, lease)
    tell_steps(database, again, [2, 3, 4])

    follow(database, storage)

    assert [step for step, _ in told(storage, "loss")] == [1, 2, 3, 4]


def test_sample_answers_are_a_table(database: Database, storage: Storage, lease: Lease) -> None:
    evaluate(database, lease, 10)

    follow(database, storage)

    [table] = (storage.root / "wandb").rglob("samples_*.table.json")
    assert json.loads(table.read_text())["data"] == [[7, "Which digit is this?", "4", "9", '{"exact_match": 0.0}']]
    assert [row["step"] for row in history(storage) if any(key.startswith("samples") for key in row)] == [10]


@pytest.mark.parametrize(("end", "exit_code"), [(leases.succeed, 0), (leases.cancel, 255)])
def test_the_run_ends_as_the_job_has(
    database: Database, storage: Storage, lease: Lease, end: Any, exit_code: int
) -> None:
    with database.writing() as session:
        end(session, lease)

    follow(database, storage)

    exits = [record.exit.exit_code for record in records(storage) if record.WhichOneof("record_type") == "exit"]
    assert exits == [exit_code]
    summary = {
        item.key or "/".join(item.nested_key): json.loads(item.value_json)
        for record in records(storage)
        for item in record.summary.update
    }
    assert summary["tuneyard.job_id"] == lease.job_id

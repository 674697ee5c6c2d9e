"""Event files, as TensorBoard's own reader has them."""

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from store import jobs, leases
from store.database import Database
from store.files import Storage
from store.leases import Lease
from tests.unit.tracked import evaluate, run_again, run_tracked, tell_steps
from tests.unit.worker.following import follow, place_of, rewind
from trainer_core.contract.spec import JobSpec

BOTH_STORAGES = pytest.mark.parametrize("storage_kind", ["folder", "s3"])


def read(storage: Storage, job_id: str, tmp_path: Path) -> EventAccumulator:
    """The job's event file, wherever it lies, read by TensorBoard."""
    folder = tmp_path / "logdir"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    place = storage.event_file("proj_default", job_id)
    with storage.open(place) as file:
        (folder / place.name).write_bytes(file.read())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own, about numpy
        return EventAccumulator(str(folder)).Reload()


def scalars(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(one.step, round(one.value, 4)) for one in events.Scalars(tag)]


def text(events: EventAccumulator, tag: str) -> list[tuple[int, list[str]]]:
    return [(one.step, [word.decode() for word in one.tensor_proto.string_val]) for one in events.Tensors(tag)]


def as_json(told: str) -> Mapping[str, Any]:
    return json.loads(told.removeprefix("```json\n").removesuffix("\n```"))  # type: ignore[no-any-return]


def succeed(database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.succeed(session, lease)


@BOTH_STORAGES
def test_points_stand_at_their_steps_and_times(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2, 4])

    follow(database, storage)

    events = read(storage, lease.job_id, tmp_path)
    assert scalars(events, "loss") == [(1, 1.0), (2, 0.5), (4, 0.25)]
    with database.reading() as session:
        created_at = jobs.get(session, lease.job_id).created_at.timestamp()
    assert all(abs(one.wall_time - created_at) < 600 for one in events.Scalars("loss"))


@BOTH_STORAGES
def test_what_is_told_later_is_appended(database: Database, storage: Storage, spec: JobSpec, tmp_path: Path) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1])
    follow(database, storage)
    tell_steps(database, lease, [2])

    follow(database, storage)

    assert scalars(read(storage, lease.job_id, tmp_path), "loss") == [(1, 1.0), (2, 0.5)]


@BOTH_STORAGES
def test_what_was_written_before_a_crash_comes_once(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1])
    follow(database, storage)
    before = place_of(database)
    tell_steps(database, lease, [2, 3])
    follow(database, storage)
    rewind(database, before)  # the file was written, the row was not

    follow(database, storage)

    assert scalars(read(storage, lease.job_id, tmp_path), "loss") == [(1, 1.0), (2, 0.5), (3, 0.3333)]


def test_an_attempt_that_repeats_steps_doubles_none(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1, 2, 3])
    follow(database, storage)
    again = run_again(database, lease)
    tell_steps(database, again, [2, 3, 4])

    follow(database, storage)

    assert [step for step, _ in scalars(read(storage, lease.job_id, tmp_path), "loss")] == [1, 2, 3, 4]


def test_sample_answers_are_a_table(database: Database, storage: Storage, spec: JobSpec, tmp_path: Path) -> None:
    lease = run_tracked(database, spec)
    evaluate(database, lease, 10)

    follow(database, storage)

    [(step, cells)] = text(read(storage, lease.job_id, tmp_path), "samples")
    assert step == 10
    assert cells[5:] == ["7", "Which digit is this?", "4", "9", '{"exact_match": 0.0}']


def test_the_spec_is_there_as_hyperparameters_and_to_read(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = run_tracked(database, spec)

    follow(database, storage)

    events = read(storage, lease.job_id, tmp_path)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    params = HParamsPluginData.FromString(content).session_start_info.hparams
    assert params["hyperparameters.learning_rate"].number_value == spec.hyperparameters.learning_rate
    assert params["method.type"].string_value == "full"
    [(_, [told])] = text(events, "spec")
    assert as_json(told)["base_model"] == "starter"


def test_the_end_of_a_job_is_told_with_its_status(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = run_tracked(database, spec)
    succeed(database, lease)

    follow(database, storage)

    events = read(storage, lease.job_id, tmp_path)
    content = events.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    assert HParamsPluginData.FromString(content).session_end_info.status == 1  # STATUS_SUCCESS
    [(_, [told])] = text(events, "job")
    assert as_json(told) == {
        "tuneyard.job_id": lease.job_id,
        "tuneyard.project_id": "proj_default",
        "status": "succeeded",
    }


def test_a_file_that_somebody_has_cut_is_no_fault_of_the_job(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    lease = run_tracked(database, spec)
    tell_steps(database, lease, [1])
    follow(database, storage)
    storage.event_file("proj_default", lease.job_id).write_bytes(b"")
    tell_steps(database, lease, [2])

    [event] = follow(database, storage)

    assert event.type == "tracking_failed"
    assert "shorter than what was written" in event.message

"""What a trainer saves goes into the bucket in its order, whatever happens meanwhile."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.files import Storage
from store.leases import Lease
from store.remote import StorageUnavailable
from tests.patience import PATIENCE_SECONDS
from tests.unit.worker.saving import Gate, Refusing, delete, save
from trainer_core.contract.events import Phase, PhaseEntered, RunSucceeded, StepCompleted, StorageTroubled
from trainer_core.contract.manifest import Manifest
from worker.publishing import Publishing, Said

on_a_bucket = pytest.mark.parametrize("storage_kind", ["s3"])
STEP = StepCompleted(
    step=1,
    total_steps=4,
    epoch=0.5,
    loss=1,
    learning_rate=0.1,
    grad_norm=None,
    num_supervised_tokens=8,
    step_seconds=0.5,
    elapsed_seconds=0.5,
)
SAVING = PhaseEntered(phase=Phase.SAVING)
NO_ANSWER = StorageUnavailable("no answer")


@pytest.fixture
def lease() -> Lease:
    """Of no job: nothing here knows the database."""
    return Lease("ftjob-1", 1, "token")


@pytest.fixture
def publishing(storage: Storage, lease: Lease) -> Iterator[Publishing]:
    """What is under test, for the run of a job."""
    one = Publishing(storage, storage.run_dir(lease.job_id, lease.attempt))
    yield one
    one.close()


def so_far(publishing: Publishing) -> list[Said]:
    """What has come out."""
    said: list[Said] = []
    publishing.hand_over(said.append)
    return said


def in_the_end(publishing: Publishing) -> list[Said]:
    """What comes out until nothing is under way."""
    publishing._todo.join()  # noqa: SLF001 - a runner looks again and again
    return so_far(publishing)


def published(storage: Storage, lease: Lease) -> set[str]:
    """Checkpoints of which something is published."""
    run_dir = storage.run_dir(lease.job_id, lease.attempt)
    return {place.relative_to(run_dir).parts[1] for place in storage.files(run_dir / "checkpoints")}


def test_where_the_storage_is_a_folder_everything_comes_out_at_once(
    publishing: Publishing, storage: Storage, lease: Lease
) -> None:
    said: list[Said] = [
        save(storage, lease, 1),
        STEP,
        "a line",
        save(storage, lease, 2),
        delete(storage, lease, 1),
        SAVING,
    ]

    for one in said:
        publishing.take(one)

    assert so_far(publishing) == said
    assert publishing.refusal is None


def test_where_the_storage_is_a_folder_the_run_stays_where_it_is(
    publishing: Publishing, storage: Storage, lease: Lease
) -> None:
    save(storage, lease, 1)

    publishing.close()

    assert published(storage, lease) == {"step-1"}


@on_a_bucket
def test_a_checkpoint_is_told_once_it_can_be_read_and_what_follows_keeps_its_order(
    publishing: Publishing, storage: Storage, lease: Lease, gate: Gate
) -> None:
    saved = save(storage, lease, 1)

    for one in (saved, SAVING, STEP, "a line"):
        publishing.take(one)
    before = so_far(publishing)
    gate.open()

    assert before == [STEP, "a line"]
    assert in_the_end(publishing) == [saved, SAVING]
    assert published(storage, lease) == {"step-1"}


@on_a_bucket
def test_a_folder_is_uploaded_with_its_manifest_last(
    publishing: Publishing, storage: Storage, lease: Lease, refuse: Refusing
) -> None:
    refuse("model.safetensors", NO_ANSWER)

    publishing.take(save(storage, lease, 1))

    assert [type(one) for one in in_the_end(publishing)] == [StorageTroubled]
    assert published(storage, lease) == set()


@on_a_bucket
def test_a_checkpoint_that_the_trainer_deletes_during_the_upload_is_published_whole(
    publishing: Publishing, storage: Storage, lease: Lease, gate: Gate, tmp_path: Path
) -> None:
    saved = save(storage, lease, 1)
    publishing.take(saved)
    assert gate.is_reached.wait(PATIENCE_SECONDS)

    delete(storage, lease, 1)
    gate.open()

    assert in_the_end(publishing) == [saved]
    storage.copy(storage.run_dir(lease.job_id, lease.attempt) / saved.path, tmp_path / "copy")
    assert Manifest.load(tmp_path / "copy").is_true_of(tmp_path / "copy")


@on_a_bucket
def test_a_checkpoint_that_is_deleted_before_its_turn_is_left_out(
    publishing: Publishing, storage: Storage, lease: Lease, gate: Gate
) -> None:
    saved = [save(storage, lease, step) for step in (1, 2, 3)]
    publishing.take(saved[0])
    assert gate.is_reached.wait(PATIENCE_SECONDS)
    publishing.take(saved[1])
    publishing.take(saved[2])

    publishing.take(delete(storage, lease, 2))
    gate.open()

    assert in_the_end(publishing) == [saved[0], saved[2]]
    assert published(storage, lease) == {"step-1", "step-3"}


@on_a_bucket
def test_an_old_checkpoint_is_deleted_once_no_row_names_it(
    publishing: Publishing, storage: Storage, lease: Lease
) -> None:
    saved: list[Said] = [save(storage, lease, step) for step in (1, 2)]
    deleted = delete_later(publishing, storage, lease, saved)
    before = published(storage, lease)

    publishing.written([deleted])
    in_the_end(publishing)

    assert (before, published(storage, lease)) == ({"step-1", "step-2"}, {"step-2"})


def delete_later(publishing: Publishing, storage: Storage, lease: Lease, saved: list[Said]) -> Said:
    """Have checkpoints published, then the first one deleted by the trainer."""
    for one in saved:
        publishing.take(one)
    assert in_the_end(publishing) == saved
    publishing.take(delete(storage, lease, 1))
    [deleted] = in_the_end(publishing)
    return deleted


@on_a_bucket
def test_the_last_good_checkpoint_stays_until_a_newer_one_is_taken(
    publishing: Publishing, storage: Storage, lease: Lease, refuse: Refusing
) -> None:
    refuse("step-2", NO_ANSWER)
    first, second = save(storage, lease, 1), save(storage, lease, 2)
    publishing.take(first)
    publishing.take(second)
    before = in_the_end(publishing)
    publishing.take(deleted := delete(storage, lease, 1))
    between = in_the_end(publishing)

    publishing.take(third := save(storage, lease, 3))
    publishing.take(delete(storage, lease, 2))

    assert ([one for one in before if not isinstance(one, StorageTroubled)], between) == ([first], [])
    assert in_the_end(publishing) == [third, deleted]


@on_a_bucket
def test_trouble_is_told_once_until_it_is_over(
    publishing: Publishing, storage: Storage, lease: Lease, refuse: Refusing
) -> None:
    refuse("step", NO_ANSWER, 7)

    for step in (1, 2, 3):
        publishing.take(save(storage, lease, step))

    told = in_the_end(publishing)
    assert [one.type for one in told if isinstance(one, StorageTroubled)] == ["storage_unavailable"]


@on_a_bucket
def test_an_artifact_that_is_not_there_is_refused(publishing: Publishing) -> None:
    publishing.take(RunSucceeded(step=1, path="artifact", training_seconds=1))

    in_the_end(publishing)

    assert publishing.refusal is not None


@on_a_bucket
def test_a_folder_that_has_gone_is_no_obstacle_to_what_follows(
    publishing: Publishing, storage: Storage, lease: Lease
) -> None:
    lost, saved = save(storage, lease, 1), save(storage, lease, 2)
    shutil.rmtree(storage.run_dir(lease.job_id, lease.attempt) / lost.path)

    publishing.take(lost)
    publishing.take(saved)

    assert in_the_end(publishing) == [saved]

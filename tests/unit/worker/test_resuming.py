"""Which checkpoint an attempt goes on from, and what it needs of it on its host."""

from pathlib import Path

import pytest

from store.files import Storage
from store.leases import Lease
from store.remote import Remote, StorageUnavailable
from store.tables import Checkpoint
from tests.unit.worker.saving import save
from worker.resuming import newest_checkpoint

EVERY_KIND = pytest.mark.parametrize("storage_kind", ["folder", "s3"])
LEASE = Lease("ftjob-1", 1, "token")


@pytest.fixture
def host(storage_root: str, tmp_path: Path) -> Storage:
    """The storage as the host of the next attempt has it."""
    host = Storage(storage_root, tmp_path / "host")
    host.prepare()
    return host


def checkpoint(storage: Storage, step: int, attempt: int = 1) -> Checkpoint:
    """A published checkpoint's row."""
    lease = Lease(LEASE.job_id, attempt, LEASE.owner_token)
    saved = save(storage, lease, step)
    folder = storage.run_dir(lease.job_id, attempt) / saved.path
    storage.publish(folder, folder)
    return Checkpoint(
        job_id=lease.job_id, attempt=attempt, step=step, path=saved.path, manifest_sha256=saved.manifest_sha256
    )


@EVERY_KIND
def test_the_newest_checkpoint_is_there(storage: Storage, host: Storage) -> None:
    found = [checkpoint(storage, step) for step in (20, 10)]

    folder = newest_checkpoint(host, found)

    assert folder == host.run_dir("ftjob-1", 1) / "checkpoints/step-20"
    assert (folder / "model.safetensors").read_text() == "20"


@EVERY_KIND
@pytest.mark.parametrize("content", [b"21", b"torn", None])
def test_a_checkpoint_that_is_not_what_it_was_is_passed_over(
    storage: Storage, host: Storage, tmp_path: Path, content: bytes | None
) -> None:
    found = [checkpoint(storage, step) for step in (20, 10)]
    weights = storage.run_dir("ftjob-1", 1) / "checkpoints/step-20/model.safetensors"
    if content is None:
        storage.delete(weights)
    else:
        (tmp_path / "spoilt").write_bytes(content)
        storage.publish(tmp_path / "spoilt", weights)

    assert newest_checkpoint(host, found) == host.run_dir("ftjob-1", 1) / "checkpoints/step-10"


@EVERY_KIND
def test_a_checkpoint_with_another_manifest_is_passed_over(storage: Storage, host: Storage) -> None:
    found = checkpoint(storage, 10)
    found.manifest_sha256 = "0" * 64

    assert newest_checkpoint(host, [found]) is None


@pytest.mark.parametrize("storage_kind", ["s3"])
def test_earlier_checkpoints_of_its_attempt_come_with_it_for_the_best_may_be_among_them(
    storage: Storage, host: Storage
) -> None:
    found = [checkpoint(storage, 20, attempt=2), checkpoint(storage, 15, attempt=2), checkpoint(storage, 10)]

    newest_checkpoint(host, found)

    fetched = sorted(path.name for path in (host.root / "jobs").rglob("step-*"))
    assert fetched == ["step-15", "step-20"]


@pytest.mark.parametrize("storage_kind", ["s3"])
def test_a_storage_that_does_not_answer_is_no_reason_to_begin_anew(
    storage: Storage, host: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers_nothing(*_: object) -> None:
        raise StorageUnavailable("no answer")

    found = [checkpoint(storage, 10)]
    monkeypatch.setattr(Remote, "_get", answers_nothing)

    with pytest.raises(StorageUnavailable):
        newest_checkpoint(host, found)

"""What a trainer may take of its host: a greedy one fails alone, and nothing of it is left (S17, S20)."""

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from store import events, jobs, logs
from store.database import Database
from store.files import Storage
from store.leases import Lease
from store.lifecycle import JobStatus
from store.tables import Job
from tests.unit import peaks
from worker import cap, rations
from worker.rations import Rations, folder_bytes, host_memory_bytes
from worker.runner import Runner
from worker.settings import WorkerSettings

PROGRAM = str(Path(__file__).parent / "greedy_trainer.py")
MEGABYTE = 1 << 20
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Play = Callable[..., Job]


@pytest.fixture
def play(settings: WorkerSettings, database: Database, storage: Storage, lease: Lease) -> Play:
    """Carries the job out with a greedy trainer, and tells what became of it."""

    def played(script: str, number: int = 0, **changes: int) -> Job:
        command = (sys.executable, PROGRAM, script, str(number))
        Runner(settings.model_copy(update={"trainer_command": command, **changes}), database, storage, lease).run()
        with database.reading() as session:
            return jobs.get(session, lease.job_id)

    return played


def left_over() -> list[int]:
    """Processes of greedy trainers."""
    found = psutil.process_iter(["cmdline", "status"])
    return [one.pid for one in found if PROGRAM in (one.info["cmdline"] or ()) and one.info["status"] != "zombie"]


@pytest.mark.parametrize("script", ["memory", "memory elsewhere"])
@on_sqlite
def test_a_run_that_takes_too_much_memory_fails_alone(play: Play, script: str) -> None:
    job = play(script, 1000, trainer_memory_bytes=200 * MEGABYTE)

    assert (job.status, job.failure_code) == (JobStatus.FAILED, "out_of_memory")
    assert "0.2 GB of its host's memory" in str(job.failure_message)
    assert left_over() == []


@on_sqlite
def test_memory_that_processes_share_counts_once(play: Play) -> None:
    job = play("shared memory", trainer_memory_bytes=400 * MEGABYTE)

    assert job.status == JobStatus.SUCCEEDED


@on_sqlite
def test_a_bomb_of_processes_fails_alone_and_is_gone(play: Play) -> None:
    job = play("processes", trainer_processes=20)

    assert (job.status, job.failure_code) == (JobStatus.FAILED, "too_many_processes")
    assert left_over() == []


@on_sqlite
def test_a_run_that_fills_the_disk_fails_alone(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rations, "_DISK_SECONDS", 0.1)

    job = play("disk", 8, trainer_disk_bytes=20 * MEGABYTE)

    assert (job.status, job.failure_code) == (JobStatus.FAILED, "storage_full")
    assert left_over() == []


@pytest.mark.parametrize(
    ("num_lines", "most"), [(20_000, 1_000), pytest.param(1_000_000, cap.MOST["log"], marks=pytest.mark.long)]
)
@on_sqlite
def test_of_a_flood_of_words_the_beginning_is_kept(
    play: Play, database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch, num_lines: int, most: int
) -> None:
    monkeypatch.setitem(cap.MOST, "log", most)
    monkeypatch.setitem(cap.MOST, "events", 500)
    before = peaks.forget()

    job = play("flood", num_lines)

    with database.reading() as session:
        lines = logs.after(session, lease.job_id, 0, most + 10)
        told = [event for event in events.after(session, lease.job_id, 0, 10_000) if event.type == "truncated"]
    assert job.status == JobStatus.SUCCEEDED
    assert [line.line for line in lines] == [f"line {number}" for number in range(most)]
    assert {event.data["what"]: event.data["most"] for event in told} == {"log": most, "events": 500}
    assert peaks.peak_bytes() - before < 150 * 1024**2


@on_sqlite
def test_a_line_without_end_is_heard_in_pieces(play: Play) -> None:
    tracemalloc.start()  # what SQLite takes meanwhile is not what is asked here
    try:
        job = play("long line", 300)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert job.status == JobStatus.SUCCEEDED
    assert peak_bytes < 100 * 1024**2


@on_sqlite
def test_unless_the_operator_says_so_a_run_may_take_most_of_what_there_is(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    found = Rations.of(settings, tmp_path)

    assert found.memory_bytes == int(0.9 * host_memory_bytes())
    assert 0 < found.disk_bytes < psutil.disk_usage(str(tmp_path)).total
    assert found.num_processes == settings.trainer_processes


def test_what_a_folder_takes_is_counted_on_its_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(MEGABYTE))
    (tmp_path / "link").symlink_to("/")

    assert MEGABYTE <= folder_bytes(tmp_path) < 2 * MEGABYTE

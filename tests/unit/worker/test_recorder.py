"""What reaches the log of a job, however much a trainer writes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from store import events, logs, metrics
from store.database import Database
from store.leases import Lease
from trainer_core.contract.events import StepCompleted
from worker import cap
from worker.recorder import Recorder


def test_a_flood_of_log_lines_is_cut_and_an_event_says_so(
    database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cap.MOST, "log", 3)
    one = Recorder(database, lease, 90)

    for number in range(10):
        one.take(f"line {number}")
    one.flush()

    with database.reading() as session:
        lines = [line.line for line in logs.after(session, lease.job_id, 0, 100)]
        [told] = [event for event in events.after(session, lease.job_id, 0, 100) if event.type == "truncated"]
    assert lines == ["line 0", "line 1", "line 2"]
    assert (told.data["what"], told.data["most"]) == ("log", 3)


def test_what_a_step_cost_becomes_series(database: Database, lease: Lease) -> None:
    one = Recorder(database, lease, 90)

    one.take(
        StepCompleted(
            step=1,
            total_steps=2,
            epoch=0.5,
            loss=None,
            learning_rate=0.1,
            grad_norm=None,
            num_supervised_tokens=8,
            num_rows=4,
            peak_bytes=1_000,
            feature_hits=0.25,
            step_seconds=0.5,
            elapsed_seconds=0.5,
        )
    )
    one.flush()

    with database.reading() as session:
        found = metrics.read(session, lease.job_id)
    assert {series.name: series.values for series in found} == {
        "epoch": [0.5],
        "feature_cache_hits": [0.25],
        "learning_rate": [0.1],
        "peak_memory_bytes": [1_000],
        "rows_per_second": [8],
        "supervised_tokens_per_second": [16],
    }


class Unreliable(Database):
    """Breaks off the first write: before its commit, or between the commit and the answer."""

    def __init__(self, url: str, *, commits: bool) -> None:
        super().__init__(url)
        self._commits = commits
        self._is_first = True

    @contextmanager
    def writing(self, project_id: str | None = None) -> Iterator[Session]:
        with super().writing(project_id) as session:
            yield session
            if self._is_first and not self._commits:
                self._break_off()
        if self._is_first:
            self._break_off()

    def _break_off(self) -> None:
        self._is_first = False
        raise OperationalError("COMMIT", None, ConnectionError("gone"))


@pytest.mark.parametrize("commits", [True, False])
def test_a_write_that_broke_off_is_repeated_and_counts_once(
    database: Database, database_url: str, lease: Lease, *, commits: bool
) -> None:
    unreliable = Unreliable(database_url, commits=commits)
    one = Recorder(unreliable, lease, 90)
    one.take("before")
    with pytest.raises(OperationalError):
        one.flush()

    one.take("meanwhile")
    one.flush()
    unreliable.close()

    with database.reading() as session:
        lines = [line.line for line in logs.after(session, lease.job_id, 0, 100)]
    assert lines == ["before", "meanwhile"]

"""What reaches the log of a job, however much a trainer writes."""

import pytest

from store import logs
from store.database import Database
from store.leases import Lease
from worker import recorder
from worker.recorder import Recorder


def test_a_flood_of_log_lines_is_cut_and_says_so(
    database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_MAX_LOG_LINES", 3)
    one = Recorder(database, lease, 90)

    for number in range(10):
        one.take(f"line {number}")
    one.flush()

    with database.reading() as session:
        lines = [line.line for line in logs.after(session, lease.job_id, 0, 100)]
    assert lines == ["line 0", "line 1", "… log cut here: it has reached 3 lines"]


def test_a_long_line_is_shortened_and_says_so(database: Database, lease: Lease) -> None:
    one = Recorder(database, lease, 90)

    one.take("x" * 10_000)
    one.flush()

    with database.reading() as session:
        (line,) = logs.after(session, lease.job_id, 0, 100)
    assert line.line.endswith("x … (10000 characters)")


def test_a_nul_in_the_log_is_no_obstacle(database: Database, lease: Lease) -> None:
    one = Recorder(database, lease, 90)

    one.take("before\0after")
    one.flush()

    with database.reading() as session:
        (line,) = logs.after(session, lease.job_id, 0, 100)
    assert line.line == "before\N{REPLACEMENT CHARACTER}after"

"""The state machine."""

import pytest

from store.lifecycle import ENDED, MOVES, JobStatus, sources


def test_every_status_has_its_moves() -> None:
    assert set(MOVES) == set(JobStatus)


@pytest.mark.parametrize("target", list(JobStatus))
def test_sources_are_the_moves_read_backwards(target: JobStatus) -> None:
    assert sources(target) == {source for source in JobStatus if target in MOVES[source]}


def test_nothing_leaves_success() -> None:
    assert MOVES[JobStatus.SUCCEEDED] == frozenset()


def test_an_ended_job_can_at_most_be_tried_again() -> None:
    assert all(MOVES[status] <= {JobStatus.QUEUED, JobStatus.VALIDATING} for status in ENDED)

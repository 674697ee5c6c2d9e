"""What is at hand is known where something is done, and nowhere else."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from telemetry.about import about, facts, note


def test_what_is_at_hand_is_known_within_the_block() -> None:
    with about(job_id="j"), about(attempt=2):
        assert facts() == {"job_id": "j", "attempt": 2}

    assert facts() == {}


def test_a_thread_that_is_handed_the_context_may_note_more_for_the_block() -> None:
    with about(request_id="r"), ThreadPoolExecutor() as pool:
        pool.submit(copy_context().run, lambda: note(project_id="p")).result()
        assert facts() == {"request_id": "r", "project_id": "p"}

    assert facts() == {}


def test_what_is_noted_in_an_inner_block_ends_with_it() -> None:
    with about(request_id="r"):
        with about():
            note(job_id="j")
        assert facts() == {"request_id": "r"}


def test_another_thread_knows_nothing() -> None:
    with about(job_id="j"), ThreadPoolExecutor() as pool:
        assert pool.submit(facts).result() == {}


def test_what_is_not_known_is_left_out() -> None:
    with about(job_id=None, attempt=1):
        assert facts() == {"attempt": 1}

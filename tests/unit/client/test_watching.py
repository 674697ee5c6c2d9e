"""A job on its way, in words."""

import io

import pytest
from rich.console import Console

from client.errors import ServiceUnreachable
from client.views import Job, Series
from client.watching import duration, ending, numbers, show_to_end, state
from tests.unit.client.samples import CANCELLED, FAILED, JOB, RUNNING, SUCCEEDED

SLIGHTLY_LATER = RUNNING | {"progress": RUNNING["progress"] | {"step": 13}}


def job(told: dict[str, object]) -> Job:
    return Job.model_validate(told)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (JOB, "queued (place 2)"),
        (JOB | {"attempt": 1}, "queued (place 2, attempt 2)"),
        (JOB | {"queue_position": 200}, "queued (place 200 or later)"),
        (RUNNING, "training"),
        (RUNNING | {"phase": None}, "starting"),
        (RUNNING | {"cancel_requested_at": "2026-11-24T10:00:00Z"}, "training, cancelling"),
        (SUCCEEDED, "succeeded"),
    ],
)
def test_state_in_words(told: dict[str, object], words: str) -> None:
    assert state(job(told)) == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (JOB, ""),
        (RUNNING, "step 12/40  epoch 0.60  loss 1.2346  8 s left"),
        (SUCCEEDED, "step 40/40  epoch 2.00  loss 0.1000"),
        (
            RUNNING | {"progress": RUNNING["progress"] | {"loss": None}},
            "step 12/40  epoch 0.60  loss not finite  8 s left",
        ),
    ],
)
def test_numbers_in_words(told: dict[str, object], words: str) -> None:
    assert numbers(job(told)) == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (SUCCEEDED, "download it: tuneyard download ftjob-1"),
        (FAILED, "line 3: 900 tokens, limit 512 (invalid_dataset)"),
        (CANCELLED, "ftjob-1 cancelled"),
    ],
)
def test_ending_says_what_can_be_done(told: dict[str, object], words: str) -> None:
    assert words in ending(job(told))


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7620, "2:07 h")])
def test_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_elsewhere_than_on_a_terminal_there_is_a_line_for_each_twentieth() -> None:
    console = Console(file=io.StringIO(), width=200)

    shown = show_to_end([job(one) for one in (JOB, JOB, RUNNING, SLIGHTLY_LATER, SUCCEEDED)], console)

    assert shown.has_succeeded
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "queued (place 2)",
        "training  step 12/40  epoch 0.60  loss 1.2346  8 s left",
        "succeeded  step 40/40  epoch 2.00  loss 0.1000",
        "ftjob-1 succeeded; download it: tuneyard download ftjob-1",
    ]


def test_on_a_terminal_there_are_curves_a_pace_and_a_bar() -> None:
    console = Console(file=io.StringIO(), width=160, force_terminal=True)
    loss = Series(name="loss", steps=[1, 2], values=[2.0, 1.0])
    pace = Series(name="supervised_tokens_per_second", steps=[1, 2], values=[900.0, 1234.0])

    show_to_end([job(one) for one in (JOB, RUNNING, SUCCEEDED)], console, lambda: [loss, pace])

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "step 40/40" in shown
    assert "1,234 tokens/s" in shown
    assert "━" in shown
    assert "⡇" in shown or "⣀" in shown


def test_a_service_that_is_away_while_curves_are_drawn_ends_nothing() -> None:
    def away() -> list[Series]:
        raise ServiceUnreachable("http://127.0.0.1:9")

    shown = show_to_end([job(RUNNING), job(SUCCEEDED)], Console(file=io.StringIO(), force_terminal=True), away)

    assert shown.has_succeeded

"""Events on their way out."""

import io
import os

import pytest

from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import RUN_EVENT, RunEvent, RunFailed, RunStopped
from trainer_core.training.telling import Teller

EVENTS = [RunStopped(step=step) for step in range(1000)]


def test_every_event_comes_out_in_its_order() -> None:
    out = io.StringIO()
    teller = Teller(out)

    for event in EVENTS:
        teller.tell(event)
    teller.close()

    assert [RUN_EVENT.validate_json(line) for line in out.getvalue().splitlines()] == EVENTS


def test_a_reader_that_is_slow_holds_nobody_up() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as out, os.fdopen(read) as told:
        teller = Teller(out)
        for event in EVENTS:  # more than a pipe holds
            teller.tell(event)

        first: RunEvent = RUN_EVENT.validate_json(told.readline())
        rest = [RUN_EVENT.validate_json(told.readline()) for _ in EVENTS[1:]]
        teller.close()

    assert [first, *rest] == EVENTS


def test_a_reader_that_is_gone_is_told_of() -> None:
    read, write = os.pipe()
    os.close(read)
    out = os.fdopen(write, "w")
    teller = Teller(out)
    teller.tell(EVENTS[0])
    teller.close()

    with pytest.raises(BrokenPipeError):
        teller.tell(EVENTS[1])
    with pytest.raises(BrokenPipeError):
        out.close()


def test_an_event_that_cannot_be_written_is_told_of() -> None:
    teller = Teller(io.StringIO())
    teller.tell(RunFailed.model_construct(code=FailureCode.INTERNAL_ERROR, message="half a letter: \ud800", faults=()))
    teller.close()

    with pytest.raises(ValueError, match="surrogates"):
        teller.tell(EVENTS[0])

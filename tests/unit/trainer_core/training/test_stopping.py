"""Being asked to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import permutations

import pytest

from trainer_core.contract.control import Control
from trainer_core.training.stopping import StopAsked, StopRequest


@pytest.fixture
def stop() -> StopRequest:
    return StopRequest()


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Signal handlers are those of before again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_that_nobody_stops_goes_on(stop: StopRequest) -> None:
    stop.obey()

    assert stop.word is None


def test_a_run_that_is_asked_stops(stop: StopRequest) -> None:
    stop.ask(Control.DRAIN)

    with pytest.raises(StopAsked) as asked:
        stop.obey()

    assert asked.value.word is Control.DRAIN


@pytest.mark.parametrize("words", list(permutations(Control)))
def test_what_ends_a_run_sooner_outweighs_the_rest(stop: StopRequest, words: tuple[Control, ...]) -> None:
    for word in words:
        stop.ask(word)

    assert stop.word is Control.CANCEL


@pytest.mark.parametrize("words", list(permutations((Control.DRAIN, Control.FINISH))))
def test_draining_outweighs_finishing(stop: StopRequest, words: tuple[Control, ...]) -> None:
    for word in words:
        stop.ask(word)

    assert stop.word is Control.DRAIN


def test_a_run_that_is_to_finish_goes_on_until_it_has(stop: StopRequest) -> None:
    stop.ask(Control.FINISH)

    stop.obey()

    assert not stop.ends_now


@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_drain(stop: StopRequest, number: signal.Signals) -> None:
    stop.listen_to_signals()

    os.kill(os.getpid(), number)

    assert stop.word is Control.DRAIN


@pytest.mark.parametrize("line", ["", "nonsense", "lease", "lease soon"])
def test_a_line_that_is_no_word_is_passed_over(line: str) -> None:
    code = (
        "import time; from trainer_core.training.stopping import StopRequest\n"
        "stop = StopRequest(); stop.listen_to_stdin()\n"
        "while stop.word is None: time.sleep(0.01)\n"
        "print(stop.word, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdin.write(f"{line}\ncancel\n")
        run.stdin.flush()

        assert run.stdout.readline() == "cancel\n"

"""Being asked to end."""

import os
import signal
from collections.abc import Iterator

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


@pytest.mark.parametrize("words", [(Control.DRAIN, Control.CANCEL), (Control.CANCEL, Control.DRAIN)])
def test_cancelling_outweighs_draining(stop: StopRequest, words: tuple[Control, ...]) -> None:
    for word in words:
        stop.ask(word)

    assert stop.word is Control.CANCEL


@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_drain(stop: StopRequest, number: signal.Signals) -> None:
    stop.listen_to_signals()

    os.kill(os.getpid(), number)

    assert stop.word is Control.DRAIN

"""Wishes to stop."""

import os
import signal
from collections.abc import Iterator

import pytest

from client.stopping import Stopping


@pytest.fixture(autouse=True)
def a_terminal_that_is_heard() -> Iterator[None]:
    """Whoever runs these tests may do so under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_asks_for_the_end(number: signal.Signals) -> None:
    with Stopping() as stopping:
        os.kill(os.getpid(), number)

    assert stopping.is_asked
    assert not stopping.is_hurried


def test_second_signal_hurries() -> None:
    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    assert stopping.is_hurried


def test_closed_terminal_means_nothing_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGHUP)

    assert not stopping.is_asked
    signal.signal(signal.SIGHUP, before)


def test_handlers_of_before_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with Stopping():
        pass

    assert signal.getsignal(signal.SIGTERM) == before

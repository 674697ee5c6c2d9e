"""Something done beside."""

import threading

import pytest

from trainer_core.training.background import begin


def test_the_caller_goes_on_meanwhile() -> None:
    may_end = threading.Event()

    outcome = begin(lambda: may_end.wait(600), "writer")
    was_done = outcome.done()
    may_end.set()

    assert not was_done
    assert outcome.result() is True


def test_an_error_is_for_who_asks() -> None:
    def fail() -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        begin(fail, "writer").result()


def test_it_does_not_keep_the_process_alive() -> None:
    assert begin(threading.current_thread, "writer").result().daemon

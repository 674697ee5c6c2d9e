"""What crosses a line."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from trainer_core.contract.line import hear, say


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_message_is_heard_as_it_was_said(ends: tuple[socket.socket, socket.socket]) -> None:
    say(ends[0], "words")

    assert hear(ends[1]) == ("words", [])


def test_a_file_can_be_read_by_whoever_got_it(ends: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with (tmp_path / "file").open() as file:
        say(ends[0], "words", [file.fileno()])

    _, [got] = hear(ends[1])

    assert os.read(got, 100) == b"content"
    os.close(got)


def test_messages_with_files_stay_apart(ends: tuple[socket.socket, socket.socket]) -> None:
    for message in ("first", "second"):
        say(ends[0], message, [0])

    assert [hear(ends[1])[0] for _ in range(2)] == ["first", "second"]


def test_a_long_message_comes_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    long = "word " * 200_000
    speaker = Thread(target=say, args=(ends[0], long, [0]))
    speaker.start()

    assert hear(ends[1])[0] == long
    speaker.join()


def test_whoever_hangs_up_is_heard_to(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()

    assert hear(ends[1]) == ("", [])


def test_nobody_can_be_told(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].close()

    with pytest.raises(OSError, match="pipe"):
        say(ends[0], "words")


class HeardAtOnce(socket.socket):
    """Its other end hears whatever is said before the speaker has so much as turned round, and hangs up."""

    other: socket.socket

    def sendmsg(self, *said: object) -> int:
        num_sent = super().sendmsg(*said)  # type: ignore[arg-type]
        hear(self.other)
        self.other.close()
        return num_sent


def test_whoever_hears_all_may_hang_up_at_once() -> None:
    ours, theirs = socket.socketpair()
    with HeardAtOnce(fileno=ours.detach()) as line:
        line.other = theirs

        say(line, "words")

"""A line between two processes of a host: a pair of connected sockets. Messages cross it, with open files if need be.

Whoever hangs up, or dies, is heard to: an empty message.
"""

import array
import socket
from collections.abc import Sequence

_CHUNK_BYTES = 1 << 16
_MOST_FILES = 250
"""The kernel passes no more at once."""


def say(line: socket.socket, message: str, files: Sequence[int] = ()) -> None:
    r"""Send one message; it holds no `\n`.

    Raises:
        OSError: Nobody is there.
    """
    told = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    encoded = f"{message}\n".encode()
    # Whoever has heard all may have answered and hung up already: then there must be nothing more to send, not even "".
    if rest := encoded[line.sendmsg([encoded], told) :]:
        line.sendall(rest)


def hear(line: socket.socket) -> tuple[str, list[int]]:
    """Wait for one message and its files; empty if the other end has hung up.

    Raises:
        TimeoutError: The line has a timeout, and nothing came.
    """
    heard, files = b"", []
    while not heard.endswith(b"\n"):
        try:
            chunk, more, _, _ = socket.recv_fds(line, _CHUNK_BYTES, _MOST_FILES)
        except ConnectionResetError:  # it died before it had heard all
            chunk, more = b"", []
        files += more
        if not chunk:
            return "", files
        heard += chunk
    return heard.decode().removesuffix("\n"), files

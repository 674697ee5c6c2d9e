"""The one `tuneyard up` of a data folder, and the socket that it holds for the API.

The socket is bound here and inherited by the API: a port in use is told before anything starts, a free port stays
free, and while the API starts again its callers wait instead of being refused.
"""

import errno
import fcntl
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client.endpoint import Endpoint
from client.errors import CannotStart

_BACKLOG = 1024


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the lock of a data folder, which is made private; it is let go when this process ends, however it does.

    Raises:
        CannotStart: Another process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    data_dir.chmod(0o700)
    with (data_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise _already_up(data_dir, file.read()) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        CannotStart: The port is in use, or the host is none of this machine's.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by every connection
    return made


def url_of(listener: socket.socket) -> str:
    """The URL by which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_public(listener: socket.socket) -> bool:
    """True if others than this machine can reach it."""
    return not ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def _already_up(data_dir: Path, pid: str) -> CannotStart:
    endpoint = Endpoint.load(data_dir)
    where = f"at {endpoint.url}" if endpoint else "and is still starting"
    what = f"a service runs on {data_dir} already: process {pid or 'unknown'}, {where}"
    return CannotStart(what, f"Use that one, end it (kill {pid}), or choose another folder with --data-dir")


def _cannot_listen(host: str, port: int, error: OSError) -> CannotStart:
    if error.errno == errno.EADDRINUSE:
        hint = "Choose another with --port, or let a free one be picked: --port 0"
        return CannotStart(f"port {port} of {host} is in use", hint)
    return CannotStart(
        f"cannot listen on {host}:{port}: {error.strerror or error}", "Choose others with --host and --port"
    )

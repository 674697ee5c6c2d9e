"""The API as a process of its own, on a socket that outlives it."""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from client.deployment import api_command
from client.listening import listen, url_of


class Server:
    """Starts when entered; may be killed and started again: who calls meanwhile waits."""

    def __init__(self, database_url: str, folder: Path, broker_url: str = "redis://127.0.0.1:1/0") -> None:
        self._listener = listen("127.0.0.1", 0)
        self.url = url_of(self._listener)
        self._log_path = folder / "api.log"
        self._environment = os.environ | {
            "TUNEYARD_DATABASE_URL": database_url,
            "TUNEYARD_BROKER_URL": broker_url,
            "TUNEYARD_STORAGE_ROOT": str(folder / "storage"),
        }
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        fd = self._listener.fileno()
        with self._log_path.open("ab") as log:
            return subprocess.Popen(api_command(fd), env=self._environment, pass_fds=[fd], stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.close()

    @property
    def log(self) -> str:
        """What it said, over all its lives."""
        return self._log_path.read_text()

    def kill(self) -> None:
        """End it as the kernel does, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self._process = self._start()

    def replace(self, within_seconds: float) -> None:
        """Ask it to end, as an engine of containers does, and start another; TimeoutExpired if it does not end."""
        self._process.terminate()
        self._process.wait(within_seconds)
        self._process = self._start()

"""The database of an instance, and what can befall it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from tests.patience import until
from tests.postgres import PatientPostgres


class Server(Protocol):
    """A database that can be hurt and gets well again."""

    @property
    def url(self) -> str:
        """Of SQLAlchemy."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What can befall it."""

    def hurt(self, fault: str, seconds: float) -> None:
        """Let something befall it; it is well again after `seconds` at the latest."""

    def tend(self) -> None:
        """Start it again if it has died."""

    def heal(self) -> None:
        """Wait until it is well."""

    def close(self) -> None:
        """End it and remove its files."""


class SqliteFile:
    """A file, whose only writer may be somebody else for a while."""

    faults = ("lock",)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tuneyard.db"
        self.url = f"sqlite:///{self._path}"
        self._holder: threading.Thread | None = None

    def hurt(self, fault: str, seconds: float) -> None:
        assert fault == "lock"
        if self._holder is None or not self._holder.is_alive():  # several, one behind the other, would be an outage
            self._holder = threading.Thread(target=self._hold, args=(seconds,), daemon=True)
            self._holder.start()

    def _hold(self, seconds: float) -> None:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        with suppress(sqlite3.OperationalError):  # others write all the time
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
        connection.close()

    def tend(self) -> None:
        """A file does not die."""

    def heal(self) -> None:
        if self._holder is not None:
            self._holder.join()

    def close(self) -> None:
        """It lies in the instance's folder."""


class PostgresCluster:
    """A server on a socket, that is killed, frozen, or stopped as an administrator would."""

    faults = ("kill", "freeze", "restart")

    def __init__(self, _folder: Path) -> None:
        # Run by root it has an account of its own, which cannot look into private folders.
        self._folder = Path(tempfile.mkdtemp(prefix="tuneyard-chaos-"))
        self._server = PatientPostgres(self._folder, cleanup_mode=None)
        self.url = str(self._server.get_uri("postgres")).replace("postgresql://", "postgresql+psycopg://")
        self._frozen: list[tuple[float, list[psutil.Process]]] = []
        self._away_until = 0.0

    def hurt(self, fault: str, seconds: float) -> None:
        processes = self._processes()
        if fault == "freeze":
            _send(processes, signal.SIGSTOP)
            self._frozen.append((time.monotonic() + seconds, processes))
            return
        self._away_until = time.monotonic() + seconds
        self._thaw(float("inf"))
        # SIGINT is a fast shutdown; a killed postmaster's children notice and go by themselves.
        _send(processes[:1], signal.SIGKILL if fault == "kill" else signal.SIGINT)

    def tend(self) -> None:
        now = time.monotonic()
        self._thaw(now)
        if now >= self._away_until and not self._processes():
            with suppress(subprocess.SubprocessError):  # what the killed one has left may still be about: once more
                self._server.ensure_postgres_running()

    def heal(self) -> None:
        self._away_until = 0.0
        self._thaw(float("inf"))
        until(self._is_back)

    def close(self) -> None:
        self._thaw(float("inf"))
        _send(self._processes(), signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_back(self) -> bool:
        self.tend()
        return bool(self._processes())

    def _processes(self) -> list[psutil.Process]:
        """The postmaster, then its children; none if it is away."""
        try:
            pid = int((self._folder / "postmaster.pid").read_text().split()[0])
            postmaster = psutil.Process(pid)
            if postmaster.status() == psutil.STATUS_ZOMBIE:
                return []
            return [postmaster, *postmaster.children(recursive=True)]
        except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
            return []

    def _thaw(self, now: float) -> None:
        for due_at, processes in tuple(self._frozen):
            if due_at <= now:
                _send(processes, signal.SIGCONT)
                self._frozen.remove((due_at, processes))


def _send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            os.kill(process.pid, number)


SERVERS: dict[str, Callable[[Path], Server]] = {"sqlite": SqliteFile, "postgresql": PostgresCluster}

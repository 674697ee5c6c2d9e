"""What an embedded service consists of: its folders, its environment, and the command of each part."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client.broker import Broker
from client.child import Program
from client.errors import CannotStart
from client.processes import INSTANCE_VARIABLE, Role
from client.starter import Starter

_API_GRACE_SECONDS = 3
"""How long requests may go on when the API ends; waiting ones are asked again by their clients."""
_OFFERS = ("TUNEYARD_INTEGRATIONS", "TUNEYARD_PUSH_NAMESPACES")
"""Settings that offer trackers and the hub, JSON lists."""
_MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True)
class Deployment:
    """Where a service runs, and with what."""

    data_dir: Path
    """Absolute: it is what the instance is known by."""
    num_slots: int | None = None
    """Jobs that run at the same time; None leaves it to the worker."""
    models: Mapping[str, Path] = field(default_factory=dict)
    """Folders of Hugging Face models to offer as base models, by name."""
    broker: Broker = field(default_factory=Broker)

    @property
    def logs(self) -> Path:
        """What each part says."""
        return self.data_dir / "logs"

    @property
    def key_path(self) -> Path:
        """Admin key of whoever started the service, for the commands of the same account."""
        return self.data_dir / "admin.key"

    def read_key(self) -> str | None:
        """The admin key; None before the first start."""
        return self.key_path.read_text().strip() if self.key_path.exists() else None

    def make_folders(self) -> None:
        """Make the folders, and offer the models."""
        for folder in (self._broker_folder, self.logs, self._models):
            folder.mkdir(parents=True, exist_ok=True)
        for name, folder in self.models.items():
            _offer(name, self._models, folder.absolute())

    def run_broker(self) -> Program:
        """The broker."""
        return self._program(Role.BROKER, self.broker.command, stdin=self.broker.configuration(self._broker_folder))

    def run_migrations(self) -> Program:
        """Bring the database to its newest revision."""
        return self._program(Role.MIGRATIONS, _module("migrations"))

    def make_key(self) -> Program:
        """Have an admin key in `key_path`, unless one is there that opens the service."""
        return self._program(Role.KEY, [*_module("api.keys"), "--file", str(self.key_path)])

    def make_starter(self) -> Starter:
        """Have the starter model made, unless it is there."""
        folder = self._models / "starter"
        return Starter(self._program(Role.STARTER, [*_module("trainer_core.models.starter"), str(folder)]), folder)

    def run_api(self, listener_fd: int) -> Program:
        """The API on a socket that it inherits."""
        grace = ["--timeout-graceful-shutdown", str(_API_GRACE_SECONDS)]
        return self._program(Role.API, [*api_command(listener_fd), *grace], pass_fds=(listener_fd,))

    def run_worker(self) -> Program:
        """The worker."""
        return self._program(Role.WORKER, _module("worker"))

    @property
    def has_tracking(self) -> bool:
        """True if the environment offers jobs somebody to be told to."""
        return any(os.environ.get(name, "").strip() not in ("", "[]") for name in _OFFERS)

    def run_tracking(self) -> Program:
        """What tells jobs to trackers and to the hub."""
        return self._program(Role.TRACKING, _module("worker.tracking"))

    @property
    def _storage(self) -> Path:
        return self.data_dir / "storage"

    @property
    def _models(self) -> Path:
        return self._storage / "models"

    @property
    def _broker_folder(self) -> Path:
        return self.data_dir / "broker"

    def _program(
        self, role: Role, command: list[str], *, stdin: bytes = b"", pass_fds: tuple[int, ...] = ()
    ) -> Program:
        return Program(
            role=role,
            command=command,
            environment=self.environment,
            folder=self.data_dir,
            log_path=self.logs / f"{role}.log",
            stdin=stdin,
            pass_fds=pass_fds,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What every part of the service is told."""
        told = {
            "TUNEYARD_DATABASE_URL": f"sqlite:///{self.data_dir / 'tuneyard.db'}",
            **os.environ,
            "TUNEYARD_BROKER_URL": self.broker.url,
            "TUNEYARD_STORAGE_ROOT": str(self._storage),
            INSTANCE_VARIABLE: str(self.data_dir),
        }
        return told if self.num_slots is None else told | {"TUNEYARD_NUM_SLOTS": str(self.num_slots)}


def api_command(listener_fd: int) -> list[str]:
    """Starts the API on a socket that listens already."""
    how = ["--http", "api.sending:Connection", "--timeout-keep-alive", "75", "--fd", str(listener_fd)]
    return [*_module("uvicorn"), "--factory", "api.app:create_app", *how]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _offer(name: str, models: Path, folder: Path) -> None:
    """Let a base model's name point to a folder."""
    link = models / name
    if not _MODEL_NAME.fullmatch(name):
        raise CannotStart(f"{name!r} cannot name a base model", "Use letters, digits, '.', '_' and '-'")
    if not (folder / "config.json").is_file():
        raise CannotStart(f"{folder} holds no model", "Give the folder of a Hugging Face model: one with a config.json")
    if link.exists() and not link.is_symlink():
        raise CannotStart(f"there is a base model {name!r} already, in {link}", "Choose another name")
    link.unlink(missing_ok=True)
    link.symlink_to(folder)

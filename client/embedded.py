"""The whole service on this machine: broker, API and worker as child processes, started, kept alive, ended.

It knows the parts as commands only and imports none of them.
"""

import time
from collections.abc import Callable
from socket import socket

import httpx2
import psutil

from client.child import Child, Program
from client.deployment import Deployment
from client.endpoint import ENDPOINT, Endpoint
from client.errors import CannotStart
from client.listening import url_of
from client.processes import Processes, Role, end, kill, terminate
from client.starter import Starter
from client.stopping import Stopping

TICK_SECONDS = 0.5
"""How often to `tend`: the endpoint file is at most about that old."""
_LOOK_SECONDS = 0.1
_READY_SECONDS = 180.0
_DRAIN_SECONDS = 75.0
"""How long running jobs may take to save and go back to the queue."""
_GRACE_SECONDS = 10.0
_LISTED = (Role.API, Role.WORKER, Role.BROKER, Role.RUNNER, Role.TRAINER, Role.TRACKING)


class EmbeddedService:
    """A service whose data folder is locked and whose socket listens already."""

    def __init__(self, deployment: Deployment, listener: socket, say: Callable[[str], None]) -> None:
        self.url = url_of(listener)
        self._deployment = deployment
        self._listener = listener
        self._say = say
        self._processes = Processes(deployment.data_dir)
        self._children: dict[Role, Child] = {}
        self._published: Endpoint | None = None
        self._key_before = deployment.read_key()

    def start(self, stopping: Stopping) -> None:
        """Start everything; returns when the service is ready, or was asked to stop.

        Raises:
            CannotStart: A part ended at once, or the service is not ready after minutes.
        """
        starter = self._deployment.make_starter()
        self._keep(self._deployment.run_broker())
        self._run(self._deployment.run_migrations())
        self._keep(self._deployment.run_api(self._listener.fileno()))
        self._keep(self._deployment.run_worker())
        if self._deployment.has_tracking:
            self._keep(self._deployment.run_tracking())
        self._run(self._deployment.make_key())
        self._wait_until_ready(starter, stopping)

    @property
    def new_key(self) -> str | None:
        """The admin key, if this start has made it."""
        key = self._deployment.read_key()
        return None if key == self._key_before else key

    def tend(self) -> None:
        """Start again what has died, and keep the endpoint file true."""
        for child in self._children.values():
            if news := child.tend():
                self._say(news)
        self._publish()

    def stop(self, stopping: Stopping) -> None:
        """End everything; running jobs save and go back to the queue first, unless it is asked to stop once more."""
        self._drain(stopping)
        for role in (Role.TRACKING, Role.API, Role.BROKER):
            if role in self._children:
                self._children[role].end(_GRACE_SECONDS)
        end(self._find(*Role), _GRACE_SECONDS)
        (self._deployment.data_dir / ENDPOINT).unlink(missing_ok=True)

    def _keep(self, program: Program) -> None:
        self._children[program.role] = Child(program)

    @staticmethod
    def _run(program: Program) -> None:
        if exit_code := program.start().wait():
            raise program.ended_at_once(exit_code)

    def _wait_until_ready(self, starter: Starter, stopping: Stopping) -> None:
        until = time.monotonic() + _READY_SECONDS
        while not stopping.is_asked:
            for child in self._children.values():
                if child.exit_code is not None:
                    raise child.program.ended_at_once(child.exit_code)
            if starter.is_there() and self._is_ready():
                return
            if time.monotonic() > until:
                hint = f"Its logs say more: {self._deployment.logs}"
                raise CannotStart(f"the service is not ready after {_READY_SECONDS:.0f} s", hint)
            time.sleep(_LOOK_SECONDS)

    def _is_ready(self) -> bool:
        try:
            answer = httpx2.get(f"{self.url}/readyz", timeout=1, trust_env=False)
        except httpx2.TransportError:
            return False
        return answer.is_success and answer.json()["num_workers"] > 0

    def _publish(self) -> None:
        found = self._processes.by_role()
        pids = {role.value: [process.pid for process in found.get(role, ())] for role in _LISTED}
        endpoint = Endpoint(url=self.url, api_key=self._deployment.read_key(), pids=pids)
        if endpoint != self._published:
            endpoint.save(self._deployment.data_dir)
            self._published = endpoint

    def _drain(self, stopping: Stopping) -> None:
        if self._find(Role.RUNNER):
            self._say("Running jobs save and go back to the queue; Ctrl-C again ends them at once")
        terminate(self._find(Role.WORKER, Role.RUNNER))  # a runner may be of a worker that is no more
        until = time.monotonic() + _DRAIN_SECONDS
        while working := self._find(Role.WORKER, Role.RUNNER, Role.TRAINER):
            if stopping.is_hurried or time.monotonic() > until:
                kill(working)
            if self._published:
                self._publish()
            time.sleep(_LOOK_SECONDS)

    def _find(self, *roles: Role) -> list[psutil.Process]:
        found = self._processes.by_role()
        return [process for role in roles for process in found.get(role, ())]

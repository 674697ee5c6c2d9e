"""`tuneyard up`: one embedded service on a data folder, from its lock to its last process. Composition root."""

import time
from collections.abc import Callable
from threading import Thread

from client import opening
from client.deployment import Deployment
from client.embedded import TICK_SECONDS, EmbeddedService
from client.endpoint import ENDPOINT
from client.listening import is_public, listen, only_one
from client.processes import Processes, Role, end, kill
from client.stopping import Stopping

_PARTS = (Role.WORKER, Role.TRACKING, Role.API, Role.BROKER, Role.MIGRATIONS, Role.STARTER, Role.KEY)
"""What an earlier start may have left. Runners and trainers are not among them: they finish their jobs."""
_GRACE_SECONDS = 5.0


def run(deployment: Deployment, host: str, port: int, say: Callable[[str], None], *, is_shown: bool = False) -> None:
    """Run a service until Ctrl-C, SIGTERM or the end of its terminal.

    Args:
        deployment: Of what.
        host: Address to listen on.
        port: To listen on; 0 picks a free one.
        say: Tells a person.
        is_shown: Whether a browser is opened once it is ready.

    Raises:
        CannotStart: Another service has the folder or the port, or a part ended at once; nothing is left running.
    """
    with only_one(deployment.data_dir):
        _end_leftovers(deployment, say)
        with listen(host, port) as listener, Stopping() as stopping:
            if is_public(listener):
                say(f"Warning: {host} can be reached from other machines, and keys that they send are not encrypted")
            deployment.make_folders()
            service = EmbeddedService(deployment, listener, say)
            try:
                service.start(stopping)
                if not stopping.is_asked:
                    service.tend()
                    say(_welcome(service, deployment))
                    if is_shown:
                        link = opening.link_of(service.url, deployment.read_key())
                        Thread(target=_show, args=(link, say), daemon=True).start()
                while not stopping.is_asked:
                    time.sleep(TICK_SECONDS)
                    service.tend()
            finally:
                say("Stopping")
                service.stop(stopping)
    say("Stopped")


def _end_leftovers(deployment: Deployment, say: Callable[[str], None]) -> None:
    (deployment.data_dir / ENDPOINT).unlink(missing_ok=True)
    found = Processes(deployment.data_dir).by_role()
    left = [process for role in _PARTS for process in found.get(role, ())]
    if left:
        say("Ending what an earlier start has left: " + ", ".join(str(process.pid) for process in left))
        kill(found.get(Role.WORKER, ()))  # asked to end, it would interrupt its runners
        end(left, _GRACE_SECONDS)


def _show(link: str, say: Callable[[str], None]) -> None:
    if not opening.show(link):
        say("No browser came up here; for one elsewhere: tuneyard open --link")


def _welcome(service: EmbeddedService, deployment: Deployment) -> str:
    url = service.url
    return "\n".join(
        (
            f"Tuneyard is ready at {url}",
            f"  data  {deployment.data_dir}",
            f"  docs  {url}/docs",
            f"  look  {url}/, or have a browser signed in: tuneyard open",
            f"  key   {service.new_key or 'as before'}",
            f"        in {deployment.key_path}, where commands of this account find it",
            f"  next  tuneyard --url {url} submit SPEC.json",
        )
    )

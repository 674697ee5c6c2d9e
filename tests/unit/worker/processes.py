"""A broker and a worker as processes, as they are deployed, with a trainer that plays a script."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from client.broker import Broker

SCRIPTED = Path(__file__).parent / "scripted_trainer.py"
_LOOK_SECONDS = 0.05


@contextmanager
def broker(folder: Path, password: str) -> Iterator[Broker]:
    """A broker with a password; it ends with the block."""
    folder.mkdir()
    found = Broker(password=password)
    with subprocess.Popen(found.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(found.configuration(folder))
        process.stdin.close()
        with Redis.from_url(found.url, retry=Retry(ConstantBackoff(0.05), retries=200)) as client:
            client.ping()
        yield found
        process.kill()


@contextmanager
def worker(environment: Mapping[str, str], script: str, log_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker; it ends with the block, its runners with it."""
    told = {
        "TUNEYARD_WORKER_NAME": "w",
        "TUNEYARD_SWEEP_SECONDS": "0.5",
        "TUNEYARD_TRAINER_COMMAND": json.dumps([sys.executable, str(SCRIPTED), script]),
    }
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], env={**os.environ, **environment, **told}, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def until(look: Callable[[], object], seconds: float) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(_LOOK_SECONDS)

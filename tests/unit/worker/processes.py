"""A broker and a worker as processes, as they are deployed, with a trainer that plays a script."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from client.broker import Broker
from tests.patience import PATIENCE_SECONDS

SCRIPTED = Path(__file__).parent / "scripted_trainer.py"
_LOOK_SECONDS = 0.05
_NUM_LOOKS = int(PATIENCE_SECONDS / _LOOK_SECONDS)


@contextmanager
def broker(folder: Path, password: str) -> Iterator[Broker]:
    """A broker with a password; it ends with the block."""
    folder.mkdir()
    found = Broker(password=password)
    with subprocess.Popen(found.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(found.configuration(folder))
            process.stdin.close()
            with Redis.from_url(found.url, retry=Retry(ConstantBackoff(_LOOK_SECONDS), _NUM_LOOKS)) as client:
                client.ping()
            yield found
        finally:
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
        process.wait(PATIENCE_SECONDS)


def is_running(pid: int) -> bool:
    """True unless it has ended; whether its parent has reaped it makes no difference."""
    try:
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False

"""The process that reads an artifact back."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from tests.patience import until
from tests.unit.worker.processes import is_running
from trainer_core.training.verification import Order

PROGRAM = """
import sys
from trainer_core.training.verification import Order, verify_in_fresh_process
verify_in_fresh_process(Order.model_validate_json(sys.argv[1]))
"""


def test_it_ends_with_its_trainer(tmp_path: Path) -> None:
    expected = tmp_path / "expected.pt"
    os.mkfifo(expected)  # at which it waits as long as nothing is written
    order = Order(
        artifact="", expected=str(expected), base_model=None, source={}, dtype="float32", own_dtype="float32", device=""
    )
    with subprocess.Popen([sys.executable, "-c", PROGRAM, order.model_dump_json()]) as trainer:
        writing: list[int] = []

        def begin_to_write() -> bool:
            with suppress(OSError):  # nobody reads yet
                writing.append(os.open(expected, os.O_WRONLY | os.O_NONBLOCK))
            return bool(writing)

        until(begin_to_write)
        [reader] = psutil.Process(trainer.pid).children()

        trainer.kill()

        until(lambda: not is_running(reader.pid))
    os.close(writing[0])

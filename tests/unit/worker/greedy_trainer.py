"""A real process that speaks the trainer's contract and takes too much: memory, processes, disk, attention."""

import os
import sys
import time
from pathlib import Path

from trainer_core.confinement import confine
from trainer_core.contract.control import ExitCode
from trainer_core.contract.events import Phase, PhaseEntered, RunSucceeded
from trainer_core.contract.manifest import Manifest

_MEGABYTE = 1 << 20
_LIFE_SECONDS = 60
"""Nobody stays for longer, should nobody end them."""
_GENERATIONS = 7
"""Of a bomb that a test can afford: 128 processes."""


def leave() -> bool:
    """Become a grandchild in a session of its own, whose parent is gone; True for that one."""
    if os.fork():
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    return True


def take_memory(megabytes: int) -> None:
    held = []
    for _ in range(megabytes):
        held.append(bytearray(os.urandom(4096) * (_MEGABYTE // 4096)))
        time.sleep(0.001)
    time.sleep(_LIFE_SECONDS)


def share_memory() -> None:
    held = bytearray(os.urandom(4096) * (100 * _MEGABYTE // 4096))
    for _ in range(8):
        if os.fork() == 0:
            time.sleep(2 + 0 * len(held))
            os._exit(0)
    time.sleep(2)


def explode() -> None:
    for _ in range(_GENERATIONS):
        if os.fork() == 0:
            os.setsid()
    time.sleep(_LIFE_SECONDS)


def fill(run_dir: Path, num_files: int) -> None:
    for number in range(num_files):
        (run_dir / f"{number}").write_bytes(os.urandom(5 * _MEGABYTE))
    time.sleep(_LIFE_SECONDS)


def flood(num_lines: int) -> None:
    event = PhaseEntered(phase=Phase.TRAINING).model_dump_json()
    for number in range(num_lines):
        print(f"line {number}", file=sys.stderr)
        if number % 10 == 0:
            print(event)
    sys.stdout.flush()


def succeed(run_dir: Path) -> ExitCode:
    folder = run_dir / "artifact"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text("trained")
    Manifest.of(folder).save(folder)
    print(RunSucceeded(step=1, path="artifact", training_seconds=1.0).model_dump_json(), flush=True)
    return ExitCode.SUCCEEDED


def play(script: str, number: int, run_dir: Path) -> int:
    confine()
    match script:
        case "memory":
            take_memory(number)
        case "memory elsewhere":
            if leave():
                take_memory(number)
            time.sleep(_LIFE_SECONDS)
        case "shared memory":
            share_memory()
        case "processes":
            explode()
        case "disk":
            fill(run_dir, number)
        case "flood":
            flood(number)
        case "long line":
            sys.stderr.write("x" * number * _MEGABYTE + "\n")
            sys.stderr.flush()
    return succeed(run_dir)


if __name__ == "__main__":
    sys.exit(play(sys.argv[1], int(sys.argv[2]), Path(sys.argv[sys.argv.index("--run-dir") + 1])))

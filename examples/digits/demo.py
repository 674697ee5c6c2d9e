"""The whole way once: a small model learns to read handwritten digits, as a job of a service that runs here.

Everything goes through what a user has: `tuneyard up` and the Python client. The last line is one JSON object.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from client import Tuneyard
from client.errors import TuneyardError
from client.printing import stdout
from client.transfers import download, upload
from client.watching import CURVE_POINTS, show_to_end

HERE = Path(__file__).parent
DATA_DIR = HERE.parents[1] / ".tuneyard" / "demo"


class DemoFailed(Exception):
    """A step did not come to what it should."""


def main() -> int:
    """Run the demo; exits with 1 and a word if anything fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir", type=Path, default=DATA_DIR, help="where the service keeps its data (%(default)s)"
    )
    data_dir = parser.parse_args().data_dir.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # either way the service is stopped before we end
    try:
        with service(data_dir) as tuneyard:
            learned = learn_digits(tuneyard, data_dir)
    except (TuneyardError, DemoFailed) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"Digits read right: {learned['accuracy_before']:.1%} before, {learned['accuracy_after']:.1%} after")
    print("See it in a browser: make look")
    print(json.dumps(learned))
    return 0


@contextmanager
def service(data_dir: Path) -> Iterator[Tuneyard]:
    """A service of our own, on a free port, stopped at the end."""
    command = [sys.executable, "-m", "client", "up", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield Tuneyard(url_of(process), data_dir=data_dir)
        finally:
            process.send_signal(signal.SIGTERM)


def url_of(process: subprocess.Popen[str]) -> str:
    """Where the service answers, as it says when it is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        if ready := re.search(r"ready at (\S+)", line):
            return ready[1]
    raise DemoFailed("the service did not start; it says above why")


def learn_digits(tuneyard: Tuneyard, data_dir: Path) -> dict[str, Any]:
    """Train on 1,400 digits and look how many of 397 others are read, before and after."""
    digits = data_dir / "digits"
    run_example("dataset.py", digits)
    starter = data_dir / "storage" / "models" / "starter"
    accuracy_before = accuracy(starter, digits)
    spec = json.loads((HERE / "spec.json").read_text())
    spec["train_dataset"] = upload(tuneyard, digits / "train.jsonl").id
    job = tuneyard.jobs.create(spec)
    ended = show_to_end(job.watch(), stdout(), partial(job.metrics, max_points=CURVE_POINTS))
    if not ended.has_succeeded:
        raise DemoFailed(f"{job.id} {ended.status}")
    checkpoint_dir = data_dir / "checkpoints" / job.id
    download(tuneyard, job.id, checkpoint_dir)
    [succeeded] = [event for event in job.events() if event.type == "run_succeeded"]
    return {
        "job_id": job.id,
        "accuracy_before": accuracy_before,
        "accuracy_after": accuracy(checkpoint_dir, digits),
        "checkpoint_dir": str(checkpoint_dir),
        "training_seconds": succeeded.data["training_seconds"],
    }


def accuracy(model: Path, digits: Path) -> float:
    """Part of the held-out digits that a model reads, in a fresh process that knows only transformers."""
    print(f"Reading held-out digits with {model}")
    found: float = json.loads(run_example("evaluate.py", model, digits / "heldout.jsonl"))["accuracy"]
    return found


def run_example(script: str, *arguments: Path) -> str:
    """Run a script beside this one; gives its last line."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DemoFailed(f"{script} ended with exit code {done.returncode}")
    return done.stdout.strip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())

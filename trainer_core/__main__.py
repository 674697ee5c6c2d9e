"""`python -m trainer_core SPEC.json --run-dir DIR`: one run; events as JSON lines on stdout, the log on stderr.

In the spec, base model and datasets are paths (or a hub id). Ctrl-C and SIGTERM finish the step, save and end.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from trainer_core.contract.control import ExitCode
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import RunEvent, RunFailed, RunStarted, RunStopped, StepCompleted
from trainer_core.contract.spec import JobSpec, read_spec
from trainer_core.training.lifeline import die_at, die_with_parent
from trainer_core.training.stopping import StopAsked, StopRequest

log = logging.getLogger("trainer_core")


def main() -> int:
    """Carry a run out; the exit code is a `contract.control.ExitCode`."""
    arguments = _parse()
    # Threads of libgomp that wait for each other keep their cores busy: beside other programs a step takes ten times
    # as long. This many turns cost nothing where the cores are free.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    told = _claim_stdout()
    stop = StopRequest()
    stop.listen_to_signals()
    is_first = os.environ.get("LOCAL_RANK", "0") == "0"  # of the processes that share this run, one speaks and hears
    if arguments.supervised:
        die_with_parent(os.getppid())
        if is_first:  # the others end with it
            die_at(arguments.supervised)
            stop.listen_to_stdin()

    last_step = 0

    def emit(event: RunEvent) -> None:
        nonlocal last_step
        match event:
            case RunStarted():
                last_step = event.first_step
            case StepCompleted():
                last_step = event.step
        if is_first:
            print(event.model_dump_json(), file=told, flush=True)

    try:
        spec = read_spec(arguments.spec)
        _run(spec, arguments, emit, stop)
    except StopAsked as asked:
        log.info("stopped: %s", asked.word)
        emit(RunStopped(step=last_step))
        return ExitCode.STOPPED if is_first else ExitCode.SUCCEEDED
    except TrainerError as failure:
        log.error("%s: %s", failure.code, failure.message)  # noqa: TRY400 - its traceback was logged where it was made
        emit(RunFailed(code=failure.code, message=failure.message, faults=failure.first_faults))
        return ExitCode.FAILED
    return ExitCode.SUCCEEDED


def _run(spec: JobSpec, arguments: argparse.Namespace, emit: Callable[[RunEvent], None], stop: StopRequest) -> None:
    """Load torch, which takes seconds, and train; every error becomes a `TrainerError`."""
    from trainer_core.train import train  # noqa: PLC0415
    from trainer_core.training.failures import failure_of  # noqa: PLC0415
    from trainer_core.training.feature_store import OnDisk  # noqa: PLC0415

    _quieten()
    try:
        arguments.run_dir.mkdir(parents=True, exist_ok=True)
        store = OnDisk(arguments.cache / "features", arguments.cache_bytes) if arguments.cache else None
        train(spec, arguments.run_dir, emit, stop, arguments.resume, store)
    except (StopAsked, TrainerError):
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure.code is FailureCode.INTERNAL_ERROR:
            log.exception("the run failed")
        raise failure from error


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trainer_core", description=__doc__)
    parser.add_argument("spec", type=Path, help="a JobSpec as JSON")
    parser.add_argument("--run-dir", type=Path, required=True, help="folder for checkpoints and the artifact")
    parser.add_argument("--resume", type=Path, help="checkpoint folder to go on from")
    parser.add_argument("--cache", type=Path, help="folder for features of images that runs share")
    parser.add_argument("--cache-bytes", type=int, default=50 * 1024**3, help="what they may take there (50 GiB)")
    parser.add_argument(
        "--supervised",
        type=float,
        metavar="UNTIL",
        help="obey words on stdin, and end when it closes, or at UNTIL unless a word puts that off",
    )
    return parser.parse_args()


def _claim_stdout() -> TextIO:
    """Keep stdout for events alone: whatever libraries print goes to stderr."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return events


def _quieten() -> None:
    import warnings  # noqa: PLC0415

    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    for chatty in ("pytorch_lightning", "bitsandbytes"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


if __name__ == "__main__":
    exit_code = main()
    sys.stderr.flush()
    # All that counts is written. Python's own end takes two seconds, and a thread that still writes could abort it.
    os._exit(exit_code)

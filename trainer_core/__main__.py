"""`python -m trainer_core SPEC.json --run-dir DIR`: one run; events as JSON lines on stdout, the log on stderr.

In the spec, base model and datasets are paths (or a hub id). Ctrl-C and SIGTERM finish the step, save and end.
`python -m trainer_core --warm` is what a worker starts ahead: everything imported, and a process forked for each run.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from socket import socket
from types import ModuleType
from typing import TextIO

from trainer_core.confinement import confine
from trainer_core.contract.control import ExitCode
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import RunEvent, RunFailed, RunStarted, RunStopped, StepCompleted
from trainer_core.contract.orders import CACHE_BYTES, ChatOrder, Order, ReportOrder
from trainer_core.contract.spec import JobSpec, read_spec
from trainer_core.training import launch
from trainer_core.training.lifeline import die_at, die_with_line, die_with_parent, wait_for_end
from trainer_core.training.stopping import StopAsked, StopRequest
from trainer_core.training.telling import Teller
from trainer_core.warm import serve

_LEARNED = ("PIL", "peft", "transformers")
"""Packages that import the code of a model, or of a kind of image, once it is needed."""
_LAG_SECONDS = 30.0
"""For which a rank that has failed waits for the first one, its parent, to tell of it: Lightning kills that as soon as
it sees another one gone, and whoever is killed before it has told counts as broken down."""

log = logging.getLogger("trainer_core")


def main() -> int:
    """Carry a run out, or stay warm for many; the exit code is a `contract.control.ExitCode`."""
    # Threads of libgomp that wait for each other keep their cores busy: beside other programs a step takes ten times
    # as long. This many turns cost nothing where the cores are free.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    arguments = _parse()
    if arguments.warm:
        _import_all()
        return serve(_carry_out, _LEARNED)
    return _main(arguments)


def _carry_out(order: Order, line: socket) -> int:
    """What a process does that was forked for an order."""
    if isinstance(order, ReportOrder):
        from trainer_core.reporter import make_report  # noqa: PLC0415 - it is there already

        confine(file_bytes=order.cache_bytes or None)
        die_with_line(line)
        return make_report(order)
    if isinstance(order, ChatOrder):
        from trainer_core.answerer import Answerer  # noqa: PLC0415 - it is there already

        confine()
        die_with_line(line)
        _log_to_stderr()
        _quieten()
        return Answerer(_claim_stdout()).run()
    sys.argv[1:] = order.arguments  # further ranks are started with them
    return _main(_parse(), line)


def _main(arguments: argparse.Namespace, line: socket | None = None) -> int:
    _log_to_stderr()
    stop = StopRequest()
    stop.listen_to_signals()
    is_first = launch.rank() == 0  # of the processes that share this run, one speaks and hears
    if arguments.supervised:
        confine(file_bytes=arguments.file_bytes)
        _tie(arguments.supervised, stop, line, is_first=is_first)
    teller = Teller(_claim_stdout())
    try:
        return _told(arguments, stop, teller.tell, is_first=is_first)
    finally:
        teller.close()


def _tie(until: float, stop: StopRequest, line: socket | None, *, is_first: bool) -> None:
    """Have this process end with whoever supervises it, and with its lease."""
    if line is not None:
        die_with_line(line)
    else:
        die_with_parent(os.getppid())
    if is_first:  # the others end with it
        die_at(until)
        stop.listen_to_stdin()


def _told(
    arguments: argparse.Namespace, stop: StopRequest, tell: Callable[[RunEvent], None], *, is_first: bool
) -> ExitCode:
    """Carry a run out and tell of it, to its last word."""
    last_step = 0

    def emit(event: RunEvent) -> None:
        nonlocal last_step
        match event:
            case RunStarted():
                last_step = event.first_step
            case StepCompleted():
                last_step = event.step
        if is_first:
            tell(event)

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
        if not is_first:
            wait_for_end(os.getppid(), _LAG_SECONDS)
        return ExitCode.FAILED
    return ExitCode.SUCCEEDED


def _run(spec: JobSpec, arguments: argparse.Namespace, emit: Callable[[RunEvent], None], stop: StopRequest) -> None:
    """Load torch, which takes seconds, and train; every error becomes a `TrainerError`."""
    from trainer_core.train import train  # noqa: PLC0415
    from trainer_core.training.checkpoints import newest_whole  # noqa: PLC0415
    from trainer_core.training.continuing import on_adapters  # noqa: PLC0415
    from trainer_core.training.failures import failure_of  # noqa: PLC0415
    from trainer_core.training.feature_store import OnDisk  # noqa: PLC0415

    _quieten()
    try:
        arguments.run_dir.mkdir(parents=True, exist_ok=True)
        store = OnDisk(arguments.cache, arguments.cache_bytes) if arguments.cache else None
        if arguments.adapter:
            spec = on_adapters(spec, arguments.adapter, arguments.run_dir / "base")
        resume = newest_whole(arguments.run_dir) if arguments.resume_newest else arguments.resume
        train(spec, arguments.run_dir, emit, stop, resume, store)
    except (StopAsked, TrainerError):
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure.code is FailureCode.INTERNAL_ERROR:
            log.exception("the run failed")
        raise failure from error


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trainer_core", description=__doc__)
    is_warm = "--warm" in sys.argv[1:]
    parser.add_argument("--warm", action="store_true", help="import everything and fork for each order on stdin")
    parser.add_argument("spec", type=Path, nargs="?" if is_warm else None, help="a JobSpec as JSON")
    parser.add_argument("--run-dir", type=Path, required=not is_warm, help="folder for checkpoints and the artifact")
    resuming = parser.add_mutually_exclusive_group()
    resuming.add_argument("--resume", type=Path, help="checkpoint folder to go on from")
    newest = "go on from the newest whole checkpoint in the run's folder, if there is one"
    resuming.add_argument("--resume-newest", action="store_true", help=newest)
    adapter = "folder of an adapter that is merged into the base model before anything else; may be given again"
    parser.add_argument("--adapter", type=Path, action="append", help=adapter)
    parser.add_argument("--cache", type=Path, help="folder for what runs share: features of images, encoded rows")
    parser.add_argument("--cache-bytes", type=int, default=CACHE_BYTES, help="what that may take (50 GiB)")
    parser.add_argument("--file-bytes", type=int, help="largest file that may be written, where it is supervised")
    parser.add_argument(
        "--supervised",
        type=float,
        metavar="UNTIL",
        help="obey words on stdin, and end when it closes, or at UNTIL unless a word puts that off",
    )
    return parser.parse_args()


def _import_all() -> None:
    """Whatever a run or a report may need; where there are GPUs, not bitsandbytes, which starts CUDA.

    CUDA does not survive a fork. peft imports bitsandbytes in passing, for a function that nobody calls here.
    """
    import torch  # noqa: PLC0415

    name, has_gpus = "bitsandbytes", torch.cuda.device_count() > 0
    if has_gpus:
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__spec__ = ModuleSpec(name, None)
    from trainer_core import answerer, reporter, train  # noqa: F401, PLC0415
    from trainer_core.models import adapters  # noqa: F401, PLC0415

    if has_gpus:
        del sys.modules[name]
    assert not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


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

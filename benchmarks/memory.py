"""How much memory rows of 2,048 tokens take, against TRL at the same setting of gradient checkpointing."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import plots
from benchmarks.contest import Contestant, Job, Peer, Tuneyard, compete
from benchmarks.figures import Figure, Section, Table
from benchmarks.running import Run
from benchmarks.smolvlm import SMOLVLM_256M, TINY, Shape

GIB = 1024**3
NUM_ROWS = 2
"""Two steps of one row: the second is the first that has the optimizer's state."""
QUESTION_WORDS, ANSWER_WORDS = 996, 978
"""With the image's 64 tokens and those of control, 2,048 in the longer row."""
TEXT = """The same model and method as above on rows of 2,048 tokens: one image, about a thousand tokens of question
and as many of answer, one row a step, two steps. Peak is the largest resident set from the first step on (Linux's
`VmHWM`, forgotten once the model is loaded), the whole program counted: interpreter, libraries, weights and
activations."""


def measure(shape: Shape = SMOLVLM_256M) -> Section:
    """Ten minutes' work on two cores."""
    with TemporaryDirectory(prefix="tuneyard-bench-") as folder:
        job = Job.make(
            Path(folder) / "job", shape, NUM_ROWS, 1, question_words=QUESTION_WORDS, answer_words=ANSWER_WORDS
        )
        runs = {name: run for name, [run] in compete(job, _contestants(), 1).items()}
    peaks = {name: run.peak_bytes / GIB for name, run in runs.items()}
    return Section(
        "Peak memory",
        TEXT,
        [figure for is_on in (False, True) for figure in _figures(runs, is_on=is_on)],
        [_table(runs)],
        {"training_memory.svg": plots.bars("Peak memory on rows of 2,048 tokens", "GiB", peaks)},
    )


def try_out() -> Section:
    """The same with a tiny model."""
    return measure(TINY)


def _names(*, is_on: bool) -> tuple[str, str, str]:
    setting = f"checkpointing {'on' if is_on else 'off'}"
    return f"TRL, {setting}", f"Tuneyard, {setting}, cold cache", f"Tuneyard, {setting}, warm cache"


def _contestants() -> list[Contestant]:
    found: list[Contestant] = []
    for is_on in (False, True):
        peer, cold, warm = _names(is_on=is_on)
        found += [
            Peer(peer, "trl", gradient_checkpointing=is_on, num_steps=NUM_ROWS),
            Tuneyard(cold, "cold", 1, gradient_checkpointing=is_on),
            Tuneyard(warm, "warm", 1, gradient_checkpointing=is_on),
        ]
    return found


def _figures(runs: dict[str, Run], *, is_on: bool) -> list[Figure]:
    peer, cold, warm = (runs[name].peak_bytes for name in _names(is_on=is_on))
    setting = f"rows of 2,048 tokens, checkpointing {'on' if is_on else 'off'}"
    return [
        Figure(f"peak memory against TRL, {setting}", cold / peer, "x", most=1),
        Figure(f"peak memory against TRL, {setting}, every image cached", warm / peer, "x", most=0.8),
    ]


def _table(runs: dict[str, Run]) -> Table:
    rows = [
        (name, f"{run.loaded_bytes / GIB:.2f}", f"{run.peak_bytes / GIB:.2f}", _growth(run), f"{run.losses[-1]:.6f}")
        for name, run in runs.items()
    ]
    return Table(("", "loaded, GiB", "peak, GiB", "growth, GiB", "loss of the last step"), rows)


def _growth(run: Run) -> str:
    return f"{(run.peak_bytes - run.loaded_bytes) / GIB:.2f}"

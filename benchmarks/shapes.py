"""Where the feature cache gains much and where little: long answers, a small tower, a large one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import plots
from benchmarks.contest import Contestant, Job, Peer, Tuneyard, compete, verdict
from benchmarks.figures import Figure, Section, Table
from benchmarks.smolvlm import SMOLVLM_256M, TINY, Shape
from benchmarks.training import most_stolen

NUM_ROWS, BATCH_SIZE, EPOCHS, PEER_STEPS = 8, 4, 5, 3
COLD, WARM, TUNED = "cold cache", "warm cache", "TRL, checkpointing off"
TEXT = """The job of the section on speed, varied: {num_rows} rows, 5 epochs, against TRL with gradient checkpointing
off. A cache saves the tower's part of the work and nothing else. Where answers are long or the tower is small beside
the language model, the language model's part is what is left of the time, and the gain over TRL is little.
Other programs took at most {stolen:.1%} of the cores meanwhile."""


@dataclass(frozen=True)
class Kind:
    """A job to measure."""

    name: str
    shape: Shape
    answer_words: int


KINDS = (
    Kind("answers of 200 tokens", SMOLVLM_256M, 200),
    Kind("a small tower (3 x 192)", replace(SMOLVLM_256M, tower_layers=3, tower_width=192, tower_heads=3), 1),
    Kind("a large tower (24 x 1024)", replace(SMOLVLM_256M, tower_layers=24, tower_width=1024, tower_heads=16), 1),
)


def measure(kinds: Sequence[Kind] = KINDS) -> Section:
    """A quarter of an hour's work on two cores."""
    rates, verdicts, stolen = {}, {}, 0.0
    for kind in kinds:
        with TemporaryDirectory(prefix="tuneyard-bench-") as folder:
            job = Job.make(Path(folder) / "job", kind.shape, NUM_ROWS, BATCH_SIZE, answer_words=kind.answer_words)
            runs = compete(job, _contestants(), 1)
        rates[kind.name] = {one.name: one.rate(job, runs[one.name]).samples_per_second for one in _contestants()}
        verdicts[kind.name] = verdict(runs[COLD])
        stolen = max(stolen, most_stolen(runs))
    ratios = {name: {cache: found[cache] / found[TUNED] for cache in (COLD, WARM)} for name, found in rates.items()}
    return Section(
        "Where the cache gains much, and where little",
        TEXT.format(num_rows=NUM_ROWS, stolen=stolen),
        [
            Figure(f"{name}: against {TUNED}, {cache}", ratio, "x")
            for name, found in ratios.items()
            for cache, ratio in found.items()
        ],
        [_table(rates, verdicts)],
        {
            "training_shapes.svg": plots.bars(
                f"Against {TUNED}",
                "times its samples a second",
                {
                    f"Tuneyard, {name}, {cache}": ratio
                    for name, found in ratios.items()
                    for cache, ratio in found.items()
                },
            )
        },
    )


def try_out() -> Section:
    """The same with a tiny model."""
    return measure([replace(kind, shape=TINY) for kind in KINDS[:2]])


def _contestants() -> list[Contestant]:
    return [
        Tuneyard(COLD, "cold", EPOCHS),
        Peer(TUNED, "trl", gradient_checkpointing=False, num_steps=PEER_STEPS),
        Tuneyard(WARM, "warm", EPOCHS),
    ]


def _table(rates: dict[str, dict[str, float]], verdicts: dict[str, str]) -> Table:
    names = (TUNED, COLD, WARM)
    rows = [(kind, *(f"{found[name]:.3f}" for name in names), verdicts[kind]) for kind, found in rates.items()]
    return Table(("samples/s", *names, "features"), rows)

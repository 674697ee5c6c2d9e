"""Training against TRL and transformers' Trainer, and against what is possible: speed, and the same losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import plots
from benchmarks.contest import Bound, Contestant, Job, Peer, Rate, Tuneyard, compete, verdict
from benchmarks.figures import Figure, Section, Table
from benchmarks.running import Run
from benchmarks.smolvlm import SMOLVLM_256M, TINY, Shape

EPOCHS = 5
BATCH_SIZE = 4
COLD, WARM = "Tuneyard, 5 epochs, cold cache", "Tuneyard, 5 epochs, warm cache"
COLD_ONCE, WARM_ONCE = "Tuneyard, 1 epoch, cold cache", "Tuneyard, 1 epoch, warm cache"
UNCACHED = "Tuneyard, 5 epochs, no cache"
AS_IT_COMES, TUNED = "TRL as it comes", "TRL, checkpointing off"
PLAIN_CHECKPOINTED, PLAIN = "Trainer, checkpointing on", "Trainer as it comes"
BOUND_COLD, BOUND_WARM = "bound, 5 epochs, cold", "bound, 5 epochs, warm"
GIB = 1024**3
TEXT = """A LoRA fine-tuning job on a model of SmolVLM-256M's shape with random weights: an image tower of 12 layers,
768 wide, on one tile of 512 pixels (64 tokens) a row; a language model of 30 layers, 576 wide; 49,280 words. LoRA of
rank 16 on all of the language model's linear layers, no dropout, batches of 4, rows of about 78 tokens with short
answers, {num_rows} rows with an image of their own each. Everything in float32 on two cores (`OMP_NUM_THREADS=2`), one
program at a time: the same weights, rows, order of rows, labels, AdamW and learning rate.

TRL's `SFTTrainer` has gradient checkpointing on as it comes and off where it is tuned by hand; transformers' `Trainer`
has it off as it comes. Both do in every epoch what they do in the first, so a few steps tell their rate: it is that of
the median step, the first of each run left out. Tuneyard is `python -m trainer_core` over the whole job, from
`run_started` to the last step, whatever it does before and between its steps included; reading the rows is done by
then, and stands in the table with imports and loading. A cold cache is empty at the start; a warm one holds what a run
before left. The bound is a loop by hand in which nothing is left but one pass of the tower for each image and, for each
batch, a step of the language model with the head only where a label is.

In {num_rounds} rounds of alternating order; other programs took at most {stolen:.1%} of the cores meanwhile."""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    shape: Shape
    num_rows: int
    num_rounds: int
    num_peer_steps: int
    """The first of them is left out."""


FULL = Scale(SMOLVLM_256M, num_rows=32, num_rounds=2, num_peer_steps=3)
TRIAL = Scale(TINY, num_rows=8, num_rounds=1, num_peer_steps=2)


def measure(scale: Scale = FULL) -> Section:
    """Twenty minutes' work on two cores."""
    contestants: list[Contestant] = [
        Tuneyard(COLD, "cold", EPOCHS),
        Tuneyard(WARM, "warm", EPOCHS),
        Peer(AS_IT_COMES, "trl", gradient_checkpointing=True, num_steps=scale.num_peer_steps),
        Bound(BOUND_COLD, is_warm=False, num_epochs=EPOCHS),
        Peer(TUNED, "trl", gradient_checkpointing=False, num_steps=scale.num_peer_steps),
        Bound(BOUND_WARM, is_warm=True, num_epochs=EPOCHS),
        Peer(PLAIN, "transformers", gradient_checkpointing=False, num_steps=scale.num_peer_steps),
        Tuneyard(COLD_ONCE, "cold", 1),
        Tuneyard(WARM_ONCE, "warm", 1),
    ]
    once: list[Contestant] = [
        Tuneyard(UNCACHED, "off", EPOCHS),
        Peer(PLAIN_CHECKPOINTED, "transformers", gradient_checkpointing=True, num_steps=scale.num_peer_steps),
    ]
    with TemporaryDirectory(prefix="tuneyard-bench-") as folder:
        job = Job.make(Path(folder) / "job", scale.shape, scale.num_rows, BATCH_SIZE)
        runs = compete(job, contestants, scale.num_rounds) | compete(job, once, 1)
    rates = {one.name: one.rate(job, runs[one.name]) for one in [*contestants, *once]}
    return Section(
        "Training speed",
        TEXT.format(num_rows=scale.num_rows, num_rounds=scale.num_rounds, stolen=most_stolen(runs)),
        [*_speeds(rates), *_parities(runs)],
        [_table(rates, runs), _losses(runs)],
        {
            "training_speed.svg": plots.bars(
                "Samples a second",
                "samples/s, median",
                {name: rate.samples_per_second for name, rate in _descending(rates)},
            ),
            "training_losses.svg": plots.lines("The same losses", ("step", "loss"), _series(runs)),
        },
    )


def try_out() -> Section:
    """The same with a tiny model."""
    return measure(TRIAL)


def most_stolen(runs: Mapping[str, Sequence[Run]]) -> float:
    """Largest part of the cores that others took during a run, 0 to 1."""
    return max(one.stolen for several in runs.values() for one in several)


def _speeds(rates: Mapping[str, Rate]) -> list[Figure]:
    def ratio(what: str, ours: str, theirs: str, least: float | None = None) -> Figure:
        return Figure(what, rates[ours].samples_per_second / rates[theirs].samples_per_second, "x", least=least)

    return [
        ratio("against TRL as it comes, 5 epochs, cold cache", COLD, AS_IT_COMES, 8),
        ratio("against TRL as it comes, 5 epochs, warm cache", WARM, AS_IT_COMES, 15),
        ratio("against TRL with checkpointing off, 5 epochs, cold cache", COLD, TUNED, 3),
        ratio("against TRL with checkpointing off, 5 epochs, warm cache", WARM, TUNED, 6),
        ratio("of what is possible, 5 epochs, cold cache", COLD, BOUND_COLD, 0.9),
        ratio("of what is possible, 5 epochs, warm cache", WARM, BOUND_WARM, 0.9),
        ratio("against TRL as it comes, 1 epoch, cold cache", COLD_ONCE, AS_IT_COMES),
        ratio("against TRL as it comes, 1 epoch, warm cache", WARM_ONCE, AS_IT_COMES),
        ratio("against TRL with checkpointing off, 1 epoch, cold cache", COLD_ONCE, TUNED),
        ratio("against TRL with checkpointing off, 1 epoch, warm cache", WARM_ONCE, TUNED),
        ratio("against Trainer as it comes, 5 epochs, cold cache", COLD, PLAIN),
        ratio("against Trainer as it comes, 5 epochs, warm cache", WARM, PLAIN),
        ratio("against Trainer with checkpointing on, 5 epochs, cold cache", COLD, PLAIN_CHECKPOINTED),
        ratio("against itself without the cache, 5 epochs, cold cache", COLD, UNCACHED),
    ]


def _parities(runs: Mapping[str, Sequence[Run]]) -> list[Figure]:
    uncached = runs[UNCACHED][0].losses
    cached = max(difference(one.losses, uncached) for name in (COLD, WARM) for one in runs[name])
    peers = max(difference(runs[name][0].losses, uncached) for name in (AS_IT_COMES, TUNED, PLAIN))
    return [
        Figure("largest difference of a step's loss from the run without a cache", cached, "", most=1e-3),
        Figure("largest difference of a step's loss from the peers', over the steps they did", peers, "", most=1e-3),
    ]


def difference(losses: Sequence[float], others: Sequence[float]) -> float:
    """Largest difference at a step that both did."""
    return max(abs(one - other) for one, other in zip(losses, others, strict=False))


def _descending(rates: Mapping[str, Rate]) -> list[tuple[str, Rate]]:
    return sorted(rates.items(), key=lambda named: -named[1].samples_per_second)


def _table(rates: Mapping[str, Rate], runs: Mapping[str, Sequence[Run]]) -> Table:
    rows = [
        (
            name,
            f"{rate.samples_per_second:.3f}",
            f"{rate.core_seconds:.2f}",
            f"{median(one.steady_seconds for one in runs[name]):.2f}",
            f"{median(one.peak_bytes for one in runs[name]) / GIB:.2f}",
            f"{median(one.peak_bytes - one.loaded_bytes for one in runs[name]) / GIB:.2f}",
            f"{median(one.loading_seconds for one in runs[name]):.1f}",
            str(len(runs[name])),
            verdict(runs[name]),
        )
        for name, rate in _descending(rates)
    ]
    columns = (
        "",
        "samples/s",
        "core-seconds a sample",
        "median step, s",
        "peak memory, GiB",
        "of it over the loaded model",
        "before its start, s",
        "runs",
        "features",
    )
    return Table(columns, rows)


def _losses(runs: Mapping[str, Sequence[Run]]) -> Table:
    """Step by step, as far as each went; six decimals, so that it is seen where they part."""
    shown = [AS_IT_COMES, TUNED, PLAIN, UNCACHED, COLD, WARM, BOUND_COLD]
    columns = [list(runs[name][0].losses) for name in shown]
    rows = [
        [str(step + 1), *(f"{losses[step]:.6f}" if step < len(losses) else "" for losses in columns)]
        for step in range(max(map(len, columns)))
    ]
    return Table(("loss at step", *shown), rows)


def _series(runs: Mapping[str, Sequence[Run]]) -> dict[str, plots.Points]:
    shown = (AS_IT_COMES, PLAIN, UNCACHED, COLD, WARM)
    return {name: list(enumerate(runs[name][0].losses, start=1)) for name in shown}

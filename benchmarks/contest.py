"""Who is measured on a training job: Tuneyard, its peers, and what is possible at best, all on one job."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, Protocol

from benchmarks.digits import write_rows
from benchmarks.machine import PEERS_PYTHON
from benchmarks.running import Run, run
from benchmarks.smolvlm import Shape, write_model
from trainer_core.contract.spec import JobSpec
from trainer_core.training.plan import Plan, StepSampler

PEER = Path(__file__).parent / "peers/train.py"
LEARNING_RATE = 1e-4
RANK, ALPHA = 16, 32
SEED = 0
NEVER = 1_000_000
"""More steps than there are."""


@dataclass(frozen=True)
class Job:
    """A model and rows to train it on: LoRA on the language model, in float32 on the CPU."""

    folder: Path
    """Holds the model, the rows and whatever runs leave."""
    num_rows: int
    batch_size: int

    @classmethod
    def make(cls, folder: Path, shape: Shape, num_rows: int, batch_size: int, **words: int) -> "Job":
        """Write model and rows, as long as `digits.write_rows` is told by `words`, into a new folder."""
        folder.mkdir(parents=True)
        write_model(folder / "model", shape)
        write_rows(folder / "rows.jsonl", num_rows, **words)
        return cls(folder, num_rows, batch_size)

    def spec(
        self, *, num_epochs: int, gradient_checkpointing: bool = False, feature_cache: str = "auto"
    ) -> dict[str, Any]:
        """For `python -m trainer_core`."""
        return {
            "base_model": str(self.folder / "model"),
            "train_dataset": str(self.folder / "rows.jsonl"),
            "method": {"type": "lora", "rank": RANK, "alpha": ALPHA, "dropout": 0},
            "hyperparameters": {
                "num_epochs": num_epochs,
                "batch_size": self.batch_size,
                "learning_rate": LEARNING_RATE,
                "learning_rate_schedule": "constant",
                "warmup_ratio": 0,
                "precision": "fp32",
                "gradient_checkpointing": gradient_checkpointing,
            },
            # Peers save nothing either.
            "checkpointing": {"every": NEVER, "every_minutes": None},
            "export": {"merged": False},
            "resources": {"gpus": 0, "feature_cache": feature_cache},
            "seed": SEED,
        }

    def for_peer(self, library: str, *, num_steps: int, gradient_checkpointing: bool) -> dict[str, Any]:
        """For `peers/train.py`: the same rows in the same order."""
        spec = JobSpec.model_validate(self.spec(num_epochs=1))
        sampler = StepSampler(Plan.of(spec, self.num_rows, 0))
        return {
            "library": library,
            "model": str(self.folder / "model"),
            "rows": str(self.folder / "rows.jsonl"),
            "order": [index for step in range(num_steps) for index in sampler.rows(step)],
            "output_dir": str(self.folder / "peer"),
            "max_steps": num_steps,
            "batch_size": self.batch_size,
            "gradient_checkpointing": gradient_checkpointing,
            "learning_rate": LEARNING_RATE,
            "rank": RANK,
            "alpha": ALPHA,
            "seed": SEED,
        }

    def command(self, program: Sequence[str], asked: Mapping[str, Any]) -> list[str]:
        """A program's command line, with what it is asked in a file."""
        path = self.folder / "asked.json"
        path.write_text(json.dumps(asked), encoding="utf-8")
        return [*program, str(path)]

    def run(self, command: Sequence[str]) -> Run:
        """Carry a program out."""
        return run(command, self.folder / "log")


@dataclass(frozen=True)
class Rate:
    """How fast, and with how much work."""

    samples_per_second: float
    core_seconds: float
    """Of any core, a sample."""

    @classmethod
    def of(cls, num_samples: int, seconds: Iterable[float], core_seconds: Iterable[float]) -> "Rate":
        """By the medians of how long so many samples took."""
        return cls(num_samples / median(seconds), median(core_seconds) / num_samples)


class Contestant(Protocol):
    """Trains a job, or a part of it that tells how fast it is."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    def train(self, job: Job) -> Run:
        """Once, from the beginning."""

    def rate(self, job: Job, runs: Sequence[Run]) -> Rate:
        """Of one run or several."""


@dataclass(frozen=True)
class Peer:
    """TRL or transformers' Trainer over a few steps: they do in every epoch what they do in the first."""

    name: str
    library: Literal["trl", "transformers"]
    gradient_checkpointing: bool
    num_steps: int

    def train(self, job: Job) -> Run:
        """The first steps."""
        asked = job.for_peer(self.library, num_steps=self.num_steps, gradient_checkpointing=self.gradient_checkpointing)
        return job.run(job.command([str(PEERS_PYTHON), str(PEER)], asked))

    def rate(self, job: Job, runs: Sequence[Run]) -> Rate:
        """Of the median of all steps but each run's first."""
        seconds = (seconds for one in runs for seconds in one.step_seconds[1:])
        return Rate.of(job.batch_size, seconds, (seconds for one in runs for seconds in one.step_core_seconds[1:]))


@dataclass(frozen=True)
class Tuneyard:
    """`python -m trainer_core` over the whole job."""

    name: str
    cache: Literal["cold", "warm", "off"]
    num_epochs: int
    gradient_checkpointing: bool = False

    def train(self, job: Job) -> Run:
        """From the start of the run to its last step; a warm cache is what a cold run before it left."""
        cache, run_dir = job.folder / "cache", job.folder / "run"
        shutil.rmtree(run_dir, ignore_errors=True)
        if self.cache == "cold":
            shutil.rmtree(cache, ignore_errors=True)
        spec = job.spec(
            num_epochs=self.num_epochs,
            gradient_checkpointing=self.gradient_checkpointing,
            feature_cache="off" if self.cache == "off" else "auto",
        )
        command = job.command([sys.executable, "-m", "trainer_core"], spec)
        return job.run([*command, "--run-dir", str(run_dir), "--cache", str(cache)])

    def rate(self, job: Job, runs: Sequence[Run]) -> Rate:
        """Of whole runs, whatever they did before their first step or beside their steps included."""
        return _of_whole(job.num_rows * self.num_epochs, runs)


@dataclass(frozen=True)
class Bound:
    """What is possible at best: `benchmarks.bound`."""

    name: str
    is_warm: bool
    num_epochs: int

    def train(self, job: Job) -> Run:
        """The whole job."""
        command = job.command([sys.executable, "-m", "benchmarks.bound"], job.spec(num_epochs=self.num_epochs))
        return job.run([*command, *(["--warm"] if self.is_warm else [])])

    def rate(self, job: Job, runs: Sequence[Run]) -> Rate:
        """Of whole runs."""
        return _of_whole(job.num_rows * self.num_epochs, runs)


def _of_whole(num_samples: int, runs: Sequence[Run]) -> Rate:
    return Rate.of(num_samples, (one.total_seconds for one in runs), (one.core_seconds for one in runs))


def verdict(runs: Sequence[Run]) -> str:
    """Whether Tuneyard kept features of images, by its own word; nothing of others."""
    told = (event["verdict"] for one in runs for event in one.events if event["type"] == "features_tried")
    return " or ".join(word.replace("_", " ") for word in dict.fromkeys(told))


def compete(job: Job, contestants: Sequence[Contestant], num_rounds: int) -> dict[str, list[Run]]:
    """Every contestant's runs by its name, one a round, every other round in the opposite order."""
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant in contestants}
    for number in range(num_rounds):
        for contestant in contestants if number % 2 == 0 else reversed(contestants):
            runs[contestant.name].append(contestant.train(job))
            told = runs[contestant.name][-1]
            print(f"{contestant.name}: {told.total_seconds:.1f} s, {told.stolen:.0%} taken by others", flush=True)
    return runs

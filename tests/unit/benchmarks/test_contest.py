"""Contestants are measured on one job, in alternating order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contest import Job, Peer, Rate, compete
from benchmarks.running import Run

JOB = Job(Path("nowhere"), num_rows=8, batch_size=4)


def run_of(*step_seconds: float) -> Run:
    return Run(0.0, sum(step_seconds), step_seconds, step_seconds, [], 0, 0, 0.0, [])


@dataclass
class Recorded:
    name: str
    trained: list[str] = field(default_factory=list)

    def train(self, job: Job) -> Run:
        del job
        self.trained.append(self.name)
        return run_of(1.0)

    def rate(self, job: Job, runs: Sequence[Run]) -> Rate:
        raise NotImplementedError


def test_every_other_round_has_the_opposite_order() -> None:
    order: list[str] = []

    runs = compete(JOB, [Recorded("a", order), Recorded("b", order)], 3)

    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {name: len(found) for name, found in runs.items()} == {"a": 3, "b": 3}


def test_a_peers_rate_is_that_of_the_median_step_without_the_first() -> None:
    peer = Peer("TRL", "trl", gradient_checkpointing=True, num_steps=3)

    rate = peer.rate(JOB, [run_of(100, 2, 4), run_of(100, 4, 4)])

    assert rate == Rate(samples_per_second=1.0, core_seconds=1.0)


def test_peers_are_given_the_rows_in_the_trainers_order() -> None:
    asked = JOB.for_peer("trl", num_steps=4, gradient_checkpointing=False)

    assert sorted(asked["order"][:8]) == sorted(asked["order"][8:]) == list(range(8))
    assert asked["order"][:8] != asked["order"][8:]

"""How far a run has come."""

from trainer_core.training.improvement import Improvement
from trainer_core.training.progress import Progress


def test_a_checkpoint_remembers_all_of_it() -> None:
    progress = Progress(Improvement("anls", 0.5, 4, num_without=2), step=6, metrics={"loss": 1.0}, num_skipped=1)

    assert Progress.remembered(progress.state) == progress


def test_what_comes_later_is_not_remembered() -> None:
    progress = Progress(Improvement("loss"), metrics={"loss": 1.0})

    state = progress.state
    progress.metrics["loss"] = 0.5
    progress.improvement.take(1, 0.5)

    assert Progress.remembered(state) == Progress(Improvement("loss"), metrics={"loss": 1.0})

"""A run that is asked to finish: the step that it is at becomes its last one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModelForImageTextToText

from tests.integration.runs import Run, changed
from trainer_core.contract.control import Control
from trainer_core.contract.events import (
    CheckpointSaved,
    EvaluationCompleted,
    FinishedEarly,
    Phase,
    PhaseEntered,
    RunEvent,
    RunSucceeded,
    StepCompleted,
)
from trainer_core.contract.spec import Checkpointing, Evaluation, Export, HeldOutSplit, Hyperparameters, JobSpec


@pytest.fixture(scope="module")
def spec(starter_dir: Path, shades_file: Path) -> JobSpec:
    """Nine steps; checkpoints and evaluations after each fourth."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(shades_file),
        eval_dataset=HeldOutSplit(fraction=0.25),
        hyperparameters=Hyperparameters(num_epochs=3, batch_size=3, learning_rate=1e-3, warmup_ratio=0.0),
        evaluation=Evaluation(every=4),
        checkpointing=Checkpointing(every=4),
    )


def at_step(number: int) -> Callable[[RunEvent], bool]:
    return lambda event: isinstance(event, StepCompleted) and event.step == number


def entering(phase: Phase) -> Callable[[RunEvent], bool]:
    return lambda event: isinstance(event, PhaseEntered) and event.phase is phase


@pytest.fixture(scope="module")
def finished(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("finished"), at_step(2)).of(spec, word=Control.FINISH)


def test_the_step_becomes_the_last_one(finished: Run) -> None:
    [early], [succeeded] = finished.told(FinishedEarly), finished.told(RunSucceeded)

    assert len(finished.told(StepCompleted)) == succeeded.step == 2
    assert (early.step, early.total_steps) == (2, 9)


def test_what_is_due_at_the_last_step_is_done(finished: Run) -> None:
    assert [one.step for one in finished.told(EvaluationCompleted)] == [2]
    assert [one.step for one in finished.told(CheckpointSaved)] == [2]


def test_the_artifact_is_that_of_the_step(finished: Run) -> None:
    folders = [finished.run_dir / name for name in ("artifact", "checkpoints/step-000002")]

    artifact, saved = (AutoModelForImageTextToText.from_pretrained(folder).state_dict() for folder in folders)

    assert all(artifact[name].equal(saved[name]) for name in saved)


def test_a_run_that_was_killed_while_it_finished_leaves_the_same_artifact(
    finished: Run, spec: JobSpec, tmp_path: Path
) -> None:
    resumed = Run(tmp_path).of(spec, resume=finished.run_dir / "checkpoints/step-000002")

    assert resumed.told(StepCompleted) == []
    assert resumed.weights == finished.weights


def test_the_artifact_is_the_best_state_if_asked_for(spec: JobSpec, tmp_path: Path) -> None:
    worse = changed(spec, learning_rate=1.0).model_copy(
        update={"evaluation": Evaluation(every=1), "export": Export(state="best")}
    )

    run = Run(tmp_path, at_step(3)).of(worse, word=Control.FINISH)

    losses = [one.loss for one in run.told(EvaluationCompleted)]
    assert run.told(RunSucceeded)[0].best_step == 1 + losses.index(min(losses))


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.TRAINING])
def test_a_run_asked_before_its_first_step_finishes_after_it(spec: JobSpec, tmp_path: Path, phase: Phase) -> None:
    run = Run(tmp_path, entering(phase)).of(spec, word=Control.FINISH)

    assert run.told(RunSucceeded)[0].step == 1


def test_a_run_asked_while_it_evaluates_finishes_the_evaluation(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path, entering(Phase.EVALUATING)).of(spec, word=Control.FINISH)

    assert [one.step for one in run.told(EvaluationCompleted)] == [4, 5]
    assert run.told(RunSucceeded)[0].step == 5


def test_a_run_asked_at_its_end_ends_as_it_would_have(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path, at_step(2)).of(changed(spec, max_steps=2), word=Control.FINISH)

    assert run.told(FinishedEarly) == []
    assert run.told(RunSucceeded)[0].step == 2

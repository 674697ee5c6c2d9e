"""A run that goes on from any of its checkpoints ends as if nothing had happened, to the bit."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from tests.integration.runs import Run, changed
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import CheckpointSaved, RunEvent, RunSucceeded, StepCompleted, StepSkipped
from trainer_core.contract.spec import (
    Checkpointing,
    Evaluation,
    Export,
    FullFineTune,
    Generation,
    Hyperparameters,
    JobSpec,
    Lora,
    Method,
    Resources,
)
from trainer_core.data.encoding import Encoded, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.training import findings, fine_tuning
from trainer_core.training.snapshot import STATE
from trainer_core.training.stopping import StopAsked

NUM_STEPS = 5
DROPPING = Lora(rank=2, dropout=0.3)
CHOICES: dict[str, tuple[Method, dict[str, Any]]] = {
    "full, packed": (FullFineTune(), {"packing": True, "max_batch_tokens": 100}),
    "full, by length": (FullFineTune(), {"group_by_length": True}),
    "full, 8-bit optimizer": (FullFineTune(), {"optimizer": "adamw_8bit", "max_batch_tokens": 60}),
    "adapter, dropout and noise": (DROPPING, {}),
    "adapter, activations computed twice": (DROPPING, {"gradient_checkpointing": True, "group_by_length": True}),
    "adapter, 4 bits": (DROPPING.model_copy(update={"quantization": "nf4"}), {}),
}


@pytest.fixture(scope="module")
def spec(starter_dir: Path, uneven_file: Path) -> JobSpec:
    """Two batches of two rows a step, two steps an epoch, a checkpoint after each, some answers after each second."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(uneven_file),
        eval_dataset=str(uneven_file),
        hyperparameters=Hyperparameters(
            max_steps=NUM_STEPS,
            batch_size=2,
            gradient_accumulation_steps=2,
            learning_rate=1e-3,
            warmup_ratio=0.0,
            neftune_noise_alpha=5.0,
        ),
        evaluation=Evaluation(every=2, generation=Generation(max_rows=2, max_new_tokens=2)),
        checkpointing=Checkpointing(every=1, keep_last=NUM_STEPS),
        export=Export(merged=False),
    )


@pytest.fixture(scope="module", params=CHOICES, ids=str)
def whole(request: pytest.FixtureRequest, spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    method, chosen = CHOICES[request.param]
    return Run(tmp_path_factory.mktemp("whole")).of(changed(spec, **chosen).model_copy(update={"method": method}))


def checkpoint(run: Run, step: int) -> Path:
    return run.run_dir / f"checkpoints/step-{step:06d}"


def after(step: int) -> Callable[[RunEvent], bool]:
    return lambda event: isinstance(event, StepCompleted) and event.step == step


def rest(run: Run, step: int) -> list[tuple[Any, ...]]:
    """Its numbers after a step."""
    return [one for one in run.series if one[0] > step]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_run_goes_on_from_any_step_to_the_bit(whole: Run, tmp_path: Path, step: int) -> None:
    resumed = Run(tmp_path).of(whole.spec, resume=checkpoint(whole, step))

    assert resumed.series == rest(whole, step)
    assert resumed.weights == whole.weights


@pytest.fixture
def chance_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that makes pictures lighter or darker by chance, and memory for no row."""
    encode = Encoder.encode

    def flickering(encoder: Encoder, line: Line, row: Row) -> Encoded:
        encoded = encode(encoder, line, row)
        if "pixel_values" in encoded.tensors:
            encoded.tensors["pixel_values"] *= float(torch.rand(()) + np.random.random() + random.random())  # noqa: NPY002, S311
        return encoded

    monkeypatch.setattr(Encoder, "encode", flickering)
    monkeypatch.setattr("trainer_core.data.dataset._MAX_KEPT_BYTES", 0)


@pytest.mark.usefixtures("chance_in_rows")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_chance_in_loader_processes_does_not_depend_on_where_a_run_goes_on(
    spec: JobSpec, tmp_path: Path, num_workers: int
) -> None:
    spec = spec.model_copy(update={"resources": Resources(num_loader_workers=2)})
    whole = Run(tmp_path / "whole").of(spec)
    elsewhere = spec.model_copy(update={"resources": Resources(num_loader_workers=num_workers)})

    resumed = Run(tmp_path / "resumed").of(elsewhere, resume=checkpoint(whole, 3))

    assert resumed.series == rest(whole, 3)
    assert resumed.weights == whole.weights


def never_again(*_: object) -> None:
    pytest.fail("the model is another one by now")


def test_what_was_decided_at_the_first_step_is_not_decided_again(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "rehearse", lambda *_: False)
    whole = Run(tmp_path / "whole").of(changed(spec, packing=True, max_batch_tokens=100))
    for name in ("find_out", "find_way_for_all", "untrained"):
        monkeypatch.setattr(fine_tuning, name, never_again)

    resumed = Run(tmp_path / "resumed").of(whole.spec, resume=checkpoint(whole, 2))

    assert resumed.series == rest(whole, 2)
    assert resumed.weights == whole.weights


def test_parameters_that_were_left_out_stay_so(spec: JobSpec, tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole").of(spec)

    resumed = Run(tmp_path / "resumed").of(whole.spec, resume=checkpoint(whole, 2))

    states = [torch.load(checkpoint(run, 5) / STATE, weights_only=True) for run in (whole, resumed)]
    assert states[0]["decisions"][0]["unused"]
    assert states[0]["decisions"] == states[1]["decisions"]


def test_steps_that_changed_nothing_are_counted_on(spec: JobSpec, own_starter_dir: Path, tmp_path: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(own_starter_dir)
    next(model.model.language_model.parameters()).data.fill_(float("nan"))
    model.save_pretrained(own_starter_dir)
    spec = spec.model_copy(update={"base_model": str(own_starter_dir), "eval_dataset": None})
    first = Run(tmp_path / "first", lambda event: isinstance(event, StepSkipped) and event.step == 2)
    with pytest.raises(StopAsked):
        first.of(spec)
    resumed = Run(tmp_path / "resumed")

    with pytest.raises(TrainerError) as failed:
        resumed.of(spec, resume=checkpoint(first, 2))

    assert failed.value.code is FailureCode.NON_FINITE_LOSS
    assert resumed.losses == [None]


@pytest.mark.parametrize("step", [2, 5])
def test_an_evaluation_that_was_given_up_is_made_up_for(spec: JobSpec, tmp_path: Path, step: int) -> None:
    whole = Run(tmp_path / "whole").of(spec)
    drained = Run(tmp_path / "drained", after(step))
    with pytest.raises(StopAsked):
        drained.of(spec)

    resumed = Run(tmp_path / "resumed").of(spec, resume=checkpoint(drained, step))

    assert drained.series + resumed.series == whole.series
    assert resumed.weights == whole.weights
    assert resumed.told(CheckpointSaved)[0].step == step


def test_what_was_made_up_for_is_saved_before_a_step_may_fork(spec: JobSpec, tmp_path: Path) -> None:
    drained = Run(tmp_path / "drained", after(2))
    with pytest.raises(StopAsked):
        drained.of(spec)

    resumed = Run(tmp_path / "resumed").of(spec, resume=checkpoint(drained, 2))

    told = [event.type for event in resumed.events if isinstance(event, CheckpointSaved | StepCompleted)]
    assert told[:2] == ["checkpoint_saved", "step_completed"]


def test_the_card_tells_the_same_numbers(spec: JobSpec, tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole").of(spec)

    resumed = Run(tmp_path / "resumed").of(spec, resume=checkpoint(whole, 5))

    cards = [(run.run_dir / "artifact/README.md").read_text() for run in (whole, resumed)]
    assert "Eval loss" in cards[0]
    assert cards[0] == cards[1]


def test_the_best_checkpoint_comes_along_from_attempt_to_attempt(spec: JobSpec, tmp_path: Path) -> None:
    worse = changed(spec, learning_rate=1.0, max_steps=6).model_copy(
        update={"evaluation": Evaluation(every=1), "export": Export(state="best", merged=False)}
    )
    whole = Run(tmp_path / "whole").of(worse)
    [succeeded] = whole.told(RunSucceeded)
    best = succeeded.best_step
    run, folder = whole, checkpoint(whole, best)
    for step in (best + 1, best + 2):
        run = Run(tmp_path / f"until {step}", after(step))
        with pytest.raises(StopAsked):
            run.of(worse, resume=folder)
        folder = checkpoint(run, step)

    last = Run(tmp_path / "last").of(worse, resume=folder)

    assert last.told(RunSucceeded)[0].best_step == best
    assert last.weights == whole.weights


def test_old_checkpoints_go_in_a_folder_where_a_run_goes_on_too(spec: JobSpec, tmp_path: Path) -> None:
    spec = spec.model_copy(update={"checkpointing": Checkpointing(every=1, keep_last=1, keep_best=False)})
    stopped = Run(tmp_path, after(3))
    with pytest.raises(StopAsked):
        stopped.of(spec)
    (tmp_path / "checkpoints/.step-000004.draft").mkdir()

    Run(tmp_path).of(spec, resume=checkpoint(stopped, 3))

    assert [folder.name for folder in (tmp_path / "checkpoints").iterdir()] == ["step-000005"]


def test_a_checkpoint_of_another_run_is_refused(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path / "run").of(changed(spec, max_steps=1))

    with pytest.raises(TrainerError, match=r"max_steps was 1, and is 5") as refused:
        Run(tmp_path / "other").of(spec, resume=checkpoint(run, 1))

    assert refused.value.code is FailureCode.INVALID_SPEC

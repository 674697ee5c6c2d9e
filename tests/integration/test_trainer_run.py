"""`train` from spec to artifact, on the starter, without a process of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor

from tests.integration.runs import Run, changed
from trainer_core.contract.control import Control
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import (
    CheckpointDeleted,
    CheckpointSaved,
    EvaluationCompleted,
    Phase,
    PhaseEntered,
    RunEvent,
    RunStarted,
    RunSucceeded,
    StepCompleted,
    StepSkipped,
)
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import (
    Checkpointing,
    HeldOutSplit,
    Hyperparameters,
    JobSpec,
    Lora,
    Resources,
)
from trainer_core.training.stopping import StopAsked

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def spec(starter_dir: Path, shades_file: Path) -> JobSpec:
    """Nine rows to train on and three held out; two batches of two rows a step, three steps an epoch, two epochs."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(shades_file),
        eval_dataset=HeldOutSplit(fraction=0.25),
        hyperparameters=Hyperparameters(
            num_epochs=2, batch_size=2, gradient_accumulation_steps=2, learning_rate=1e-3, warmup_ratio=0.0
        ),
        checkpointing=Checkpointing(every=2, keep_last=2),
    )


@pytest.fixture(scope="module")
def ran(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The undisturbed run that most facts are about."""
    return Run(tmp_path_factory.mktemp("run")).of(spec)


@pytest.fixture
def short(spec: JobSpec) -> JobSpec:
    """One step and no evaluation."""
    return changed(spec, max_steps=1).model_copy(update={"eval_dataset": None})


OF_A_CHECKPOINT = CheckpointSaved | CheckpointDeleted
"""Told once it is written, which may take some steps."""


def test_events_come_in_order(ran: Run) -> None:
    evaluation = ["phase_entered", "evaluation_completed", "phase_entered"]

    assert [event.type for event in ran.events if not isinstance(event, OF_A_CHECKPOINT)] == [
        "phase_entered",
        "run_started",
        "phase_entered",
        "parameters_unused",
        *["step_completed"] * 3,
        *evaluation,
        *["step_completed"] * 3,
        *evaluation,
        "phase_entered",
        "artifact_verified",
        "run_succeeded",
    ]


def test_checkpoints_are_told_in_order_and_before_the_end(ran: Run) -> None:
    told = [(event.type, event.step) for event in ran.events[:-2] if isinstance(event, OF_A_CHECKPOINT)]

    assert told == [
        ("checkpoint_saved", 2),
        ("checkpoint_saved", 3),  # the best so far
        ("checkpoint_saved", 4),
        ("checkpoint_deleted", 2),
        ("checkpoint_saved", 6),
        ("checkpoint_deleted", 3),
    ]


def test_start_tells_what_is_trained(ran: Run) -> None:
    [started] = ran.told(RunStarted)

    assert (started.first_step, started.total_steps) == (0, 6)
    assert (started.num_train_rows, started.num_eval_rows) == (9, 3)
    assert started.num_parameters == started.num_trainable_parameters


def test_steps_tell_where_they_are(ran: Run) -> None:
    steps = ran.told(StepCompleted)

    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [step.epoch for step in steps] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    # Each answer is a digit and its stop token; nine rows leave one for the last step of an epoch.
    assert [step.num_supervised_tokens for step in steps] == [8, 8, 2, 8, 8, 2]
    assert [step.num_rows for step in steps] == [4, 4, 1, 4, 4, 1]
    assert steps[0].learning_rate == 1e-3
    assert all(step.grad_norm for step in steps)


def test_steps_tell_the_most_memory_that_was_taken(ran: Run) -> None:
    peaks = [step.peak_bytes or 0 for step in ran.told(StepCompleted)]

    assert peaks[0] > 50_000_000  # torch alone takes more
    assert peaks == sorted(peaks)


def test_the_model_learns(ran: Run) -> None:
    before, after = (evaluation.loss for evaluation in ran.told(EvaluationCompleted))

    assert after < before < ran.losses[0]


def test_checkpoints_are_complete_and_their_manifests_true(ran: Run) -> None:
    for saved in ran.told(CheckpointSaved)[2:]:
        folder = ran.run_dir / saved.path
        manifest = Manifest.load(folder)

        assert manifest.is_true_of(folder)
        assert (saved.manifest_sha256, saved.num_bytes) == (manifest.sha256, manifest.num_bytes)


def test_old_checkpoints_go(ran: Run) -> None:
    kept = sorted(path.name for path in (ran.run_dir / "checkpoints").iterdir())

    assert kept == ["step-000004", "step-000006"]
    assert [deleted.step for deleted in ran.told(CheckpointDeleted)] == [2, 3]


def test_checkpoints_tell_the_newest_metrics(ran: Run) -> None:
    first, *_, last = ran.told(CheckpointSaved)

    assert first.metrics.keys() == {"loss"}
    evaluation = ran.told(EvaluationCompleted)[-1]
    assert last.metrics == {
        "loss": ran.losses[-1],
        "eval_loss": evaluation.loss,
        "eval_token_accuracy": evaluation.scores["token_accuracy"],
    }


def test_the_artifact_is_plain_transformers(ran: Run, starter_dir: Path) -> None:
    [succeeded] = ran.told(RunSucceeded)
    folder = ran.run_dir / succeeded.path

    model = AutoModelForImageTextToText.from_pretrained(folder)

    assert model.num_parameters() == AutoModelForImageTextToText.from_pretrained(starter_dir).num_parameters()
    assert AutoProcessor.from_pretrained(folder).chat_template
    assert Manifest.load(folder).is_true_of(folder)
    assert not (folder / "training_state.pt").exists()


def test_a_run_resumed_ends_with_the_same_weights(ran: Run, spec: JobSpec, tmp_path: Path) -> None:
    resumed = Run(tmp_path).of(spec, resume=ran.run_dir / "checkpoints/step-000004")

    assert [step.step for step in resumed.told(StepCompleted)] == [5, 6]
    assert resumed.losses == ran.losses[4:]
    assert (tmp_path / "artifact" / WEIGHTS).read_bytes() == (ran.run_dir / "artifact" / WEIGHTS).read_bytes()


def test_a_run_resumed_at_its_end_only_saves(ran: Run, spec: JobSpec, tmp_path: Path) -> None:
    resumed = Run(tmp_path).of(spec, resume=ran.run_dir / "checkpoints/step-000006")

    assert resumed.told(StepCompleted) == []
    assert (tmp_path / "artifact" / WEIGHTS).read_bytes() == (ran.run_dir / "artifact" / WEIGHTS).read_bytes()


def test_only_a_checkpoint_can_be_resumed(spec: JobSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="is no checkpoint") as refused:
        Run(tmp_path).of(spec, resume=tmp_path)

    assert refused.value.code is FailureCode.INVALID_SPEC


def test_accumulated_batches_count_as_one(
    spec: JobSpec,
    tmp_path: Path,
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
) -> None:
    answers = ["1", "two and a half, more or less", "3", "4", "five it is", "6"]
    rows = write_rows(tmp_path / "rows.jsonl", [chat(answer) for answer in answers])
    at_once = changed(spec, batch_size=6, gradient_accumulation_steps=1, max_steps=2).model_copy(
        update={"train_dataset": str(rows), "eval_dataset": None}
    )
    in_parts = changed(at_once, batch_size=1, gradient_accumulation_steps=6)

    runs = [Run(tmp_path / name).of(spec) for name, spec in (("one", at_once), ("six", in_parts))]

    steps = [run.told(StepCompleted) for run in runs]
    assert [step.loss for step in steps[0]] == pytest.approx([step.loss for step in steps[1]], abs=1e-5)
    assert [step.grad_norm for step in steps[0]] == pytest.approx([step.grad_norm for step in steps[1]], abs=1e-4)


def test_loader_processes_change_nothing(ran: Run, spec: JobSpec, tmp_path: Path) -> None:
    spec = changed(spec, max_steps=2).model_copy(update={"resources": Resources(num_loader_workers=1)})

    run = Run(tmp_path).of(spec)

    assert run.losses == ran.losses[:2]


def at_step(number: int) -> Callable[[RunEvent], bool]:
    return lambda event: isinstance(event, StepCompleted) and event.step == number


def entering(phase: Phase) -> Callable[[RunEvent], bool]:
    return lambda event: isinstance(event, PhaseEntered) and event.phase is phase


def test_a_drained_run_saves_its_step(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path, at_step(1))

    with pytest.raises(StopAsked):
        run.of(spec)

    assert [saved.step for saved in run.told(CheckpointSaved)] == [1]


def test_a_cancelled_run_saves_nothing(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path, at_step(2))

    with pytest.raises(StopAsked):
        run.of(spec, word=Control.CANCEL)

    assert [event.type for event in run.events][-1] == "step_completed"
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_drained_while_it_evaluates_saves_its_step(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path, entering(Phase.EVALUATING))

    with pytest.raises(StopAsked):
        run.of(changed(spec, max_steps=3))

    assert run.told(EvaluationCompleted) == []
    assert [saved.step for saved in run.told(CheckpointSaved)] == [2, 3]


def test_a_run_cancelled_while_it_loads_never_starts(spec: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path, entering(Phase.LOADING))

    with pytest.raises(StopAsked):
        run.of(spec, word=Control.CANCEL)

    assert len(run.events) == 1


def test_an_adapter_goes_on_from_its_checkpoint(spec: JobSpec, tmp_path: Path) -> None:
    spec = changed(spec, max_steps=4).model_copy(update={"method": Lora(rank=2, dropout=0.1), "eval_dataset": None})
    whole = Run(tmp_path / "whole").of(spec)

    resumed = Run(tmp_path / "resumed").of(spec, resume=tmp_path / "whole/checkpoints/step-000002")

    assert resumed.losses == whole.losses[2:]


def test_a_frozen_tower_stays_as_it_was(short: JobSpec, starter_dir: Path, tmp_path: Path) -> None:
    Run(tmp_path).of(changed(short, freeze_vision_model=True))

    before = AutoModelForImageTextToText.from_pretrained(starter_dir)
    after = AutoModelForImageTextToText.from_pretrained(tmp_path / "artifact")
    is_same = {name: torch.equal(value, after.get_parameter(name)) for name, value in before.named_parameters()}
    assert all(same for name, same in is_same.items() if "vision_tower" in name)
    assert not any(same for name, same in is_same.items() if "multi_modal_projector" in name)


def test_a_text_model_is_trained_on_text(short: JobSpec, text_model_dir: Path, text_file: Path, tmp_path: Path) -> None:
    Run(tmp_path).of(short.model_copy(update={"base_model": str(text_model_dir), "train_dataset": str(text_file)}))

    assert AutoModelForCausalLM.from_pretrained(tmp_path / "artifact").num_parameters() > 0


def test_a_projector_alone_can_be_trained(short: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path).of(changed(short, freeze_language_model=True, freeze_vision_model=True))

    [started] = run.told(RunStarted)
    assert 0 < started.num_trainable_parameters < started.num_parameters / 10


def test_half_precision_is_for_the_sums_alone(short: JobSpec, tmp_path: Path) -> None:
    run = Run(tmp_path).of(changed(short, precision="bf16"))

    [started] = run.told(RunStarted)
    weights = AutoModelForImageTextToText.from_pretrained(tmp_path / "artifact").parameters()
    assert started.precision == "bf16"
    assert {parameter.dtype for parameter in weights} == {torch.float32}


def test_a_first_loss_that_is_odd_is_logged_once(
    spec: JobSpec, own_starter_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(own_starter_dir)
    next(model.get_input_embeddings().parameters()).data.mul_(50)  # sure of itself, and wrong
    model.save_pretrained(own_starter_dir)

    Run(tmp_path / "run").of(spec.model_copy(update={"base_model": str(own_starter_dir)}))

    [logged] = [one.getMessage() for one in caplog.records if one.name.startswith("trainer_core")]
    assert "weights are random or broken" in logged


def test_a_loss_that_is_no_number_ends_the_run(short: JobSpec, own_starter_dir: Path, tmp_path: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(own_starter_dir)
    next(model.model.language_model.parameters()).data.fill_(float("nan"))
    model.save_pretrained(own_starter_dir)
    run = Run(tmp_path)

    with pytest.raises(TrainerError, match="lines") as failed:
        run.of(changed(short, max_steps=9).model_copy(update={"base_model": str(own_starter_dir)}))

    assert failed.value.code is FailureCode.NON_FINITE_LOSS
    assert run.losses == [None, None, None]
    assert [skipped.what for skipped in run.told(StepSkipped)] == ["loss"] * 3

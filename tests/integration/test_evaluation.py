"""What an evaluation measures, and what follows from it."""

import base64
import weakref
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from tests.integration.runs import Run, at_loading, changed
from trainer_core.contract.events import (
    CheckpointSaved,
    EvaluationCompleted,
    Phase,
    PhaseEntered,
    RunEvent,
    RunSucceeded,
    StepCompleted,
    StoppedEarly,
)
from trainer_core.contract.spec import (
    Checkpointing,
    EarlyStopping,
    Evaluation,
    Export,
    Generation,
    Hyperparameters,
    JobSpec,
    Lora,
    Resources,
)

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def squares_file(
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Twelve rows; where the white square stands decides the answer."""
    rows = []
    for number in range(12):
        image = Image.new("RGB", (32, 32))
        image.paste((255, 255, 255), (8 * (number % 4), 8 * (number // 4), 8 * (number % 4) + 8, 8 * (number // 4) + 8))
        encoded = BytesIO()
        image.save(encoded, "PNG")
        row = chat(str(number))
        url = f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
        row["messages"][0]["content"][0]["image_url"]["url"] = url
        rows.append(row)
    return write_rows(tmp_path_factory.mktemp("rows") / "squares.jsonl", rows)


@pytest.fixture(scope="module")
def spec(starter_dir: Path, squares_file: Path) -> JobSpec:
    """Rows are learned by heart and asked for again."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(squares_file),
        eval_dataset=str(squares_file),
        hyperparameters=Hyperparameters(num_epochs=90, batch_size=12, learning_rate=1e-3, warmup_ratio=0.0),
        evaluation=Evaluation(every=45, generation=Generation(max_new_tokens=6, num_samples=3), metric="exact_match"),
        checkpointing=Checkpointing(every=1000),
    )


@pytest.fixture(scope="module")
def ran(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run")).of(spec)


def with_evaluation(spec: JobSpec, **chosen: Any) -> JobSpec:
    return spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update=chosen)})


def test_rows_learned_by_heart_are_answered_exactly(ran: Run) -> None:
    *_, last = ran.told(EvaluationCompleted)

    assert last.num_generated == 12
    assert last.scores["exact_match"] == 1.0
    assert last.scores.keys() == {"token_accuracy", "exact_match", "normalised_exact_match", "anls", "token_f1"}
    assert last.scores["token_accuracy"] == 1.0


def test_some_answers_are_kept_with_question_and_image(ran: Run) -> None:
    *_, last = ran.told(EvaluationCompleted)

    assert [one.line for one in last.predictions] == [1, 2, 3]
    assert {one.question for one in last.predictions} == {"Which digit is this?"}
    assert [one.target for one in last.predictions] == ["0", "1", "2"]
    assert [one.output for one in last.predictions] == ["0", "1", "2"]
    encoded = last.predictions[1].thumbnails[0].removeprefix("data:image/jpeg;base64,")
    assert Image.open(BytesIO(base64.b64decode(encoded))).getpixel((12, 4)) == (255, 255, 255)


def test_few_rows_are_asked_if_the_spec_says_so(spec: JobSpec, tmp_path: Path) -> None:
    spec = with_evaluation(changed(spec, max_steps=1), generation=Generation(max_rows=5, max_new_tokens=2))

    [evaluation] = Run(tmp_path).of(spec).told(EvaluationCompleted)

    assert (evaluation.num_rows, evaluation.num_generated) == (12, 5)


def test_generating_changes_no_loss(spec: JobSpec, ran: Run, tmp_path: Path) -> None:
    run = Run(tmp_path).of(with_evaluation(spec, generation=None, metric="loss"))

    assert run.losses == ran.losses


def test_noise_and_dropout_are_for_training_alone(spec: JobSpec, tmp_path: Path) -> None:
    still = changed(with_evaluation(spec, every=1, generation=None, metric="loss"), max_steps=1, learning_rate=1e-12)
    plain = Run(tmp_path / "plain").of(still.model_copy(update={"method": Lora(rank=2, dropout=0.0)}))
    dropping = still.model_copy(update={"method": Lora(rank=2, dropout=0.9)})

    noisy = Run(tmp_path / "noisy").of(changed(dropping, neftune_noise_alpha=50.0))

    [expected], [evaluation] = plain.told(EvaluationCompleted), noisy.told(EvaluationCompleted)
    assert noisy.losses != plain.losses
    assert evaluation.loss == expected.loss


class Left:
    """Counts, before each forward pass of an evaluation, the logits of earlier ones that are still in memory."""

    def __init__(self) -> None:
        self.is_evaluating = False
        self.counted = list[int]()
        self._seen = list[weakref.ref[torch.Tensor]]()

    def hook(self, model: torch.nn.Module) -> None:
        model.register_forward_pre_hook(self._before)
        model.register_forward_hook(self._after)

    def hear(self, event: RunEvent) -> bool:
        if isinstance(event, PhaseEntered):
            self.is_evaluating = event.phase is Phase.EVALUATING
        return False

    def _before(self, _model: torch.nn.Module, _inputs: Any) -> None:
        if self.is_evaluating:
            self.counted.append(sum(one() is not None for one in self._seen))

    def _after(self, _model: torch.nn.Module, _inputs: Any, output: Any) -> None:
        if self.is_evaluating:
            self._seen.append(weakref.ref(output.logits))


def test_an_evaluation_keeps_no_logits(spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = Left()
    at_loading(monkeypatch, left.hook)

    Run(tmp_path, left.hear).of(
        with_evaluation(changed(spec, max_steps=1), batch_size=3, generation=None, metric="loss")
    )

    assert left.counted == [0] * 4


@pytest.fixture(scope="module")
def worsening(spec: JobSpec) -> JobSpec:
    """A learning rate under which the model soon only gets worse."""
    chosen = with_evaluation(spec, every=1, generation=None, metric="loss", early_stopping=EarlyStopping(patience=2))
    return changed(chosen, learning_rate=1.0, learning_rate_schedule="constant", num_epochs=40)


@pytest.fixture(scope="module")
def stopped(worsening: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("stopped")).of(worsening.model_copy(update={"export": Export(state="best")}))


def test_a_run_that_gets_no_better_is_stopped_early(stopped: Run) -> None:
    [early] = stopped.told(StoppedEarly)
    losses = [evaluation.loss for evaluation in stopped.told(EvaluationCompleted)]

    assert len(stopped.told(StepCompleted)) == early.step < 40
    assert min(losses) == early.best_value == losses[early.best_step - 1]
    assert all(loss >= early.best_value for loss in losses[-2:])


def test_the_best_checkpoint_is_kept(stopped: Run) -> None:
    [early] = stopped.told(StoppedEarly)

    assert (stopped.run_dir / f"checkpoints/step-{early.best_step:06d}").is_dir()
    assert early.best_step in [saved.step for saved in stopped.told(CheckpointSaved)]


def test_the_artifact_holds_the_best_state_if_asked_for(stopped: Run) -> None:
    [succeeded] = stopped.told(RunSucceeded)
    folders = [stopped.run_dir / "artifact", stopped.run_dir / f"checkpoints/step-{succeeded.best_step:06d}"]

    artifact, best = (AutoModelForImageTextToText.from_pretrained(folder).state_dict() for folder in folders)

    assert all(torch.equal(artifact[name], best[name]) for name in best)


def test_a_run_resumed_remembers_what_was_best(stopped: Run, worsening: JobSpec, tmp_path: Path) -> None:
    [early] = stopped.told(StoppedEarly)

    resumed = Run(tmp_path).of(worsening, resume=stopped.run_dir / f"checkpoints/step-{early.best_step:06d}")

    [stopped_again] = resumed.told(StoppedEarly)
    assert (stopped_again.step, stopped_again.best_step) == (early.step, early.best_step)
    assert resumed.series == [one for one in stopped.series if one[0] > early.best_step]


def test_a_run_that_was_stopped_early_and_then_killed_leaves_the_same_artifact(
    stopped: Run, worsening: JobSpec, tmp_path: Path
) -> None:
    [early] = stopped.told(StoppedEarly)
    spec = worsening.model_copy(update={"export": Export(state="best")})

    resumed = Run(tmp_path).of(spec, resume=stopped.run_dir / f"checkpoints/step-{early.step:06d}")

    assert resumed.series == []
    assert resumed.told(RunSucceeded)[0].step == early.step
    assert resumed.weights == stopped.weights


def test_no_process_that_prepares_batches_outlives_its_evaluation(spec: JobSpec, tmp_path: Path) -> None:
    known, outliving = set[psutil.Process](), list[list[psutil.Process]]()

    def look(event: RunEvent) -> bool:
        found = set(psutil.Process().children())
        if isinstance(event, StepCompleted):
            known.update(found)
        if isinstance(event, EvaluationCompleted):
            outliving.append(psutil.wait_procs(found - known, timeout=60)[1])
        return False

    chosen = with_evaluation(spec, every=1, generation=None, metric="loss")
    chosen = changed(chosen, max_steps=2).model_copy(update={"resources": Resources(num_loader_workers=2)})

    Run(tmp_path, look).of(chosen)

    assert outliving == [[], []]

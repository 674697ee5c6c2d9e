"""What happens on a device that is too small."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.integration.runs import Run, at_loading, changed
from trainer_core.contract.events import EvaluationCompleted, MemoryReduced, StepCompleted
from trainer_core.contract.spec import Checkpointing, Dpo, Evaluation, Generation, JobSpec


class Small:
    """A device that has no room for more than so many rows; of answers alone, if so set."""

    def __init__(self, num_rows: int) -> None:
        self.num_rows = num_rows
        self.is_for_answers = False
        self.passes: list[int] = []

    def __call__(self, module: torch.nn.Module, inputs: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG002
        num_rows = len(kwargs["input_ids"])
        is_answer = kwargs.get("past_key_values") is not None
        if num_rows > self.num_rows and (is_answer or not self.is_for_answers):
            raise torch.OutOfMemoryError("out of memory")
        self.passes.append(num_rows)


@pytest.fixture
def small_device(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Small]:
    """No machine that tests run on is short of memory, so a hook on the model says that it is."""

    def make(num_rows: int) -> Small:
        small = Small(num_rows)
        at_loading(monkeypatch, lambda model: model.register_forward_pre_hook(small, with_kwargs=True))
        return small

    return make


def test_out_of_memory_halves_the_batch_and_keeps_the_step(
    spec: JobSpec, plain: Run, tmp_path: Path, small_device: Callable[[int], Small]
) -> None:
    small = small_device(2)

    run = Run(tmp_path).of(spec)

    assert [(one.step, one.batch_size) for one in run.told(MemoryReduced)] == [(1, 3), (1, 1)]
    assert run.losses == pytest.approx(plain.losses, abs=1e-5)
    assert small.passes[:12] == [1] * 12


def test_out_of_memory_keeps_rows_and_learning_rates(
    spec: JobSpec, plain: Run, tmp_path: Path, small_device: Callable[[int], Small]
) -> None:
    small_device(2)

    run = Run(tmp_path).of(spec)

    steps, undisturbed = run.told(StepCompleted), plain.told(StepCompleted)
    assert [one.learning_rate for one in steps] == [one.learning_rate for one in undisturbed]
    assert [one.num_supervised_tokens for one in steps] == [one.num_supervised_tokens for one in undisturbed]


def test_a_resumed_run_goes_on_with_the_batches_that_there_was_room_for(
    spec: JobSpec, shades_file: Path, tmp_path: Path, small_device: Callable[[int], Small]
) -> None:
    saving = changed(spec, num_epochs=2, neftune_noise_alpha=5.0).model_copy(
        update={
            "checkpointing": Checkpointing(every=1, keep_last=9),
            "eval_dataset": str(shades_file),
            "evaluation": Evaluation(every=2),
        }
    )
    small = small_device(2)
    whole = Run(tmp_path / "whole").of(saving)
    small.num_rows = 12  # what was in the way before is not there any more

    resumed = Run(tmp_path / "resumed").of(saving, resume=whole.run_dir / "checkpoints/step-000002")

    assert resumed.told(MemoryReduced) == []
    assert resumed.series == [one for one in whole.series if one[0] > 2]
    assert resumed.weights == whole.weights


def test_out_of_memory_that_nothing_helps_ends_the_run(
    spec: JobSpec, tmp_path: Path, small_device: Callable[[int], Small]
) -> None:
    small_device(0)
    run = Run(tmp_path)

    with pytest.raises(torch.OutOfMemoryError):
        run.of(spec)

    reductions = [(one.batch_size, one.gradient_checkpointing) for one in run.told(MemoryReduced)]
    assert reductions == [(3, False), (1, False), (1, True)]


@pytest.fixture
def evaluated(spec: JobSpec, shades_file: Path) -> JobSpec:
    """Two steps of two rows; after each of them the loss on twelve rows, all at once."""
    evaluation = Evaluation(every=1, batch_size=12)
    chosen = changed(spec, batch_size=2, max_steps=2)
    return chosen.model_copy(update={"eval_dataset": str(shades_file), "evaluation": evaluation})


def losses(run: Run) -> list[float]:
    return [evaluation.loss for evaluation in run.told(EvaluationCompleted)]


def test_an_evaluation_shrinks_its_own_batches_alone(
    evaluated: JobSpec, tmp_path: Path, small_device: Callable[[int], Small]
) -> None:
    large = Run(tmp_path / "large").of(evaluated)
    small = small_device(4)

    run = Run(tmp_path / "small").of(evaluated)

    assert run.told(MemoryReduced) == []
    assert losses(run) == pytest.approx(losses(large), abs=1e-5)
    several = [num_rows for num_rows in small.passes if num_rows > 1]  # single rows are rehearsed and read back
    assert several[-10:] == [2, 3, 3, 3, 3] * 2


def with_answers(spec: JobSpec, batch_size: int) -> JobSpec:
    evaluation = Evaluation(batch_size=batch_size, generation=Generation(max_new_tokens=2))
    return spec.model_copy(update={"evaluation": evaluation})


def test_answers_shrink_their_batches_too(
    evaluated: JobSpec, tmp_path: Path, small_device: Callable[[int], Small]
) -> None:
    alone = Run(tmp_path / "alone").of(with_answers(evaluated, batch_size=1))
    small_device(2).is_for_answers = True

    run = Run(tmp_path / "small").of(with_answers(evaluated, batch_size=12))

    [expected], [evaluation] = alone.told(EvaluationCompleted), run.told(EvaluationCompleted)
    assert [one.output for one in evaluation.predictions] == [one.output for one in expected.predictions]


def test_a_device_that_is_too_small_gets_fewer_pairs_at_once(
    spec: JobSpec,
    tmp_path: Path,
    small_device: Callable[[int], Small],
    pair: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
) -> None:
    path = write_rows(tmp_path / "pairs.jsonl", [pair("7", "8", shade=20 * number) for number in range(12)])
    paired = spec.model_copy(update={"train_dataset": str(path), "eval_dataset": str(path), "objective": Dpo()})
    plain = Run(tmp_path / "plain").of(paired)
    small = small_device(6)

    run = Run(tmp_path / "run").of(paired)

    assert [one.batch_size for one in run.told(MemoryReduced)] == [3]
    assert max(small.passes) == 6
    assert run.losses == pytest.approx(plain.losses, abs=1e-5)

"""A run that goes on from any of its checkpoints ends as if nothing had happened, to the bit."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runs import Run, changed
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
)

NUM_STEPS = 5
DROPPING = Lora(rank=2, dropout=0.3)
CHOICES: dict[str, tuple[Method, dict[str, Any]]] = {
    "full, by length": (FullFineTune(), {"group_by_length": True}),
    "full, 8-bit optimizer": (FullFineTune(), {"optimizer": "adamw_8bit", "max_batch_tokens": 60}),
    "adapter, dropout and noise": (DROPPING, {"neftune_noise_alpha": 5.0}),
    "adapter, activations computed twice": (DROPPING, {"gradient_checkpointing": True, "group_by_length": True}),
    "adapter, 4 bits": (DROPPING.model_copy(update={"quantization": "nf4"}), {}),
}


@pytest.fixture(scope="module")
def dataset(
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Seven rows of different lengths, some without a picture."""
    rows = [chat("long answer " * (number + 1), shade=None if number % 3 == 1 else 20 * number) for number in range(7)]
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", rows)


@pytest.fixture(scope="module", params=CHOICES, ids=str)
def whole(
    request: pytest.FixtureRequest, starter_dir: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Two batches of two rows a step, two steps an epoch, a checkpoint and some answers after each step."""
    method, chosen = CHOICES[request.param]
    spec = JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(dataset),
        eval_dataset=str(dataset),
        method=method,
        hyperparameters=Hyperparameters(
            batch_size=2, gradient_accumulation_steps=2, learning_rate=1e-3, warmup_ratio=0.0
        ),
        evaluation=Evaluation(every=2, generation=Generation(max_rows=2, max_new_tokens=2)),
        checkpointing=Checkpointing(every=1, keep_last=NUM_STEPS),
        export=Export(merged=False),
    )
    return Run(tmp_path_factory.mktemp("whole")).of(changed(spec, max_steps=NUM_STEPS, **chosen))


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_run_goes_on_from_any_step_to_the_bit(whole: Run, tmp_path: Path, step: int) -> None:
    resumed = Run(tmp_path).of(whole.spec, resume=whole.run_dir / f"checkpoints/step-{step:06d}")

    assert resumed.losses == whole.losses[step:]
    assert weights(resumed) == weights(whole)


def weights(run: Run) -> bytes:
    [path] = (run.run_dir / "artifact").glob("*.safetensors")
    return path.read_bytes()

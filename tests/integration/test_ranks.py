"""Two processes that share each step's rows, over gloo, with a copy or a half of the model each, against one."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText

from tests.integration.runs import Run, series
from trainer_core.contract.control import ExitCode
from trainer_core.contract.events import (
    RUN_EVENT,
    CheckpointSaved,
    EvaluationCompleted,
    RunEvent,
    RunStopped,
    StepCompleted,
)
from trainer_core.contract.spec import (
    Checkpointing,
    Dpo,
    Export,
    FullFineTune,
    Hyperparameters,
    JobSpec,
    Lora,
    Method,
    Resources,
)

_PATIENCE_SECONDS = 900


@pytest.fixture(scope="module")
def spec(starter_dir: Path, uneven_file: Path) -> JobSpec:
    """The last step of an epoch has one row for two ranks."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(uneven_file),
        eval_dataset=str(uneven_file),
        hyperparameters=Hyperparameters(num_epochs=2, batch_size=2, learning_rate=1e-3, warmup_ratio=0.0),
        checkpointing=Checkpointing(every=3),
    )


def run(
    spec: JobSpec,
    folder: Path,
    resources: Resources,
    *more: str,
    program: str = "trainer_core",
    exit_code: ExitCode = ExitCode.SUCCEEDED,
) -> list[RunEvent]:
    """What a trainer with these resources tells."""
    folder.mkdir(exist_ok=True)
    path = folder / "spec.json"
    path.write_text(spec.model_copy(update={"resources": resources}).model_dump_json())
    command = [sys.executable, "-m", program, str(path), "--run-dir", str(folder / "run"), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    assert done.returncode == exit_code, done.stderr
    return [RUN_EVENT.validate_json(line) for line in done.stdout.splitlines()]


def losses(events: Sequence[RunEvent]) -> list[float | None]:
    return [event.loss for event in events if isinstance(event, StepCompleted)]


@pytest.fixture(scope="module")
def alone(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RunEvent]]:
    folder = tmp_path_factory.mktemp("alone")
    return folder, Run(folder / "run").of(spec.model_copy(update={"resources": Resources(gpus=0)})).events


TWO = Resources(gpus=0, cpu_processes=2)
TWO_HALVES = TWO.model_copy(update={"shard_model": True})


@pytest.fixture(scope="module", params=[TWO, TWO_HALVES], ids=["copies", "shards"])
def resources(request: pytest.FixtureRequest) -> Resources:
    """Two processes with a copy of the model each, or one half of it each."""
    assert isinstance(request.param, Resources)
    return request.param


@pytest.fixture(scope="module")
def together(
    spec: JobSpec, resources: Resources, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[RunEvent]]:
    folder = tmp_path_factory.mktemp("together")
    return folder, run(spec, folder, resources)


def test_two_ranks_have_the_losses_of_one(
    alone: tuple[Path, list[RunEvent]], together: tuple[Path, list[RunEvent]]
) -> None:
    assert losses(together[1]) == pytest.approx(losses(alone[1]), abs=1e-4)


def test_two_ranks_count_the_rows_of_both(
    alone: tuple[Path, list[RunEvent]], together: tuple[Path, list[RunEvent]]
) -> None:
    counted = [[one.num_rows for one in events if isinstance(one, StepCompleted)] for _, events in (alone, together)]

    assert counted[0][0]
    assert counted[1] == counted[0]


def test_two_ranks_evaluate_as_one(alone: tuple[Path, list[RunEvent]], together: tuple[Path, list[RunEvent]]) -> None:
    measured = [
        [event.loss for event in events if isinstance(event, EvaluationCompleted)] for _, events in (alone, together)
    ]

    assert measured[1] == pytest.approx(measured[0], abs=1e-4)


def test_two_ranks_leave_one_artifact(
    alone: tuple[Path, list[RunEvent]], together: tuple[Path, list[RunEvent]]
) -> None:
    one, two = (
        AutoModelForImageTextToText.from_pretrained(folder / "run/artifact").state_dict()
        for folder, _ in (alone, together)
    )

    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


@pytest.mark.parametrize(
    "resources",
    [pytest.param(TWO, marks=pytest.mark.long), TWO_HALVES],
    ids=["copies", "shards"],
    indirect=True,
    scope="module",
)
def test_two_ranks_go_on_from_a_checkpoint(
    spec: JobSpec, resources: Resources, together: tuple[Path, list[RunEvent]], tmp_path: Path
) -> None:
    checkpoint = together[0] / "run/checkpoints/step-000006"

    resumed = run(spec, tmp_path, resources, "--resume", str(checkpoint))

    assert series(resumed) == [one for one in series(together[1]) if one[0] > 6]
    assert weights(tmp_path) == weights(together[0])


@pytest.mark.long
def test_ranks_that_are_asked_to_end_while_they_evaluate_save_and_end(
    spec: JobSpec, resources: Resources, tmp_path: Path
) -> None:
    told = run(spec, tmp_path, resources, program="tests.integration.asked_trainer", exit_code=ExitCode.STOPPED)

    assert [event.step for event in told if isinstance(event, CheckpointSaved | RunStopped)][-2:] == [4, 4]


def weights(folder: Path) -> bytes:
    [path] = (folder / "run/artifact").glob("*.safetensors")
    return path.read_bytes()


@pytest.mark.long
def test_every_rank_draws_the_same_numbers_after_a_resumption(spec: JobSpec, tmp_path: Path) -> None:
    chosen = spec.hyperparameters.model_copy(update={"neftune_noise_alpha": 5.0})
    spec = spec.model_copy(update={"method": Lora(rank=2, dropout=0.3), "hyperparameters": chosen})
    whole = run(spec, tmp_path / "whole", TWO)

    checkpoint = tmp_path / "whole/run/checkpoints/step-000006"
    resumed = run(spec, tmp_path / "resumed", TWO, "--resume", str(checkpoint))

    assert series(resumed) == [one for one in series(whole) if one[0] > 6]
    assert weights(tmp_path / "resumed") == weights(tmp_path / "whole")


@pytest.mark.long
@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=2, dropout=0.0)], ids=["full", "adapter"])
def test_two_ranks_learn_from_pairs_as_one(
    spec: JobSpec,
    tmp_path: Path,
    method: Method,
    pair: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
) -> None:
    path = str(write_rows(tmp_path / "pairs.jsonl", [pair("yes " * (1 + n), "no", shade=30 * n) for n in range(7)]))
    paired = {
        "objective": Dpo(),
        "train_dataset": path,
        "eval_dataset": path,
        "method": method,
        "export": Export(merged=False),
    }
    spec = spec.model_copy(update=paired)
    alone = run(spec, tmp_path / "alone", Resources(gpus=0))

    together = run(spec, tmp_path / "together", TWO)

    assert losses(together) == pytest.approx(losses(alone), abs=1e-4)
    rewards = [
        [tuple(one.metrics.values()) for one in each if isinstance(one, StepCompleted)] for each in (alone, together)
    ]
    assert torch.allclose(torch.tensor(rewards[0]), torch.tensor(rewards[1]), atol=1e-4)
    resumed = run(spec, tmp_path / "resumed", TWO, "--resume", str(tmp_path / "together/run/checkpoints/step-000006"))
    assert series(resumed) == [one for one in series(together) if one[0] > 6]

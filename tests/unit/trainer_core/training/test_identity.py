"""Which runs are one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.spec import (
    Checkpointing,
    Evaluation,
    Export,
    HeldOutSplit,
    Hyperparameters,
    JobSpec,
    Lora,
    Resources,
)
from trainer_core.training.identity import check_same, identity_of

Make = Callable[..., JobSpec]


@pytest.fixture
def spec(tmp_path: Path) -> Make:
    """Makes the spec of a run over one row."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")

    def make(base_model: str = "models/starter", **chosen: Any) -> JobSpec:
        folder = tmp_path / base_model
        folder.mkdir(parents=True, exist_ok=True)
        return JobSpec(**{"base_model": str(folder), "train_dataset": str(rows), **chosen})

    return make


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        (
            {"hyperparameters": Hyperparameters(learning_rate=0.5)},
            "hyperparameters.learning_rate was 0.0001, and is 0.5",
        ),
        ({"seed": 1}, "seed was 0, and is 1"),
        ({"method": Lora()}, "method.type was full, and is lora"),
        ({"evaluation": Evaluation(every=7)}, "evaluation.every was epoch, and is 7"),
        ({"base_model": "models/other"}, "base_model was starter, and is other"),
    ],
)
def test_another_run_is_refused_by_what_differs(spec: Make, chosen: dict[str, Any], name: str) -> None:
    with pytest.raises(TrainerError, match=name) as refused:
        check_same(identity_of(spec()), identity_of(spec(**chosen)))

    assert refused.value.code is FailureCode.INVALID_SPEC


def test_another_content_of_a_dataset_is_another_run(spec: Make, tmp_path: Path) -> None:
    before = identity_of(spec(eval_dataset=str(tmp_path / "rows.jsonl")))
    (tmp_path / "rows.jsonl").write_text("{ }\n")

    with pytest.raises(TrainerError, match=r"eval_dataset was .*; train_dataset was"):
        check_same(before, identity_of(spec(eval_dataset=str(tmp_path / "rows.jsonl"))))


def test_rows_held_out_otherwise_are_another_run(spec: Make) -> None:
    halves, thirds = (identity_of(spec(eval_dataset=HeldOutSplit(fraction=part))) for part in (0.5, 0.3))

    with pytest.raises(TrainerError, match=r"eval_dataset.fraction was 0.5"):
        check_same(halves, thirds)


def test_a_run_may_go_on_elsewhere(spec: Make, tmp_path: Path) -> None:
    moved = shutil.copy(tmp_path / "rows.jsonl", tmp_path / "train.jsonl")
    elsewhere = spec(
        base_model="elsewhere/starter",
        train_dataset=str(moved),
        resources=Resources(num_loader_workers=3, cpu_processes=2),
        checkpointing=Checkpointing(every=7),
        export=Export(state="best"),
        suffix="again",
    )

    check_same(identity_of(spec()), identity_of(elsewhere))


def test_a_field_that_only_one_of_them_knows_is_passed_over(spec: Make) -> None:
    now = identity_of(spec())

    check_same({**now, "hyperparameters.gone": 1}, {**now, "hyperparameters.new": 2})

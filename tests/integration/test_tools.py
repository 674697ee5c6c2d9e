"""Jobs that learn from rows with tools: calls are learned, told and measured as any answer."""

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runs import Run
from tests.tooled import HERMES, asked, calling, result, tooled, with_template
from trainer_core.contract.errors import InvalidDataset
from trainer_core.contract.events import EvaluationCompleted
from trainer_core.contract.spec import (
    Checkpointing,
    Dpo,
    Evaluation,
    Export,
    Generation,
    Hyperparameters,
    JobSpec,
)

WriteRows = Callable[[Path, Sequence[dict[str, Any]]], Path]
CITIES = ("Paris", "Rome")


@pytest.fixture(scope="module")
def model_dir(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter, with a chat template that writes tools."""
    folder = Path(shutil.copytree(starter_dir, tmp_path_factory.mktemp("models") / "tooled"))
    with_template(starter_dir, HERMES).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(write_rows: WriteRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call of each city, and what is answered to a result."""
    calls = [tooled(asked(city), calling(city)) for city in CITIES]
    said = tooled(asked("Paris"), calling("Paris"), result("Paris", "18"), {"role": "assistant", "content": "18."})
    return write_rows(tmp_path_factory.mktemp("rows") / "tools.jsonl", [*calls, said])


@pytest.fixture(scope="module")
def spec(model_dir: Path, dataset: Path) -> JobSpec:
    """Rows are learned by heart and asked for again."""
    return JobSpec(
        base_model=str(model_dir),
        train_dataset=str(dataset),
        eval_dataset=str(dataset),
        hyperparameters=Hyperparameters(num_epochs=80, batch_size=3, learning_rate=4e-3, warmup_ratio=0.0),
        evaluation=Evaluation(every=80, generation=Generation(max_new_tokens=80, num_samples=3)),
        checkpointing=Checkpointing(every=1000),
        export=Export(merged=False),
    )


@pytest.fixture(scope="module")
def ran(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run")).of(spec)


def test_calls_are_learned(ran: Run) -> None:
    first, last = ran.losses[0], ran.losses[-1]

    assert first is not None
    assert last is not None
    assert last < first / 10


def test_an_expected_call_is_compared_as_the_model_writes_it(ran: Run) -> None:
    evaluation = ran.told(EvaluationCompleted)[-1]

    *calls, said = evaluation.predictions
    assert [one.target for one in calls] == [
        f'<call>{{"name": "get_weather", "arguments": {{"city": "{city}"}}}}</call>' for city in CITIES
    ]
    assert (said.question, said.target) == ("18", "18.")
    assert {one.output for one in evaluation.predictions} <= {one.target for one in evaluation.predictions}


def test_a_model_whose_template_writes_no_tools_is_not_trained_on_them(
    spec: JobSpec, starter_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidDataset, match="line 1: the model's chat template writes no tools") as refused:
        Run(tmp_path / "run").of(spec.model_copy(update={"base_model": str(starter_dir)}))

    assert [fault.line for fault in refused.value.faults] == [1, 2, 3]


def test_calls_are_preferred(spec: JobSpec, write_rows: WriteRows, tmp_path: Path) -> None:
    unsure = {"role": "assistant", "content": "It may rain."}
    pairs = [
        {"input": tooled(asked(city)), "preferred_output": [calling(city)], "non_preferred_output": [unsure]}
        for city in CITIES
    ]
    path = str(write_rows(tmp_path / "pairs.jsonl", pairs))
    chosen = Hyperparameters(num_epochs=8, batch_size=2, learning_rate=1e-3, warmup_ratio=0.0)
    changed = {
        "objective": Dpo(beta=0.5), "hyperparameters": chosen, "evaluation": Evaluation(),
        "train_dataset": path, "eval_dataset": path,
    }  # fmt: skip

    run = Run(tmp_path / "run").of(spec.model_copy(update=changed))

    first, *_, last = run.told(EvaluationCompleted)
    assert last.loss < first.loss < math.log(2)
    assert last.scores["rewards/accuracies"] == 1.0

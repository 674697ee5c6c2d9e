"""What tests of whole runs begin with: a plain run, and rows of different lengths."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runs import Run
from trainer_core.contract.spec import Hyperparameters, JobSpec


@pytest.fixture(scope="session")
def spec(starter_dir: Path, shades_file: Path) -> JobSpec:
    """Twelve rows, six in a step, in one forward pass; two steps."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(shades_file),
        hyperparameters=Hyperparameters(num_epochs=1, batch_size=6, learning_rate=1e-3, warmup_ratio=0.0),
    )


@pytest.fixture(scope="session")
def plain(spec: JobSpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that others are compared with."""
    return Run(tmp_path_factory.mktemp("plain")).of(spec)


@pytest.fixture(scope="session")
def uneven_file(
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Seven rows of different lengths, some without a picture."""
    rows = [chat("long answer " * (number + 1), shade=None if number % 3 == 1 else 20 * number) for number in range(7)]
    return write_rows(tmp_path_factory.mktemp("rows") / "uneven.jsonl", rows)

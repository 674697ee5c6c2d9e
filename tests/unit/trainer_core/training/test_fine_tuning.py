"""A job's model: recorded like any other, though not everything that it is made with can be written down."""

from pathlib import Path

import pytest
import torch

from trainer_core.contract.events import RunEvent
from trainer_core.contract.spec import JobSpec
from trainer_core.models.loading import load_processor
from trainer_core.training.devices import Device
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.plan import Plan


@pytest.fixture
def fine_tuning(starter_dir: Path) -> FineTuning:
    spec = JobSpec(base_model=str(starter_dir), train_dataset="rows.jsonl")
    processor = load_processor(str(starter_dir))
    return FineTuning(spec, Plan.of(spec, 1, 0), processor, Device.of(spec), None, list[RunEvent]().append, [])


def test_it_can_be_made_afresh(fine_tuning: FineTuning) -> None:
    again = fine_tuning.reinit()

    assert again is not fine_tuning
    assert (again.spec, again.processor) == (fine_tuning.spec, fine_tuning.processor)


def test_its_own_arguments_are_recorded(fine_tuning: FineTuning) -> None:
    named = ["spec", "plan", "processor", "device", "checkpoint", "emit", "examples", "images"]
    assert list(fine_tuning.arguments) == named


def test_only_writing_them_down_is_refused(fine_tuning: FineTuning, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="spec: JobSpec cannot be written into a record"):
        fine_tuning.io_dump(tmp_path)


def test_batch_norms_keep_their_statistics(fine_tuning: FineTuning) -> None:
    fine_tuning.model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))

    fine_tuning.train()

    assert [module.training for module in fine_tuning.model] == [True, False]

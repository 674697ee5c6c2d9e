"""A job from its spec to its downloaded model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import EXAMPLE, Trained
from tests.e2e.live_service import Service
from trainer_core.contract.manifest import Manifest


@pytest.fixture(scope="module")
def model(service: Service, trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model, downloaded."""
    folder = tmp_path_factory.mktemp("model")
    service.tuneyard.jobs.download(trained.job.id, folder)
    return folder


def test_job_succeeds(trained: Trained) -> None:
    assert trained.job.failure is None
    assert trained.job.status == "succeeded"


def test_progress_tells_of_the_last_step(trained: Trained) -> None:
    assert trained.job.progress is not None
    assert trained.job.progress.step == trained.job.progress.total_steps == 3


def test_each_step_has_its_loss(service: Service, trained: Trained) -> None:
    [loss] = service.tuneyard.jobs.metrics(trained.job.id, "loss")

    assert loss.steps == [1, 2, 3]
    assert all(value > 0 for value in loss.values)


def test_events_tell_the_whole_story(service: Service, trained: Trained) -> None:
    types = [event.type for event in service.tuneyard.jobs.events(trained.job.id)]

    told = [
        type_ for type_ in types if type_ in {"job_submitted", "run_started", "evaluation_completed", "run_succeeded"}
    ]
    assert told[:2] == ["job_submitted", "run_started"]
    assert told[-2:] == ["evaluation_completed", "run_succeeded"]


def test_checkpoints_are_listed(service: Service, trained: Trained) -> None:
    steps = [checkpoint.step for checkpoint in service.tuneyard.jobs.checkpoints(trained.job.id)]

    assert steps[0] == 3


def test_downloaded_model_is_what_the_job_left(model: Path, trained: Trained) -> None:
    assert trained.job.artifact is not None
    assert Manifest.load(model).sha256 == trained.job.artifact.manifest_sha256
    assert Manifest.load(model).is_true_of(model)


def test_downloaded_model_reads_digits_with_plain_transformers(model: Path, digits: Path) -> None:
    command = [sys.executable, str(EXAMPLE / "evaluate.py"), str(model), str(digits / "heldout.jsonl")]

    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert json.loads(told.splitlines()[-1])["num_rows"] == 8


def test_two_jobs_on_one_slot_run_one_after_the_other(trained: Trained) -> None:
    assert trained.next_job.status == "succeeded"
    assert trained.job.finished_at is not None
    assert trained.next_job.started_at is not None
    assert trained.job.finished_at <= trained.next_job.started_at

"""What can be asked of a job that trains, besides its end."""

from dataclasses import dataclass

import pytest

from client.views import Checkpoint, Job
from tests.e2e.live_service import ENDLESS, Service, first_steps
from tests.patience import until


@dataclass(frozen=True)
class Asked:
    """A job that was paused, resumed, and then stopped and saved."""

    paused: Job
    checkpoint: Checkpoint
    saved: Job
    first_steps: list[int]
    loss_steps: list[int]


@pytest.fixture(scope="module")
def asked(service: Service, dataset_id: str) -> Asked:
    tuneyard = service.tuneyard
    job_id = service.submit(dataset_id, ENDLESS)
    try:
        service.until_trains(job_id)
        tuneyard.jobs.pause(job_id)
        until(lambda: tuneyard.jobs.retrieve(job_id).status == "paused")
        paused, checkpoint = tuneyard.jobs.retrieve(job_id), tuneyard.jobs.checkpoints(job_id)[0]
        tuneyard.jobs.resume(job_id)
        until(lambda: len(first_steps(service, job_id)) == 2)
        tuneyard.jobs.stop_and_save(job_id)
        saved = service.ended(job_id)
    finally:
        if not tuneyard.jobs.retrieve(job_id).has_ended:
            tuneyard.jobs.cancel(job_id)
    (loss,) = tuneyard.jobs.metrics(job_id, "loss")
    return Asked(paused, checkpoint, saved, first_steps(service, job_id), list(loss.steps))


def test_job_that_is_paused_keeps_its_state(asked: Asked) -> None:
    assert asked.paused.progress is not None
    assert asked.checkpoint.step == asked.paused.progress.step


def test_resumed_job_goes_on_where_it_was_paused(asked: Asked) -> None:
    assert asked.first_steps == [0, asked.checkpoint.step]


def test_job_that_is_stopped_and_saved_succeeds_with_what_it_has_learned(service: Service, asked: Asked) -> None:
    assert asked.saved.status == "succeeded"
    assert service.tuneyard.jobs.artifact(asked.saved.id).files


def test_no_step_is_missing_or_double(asked: Asked) -> None:
    assert asked.loss_steps == list(range(1, len(asked.loss_steps) + 1))

"""What dies is started again, and nothing that was done is lost."""

import psutil

from client.processes import Processes, Role
from tests.e2e.live_service import ENDLESS, QUICK, Service, first_steps
from tests.patience import until


def test_job_whose_trainer_was_killed_goes_on_from_its_checkpoint(service: Service, dataset_id: str) -> None:
    job_id = service.submit(dataset_id, ENDLESS, checkpointing={"every": 10})
    until(lambda: service.tuneyard.jobs.checkpoints(job_id))

    the_trainer(service).kill()
    until(lambda: len(first_steps(service, job_id)) == 2)
    service.until_trains(job_id)
    service.tuneyard.jobs.stop_and_save(job_id)
    job = service.ended(job_id)

    [loss] = service.tuneyard.jobs.metrics(job_id, "loss")
    began_at = first_steps(service, job_id)
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert began_at[0] == 0
    assert began_at[1] >= 10
    assert loss.steps == list(range(1, len(loss.steps) + 1))
    assert len(loss.steps) > began_at[1]


def test_job_is_trained_by_a_fork_of_the_warm_trainer(service: Service, dataset_id: str) -> None:
    job_id = service.submit(dataset_id, ENDLESS)
    service.until_trains(job_id)

    command = the_trainer(service).cmdline()
    service.tuneyard.jobs.cancel(job_id)

    assert command[-1] == "--warm"
    service.ended(job_id)


def test_job_succeeds_though_whatever_waited_for_it_was_killed(service: Service, dataset_id: str) -> None:
    for process in until(lambda: Processes(service.data_dir).by_role()[Role.STANDBY]):
        process.kill()

    job_id = service.submit(dataset_id, QUICK)

    assert service.ended(job_id).status == "succeeded"


def the_trainer(service: Service) -> psutil.Process:
    """Of the only job that trains."""
    [trainer] = Processes(service.data_dir).by_role()[Role.TRAINER]
    return trainer

"""What dies is started again, and nothing that was done is lost."""

import os
import signal

from client.processes import Processes, Role
from tests.e2e.live_service import ENDLESS, QUICK, Service, until

NUM_STEPS = 200


def test_job_whose_trainer_was_killed_goes_on_from_its_checkpoint(service: Service, dataset_id: str) -> None:
    hyperparameters = {"num_epochs": 1000, "max_steps": NUM_STEPS, "batch_size": 16}
    job_id = service.submit(dataset_id, hyperparameters, checkpointing={"every": 10})
    until(lambda: service.tuneyard.checkpoints(job_id), 60)

    os.kill(service.endpoint().pids["trainer"][0], signal.SIGKILL)
    job = service.ended(job_id, 120)

    [loss] = service.tuneyard.metrics(job_id, "loss")
    began_at = [event.data["first_step"] for event in service.tuneyard.events(job_id) if event.type == "run_started"]
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert began_at[0] == 0
    assert began_at[1] >= 10
    assert loss.steps == list(range(1, NUM_STEPS + 1))


def test_job_is_trained_by_a_fork_of_the_warm_trainer(service: Service, dataset_id: str) -> None:
    job_id = service.submit(dataset_id, ENDLESS)
    service.until_trains(job_id)

    [trainer] = Processes(service.data_dir).by_role()[Role.TRAINER]
    command = trainer.cmdline()
    service.tuneyard.cancel(job_id)

    assert command[-1] == "--warm"
    service.ended(job_id, 20)


def test_job_succeeds_though_whatever_waited_for_it_was_killed(service: Service, dataset_id: str) -> None:
    for process in Processes(service.data_dir).by_role()[Role.STANDBY]:
        process.kill()

    job_id = service.submit(dataset_id, QUICK)

    assert service.ended(job_id, 120).status == "succeeded"

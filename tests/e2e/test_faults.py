"""What dies is started again, and nothing that was done is lost."""

import os
import signal

from tests.e2e.live_service import Service, until

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

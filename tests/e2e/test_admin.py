"""What operators do to a live service: drain it, and have the doctor look at it."""

import json
import subprocess

from tests.e2e.live_service import ENDLESS, TUNEYARD, Service
from tests.patience import until


def admin(service: Service, *arguments: str) -> str:
    command = [*TUNEYARD, "--url", service.url, "admin", *arguments]
    key = service.endpoint().api_key or ""
    return subprocess.run(
        [*command[:3], "--api-key", key, *command[3:]], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def test_a_drained_service_gives_its_jobs_back_and_goes_on_with_them_when_it_is_resumed(
    service: Service, dataset_id: str
) -> None:
    job_id = service.submit(dataset_id, ENDLESS)
    service.until_trains(job_id)

    told = json.loads(admin(service, "drain", "--give-back", "--wait", "--json"))

    assert [(one["is_drained"], one["num_running_jobs"]) for one in told["workers"]] == [(True, 0)]
    assert service.tuneyard.jobs.retrieve(job_id).status == "queued"
    admin(service, "resume")
    until(lambda: service.tuneyard.jobs.retrieve(job_id).attempt == 2)
    service.until_trains(job_id)
    service.tuneyard.jobs.cancel(job_id)
    service.ended(job_id)


def test_the_doctor_finds_a_live_service_in_order(service: Service) -> None:
    looked = subprocess.run(
        [*TUNEYARD, "doctor", "--json", "--data-dir", str(service.data_dir)],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )

    found = {check["name"]: check["outcome"] for check in json.loads(looked.stdout)}
    parts = {
        "broker",
        "database",
        "database clock",
        "tables",
        "storage",
        "service",
        "service version",
        "key",
        "workers",
    }
    assert {name: found[name] for name in parts} == dict.fromkeys(parts, "ok")

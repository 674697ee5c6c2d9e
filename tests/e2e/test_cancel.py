"""Jobs that are told to end."""

from dataclasses import dataclass

import pytest

from client.errors import ApiError
from client.views import Job
from tests.e2e.live_service import ENDLESS, Service, roles
from tests.patience import until


@dataclass(frozen=True)
class Cancelled:
    """Two jobs as they were when they had been cancelled, and what was said about a download before that."""

    trained: Job
    waited: Job
    refusal: ApiError


@pytest.fixture(scope="module")
def cancelled(service: Service, dataset_id: str) -> Cancelled:
    """A job cancelled while it trained, and one while it waited for the slot."""
    training, waiting = (service.submit(dataset_id, ENDLESS) for _ in range(2))
    try:
        service.until_trains(training)
        with pytest.raises(ApiError) as caught:
            service.tuneyard.jobs.artifact(training)
        waited = service.tuneyard.jobs.cancel(waiting)
    finally:
        service.tuneyard.jobs.cancel(training)
    return Cancelled(service.ended(training), waited, caught.value)


def test_job_that_waits_is_cancelled_at_once(cancelled: Cancelled) -> None:
    assert cancelled.waited.status == "cancelled"


def test_job_that_trains_is_cancelled(cancelled: Cancelled) -> None:
    assert cancelled.trained.status == "cancelled"


@pytest.mark.usefixtures("cancelled")
def test_cancelled_job_leaves_no_process(service: Service) -> None:
    until(lambda: roles(service.data_dir) - {"standby"} == {"api", "broker", "worker"})


def test_running_job_has_nothing_to_download_yet(cancelled: Cancelled) -> None:
    assert (cancelled.refusal.status, cancelled.refusal.code) == (409, "job_not_finished")


def test_cancelled_job_has_nothing_to_download(service: Service, cancelled: Cancelled) -> None:
    with pytest.raises(ApiError) as caught:
        service.tuneyard.jobs.artifact(cancelled.trained.id)

    assert (caught.value.status, caught.value.code) == (404, "no_artifact")

"""One live service, jobs of several kinds, and a browser to look at them."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import CHROMIUM, Dashboard, chromium, opened
from tests.browser.jobs import EVALUATED, digits_in
from tests.e2e.live_service import ENDLESS, QUICK, Service, running
from tests.patience import until


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module: Playwright keeps the event loop of this thread as long as it is there, and others have their own."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    if CHROMIUM is None:
        pytest.skip("no chromium: `make chromium` installs it where apt-get and root are")
    with running(tmp_path_factory.mktemp("service"), TUNEYARD_INTEGRATIONS='["tensorboard"]') as service:
        yield service


@pytest.fixture(scope="session")
def dataset_id(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    return service.tuneyard.datasets.upload(digits_in(tmp_path_factory.mktemp("digits"))).id


@pytest.fixture(scope="session")
def trained(service: Service, dataset_id: str) -> str:
    """A job that was paused once and has succeeded, with evaluations, samples, checkpoints and a tracker.

    It would not end by itself: it is paused while it trains, and stopped once it has been evaluated again.
    """
    job_id = service.submit(dataset_id, ENDLESS, suffix="digits", integrations=[{"type": "tensorboard"}], **EVALUATED)
    service.until_trains(job_id)
    service.tuneyard.jobs.pause(job_id)
    until(lambda: service.tuneyard.jobs.retrieve(job_id).status == "paused")
    service.tuneyard.jobs.resume(job_id)
    until(lambda: [one.attempt for one in service.tuneyard.jobs.samples(job_id)][1:].count(2))
    service.tuneyard.jobs.stop_and_save(job_id)
    assert service.ended(job_id).has_succeeded
    return job_id


@pytest.fixture(scope="session")
def newest_step(service: Service, trained: str) -> int:
    """Of its checkpoints."""
    return service.tuneyard.jobs.checkpoints(trained)[0].step


@pytest.fixture(scope="session")
def failed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job whose second row is longer than the model can read."""
    rows = digits_in(tmp_path_factory.mktemp("wrong"), num_rows=2)
    first, second = rows.read_text().splitlines()
    row = json.loads(second)
    row["messages"][-1]["content"] = "7 " * 20_000
    rows.write_text(f"{first}\n{json.dumps(row)}\n")
    job_id = service.submit(service.tuneyard.datasets.upload(rows).id, QUICK, suffix="wrong")
    service.ended(job_id)
    return job_id


@pytest.fixture
def endless(service: Service, dataset_id: str) -> Iterator[str]:
    """A job that trains as long as a test lasts."""
    job_id = service.submit(dataset_id, ENDLESS, suffix="endless")
    service.until_trains(job_id)
    yield job_id
    if not service.tuneyard.jobs.retrieve(job_id).has_ended:
        service.tuneyard.jobs.cancel(job_id)
        service.ended(job_id)


@pytest.fixture
def stranger(browser: Browser, service: Service) -> Iterator[Dashboard]:
    """The dashboard in a browser that is not signed in; whatever goes wrong in it fails the test."""
    with opened(browser, service) as dashboard:
        yield dashboard
        assert dashboard.faults == []


@pytest.fixture
def dashboard(stranger: Dashboard) -> Dashboard:
    """The dashboard, signed in."""
    stranger.sign_in()
    return stranger

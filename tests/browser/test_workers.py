"""Who carries out jobs is seen."""

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Dashboard
from tests.e2e.live_service import Service


@pytest.fixture
def submitter(service: Service) -> str:
    """A key that may submit jobs, and no more."""
    return service.tuneyard.keys.create("browser").key


def test_a_worker_tells_which_job_it_runs(dashboard: Dashboard, endless: str) -> None:
    dashboard.open("#/workers")
    worker = dashboard.page.locator(".worker")

    expect(worker).to_contain_text("1 of 1 taken")
    worker.locator(f'a[href="#/jobs/{endless}"]').click()

    dashboard.page.get_by_role("heading", name="endless").wait_for()


def test_a_worker_without_work_says_so(dashboard: Dashboard) -> None:
    dashboard.open("#/workers")

    expect(dashboard.page.locator(".worker")).to_contain_text("the next job that waits starts here")


def test_a_worker_is_drained_and_resumed(dashboard: Dashboard) -> None:
    dashboard.open("#/workers")
    worker = dashboard.page.locator(".worker")
    worker.get_by_role("button", name="Drain").click()
    dashboard.page.get_by_role("dialog").get_by_role("button", name="Drain").click()

    expect(worker.locator(".status")).to_have_text("drained")
    [name] = [one.name for one in dashboard.service.tuneyard.drains.list().workers if one.is_drained]
    worker.get_by_role("heading", name=name).wait_for()

    worker.get_by_role("button", name="Resume").click()
    expect(worker.locator(".status")).to_have_text("free")


def test_all_workers_are_drained_and_resumed_together(dashboard: Dashboard) -> None:
    dashboard.open("#/workers")
    dashboard.page.get_by_role("button", name="Drain all").click()
    dashboard.page.get_by_label("save, and go back to the queue").check()
    dashboard.page.get_by_role("dialog").get_by_role("button", name="Drain").click()

    expect(dashboard.page.locator(".worker")).to_contain_text("no job starts here until it is resumed")
    assert [(one.worker, one.gives_back) for one in dashboard.service.tuneyard.drains.list().data] == [("*", True)]

    dashboard.page.get_by_role("button", name="Resume all").click()
    expect(dashboard.page.locator(".worker .status")).to_have_text("free")
    assert dashboard.service.tuneyard.drains.list().data == ()


def test_whoever_is_no_operator_sees_drains_and_has_no_buttons(stranger: Dashboard, submitter: str) -> None:
    stranger.service.tuneyard.drains.create("*")
    stranger.open(f"#key={submitter}")
    stranger.page.get_by_role("link", name="Workers").click()

    expect(stranger.page.locator(".worker .status")).to_have_text("drained")
    expect(stranger.page.locator("main button")).to_have_count(0)
    stranger.service.tuneyard.drains.delete("*")

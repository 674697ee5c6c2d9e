"""Who carries out jobs is seen."""

from playwright.sync_api import expect

from tests.browser.chromium import Dashboard


def test_a_worker_tells_which_job_it_runs(dashboard: Dashboard, endless: str) -> None:
    dashboard.open("#/workers")
    worker = dashboard.page.locator(".worker")

    expect(worker).to_contain_text("1 of 1 taken")
    worker.locator(f'a[href="#/jobs/{endless}"]').click()

    dashboard.page.get_by_role("heading", name="endless").wait_for()


def test_a_worker_without_work_says_so(dashboard: Dashboard) -> None:
    dashboard.open("#/workers")

    expect(dashboard.page.locator(".worker")).to_contain_text("the next job that waits starts here")

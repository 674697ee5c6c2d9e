"""The list of jobs."""

from playwright.sync_api import expect

from tests.browser.chromium import Dashboard
from tests.e2e.live_service import ENDLESS, QUICK


def test_a_job_that_is_submitted_appears_and_its_status_changes_by_itself(
    dashboard: Dashboard, dataset_id: str
) -> None:
    job_id = dashboard.service.submit(dataset_id, ENDLESS, suffix="appears")
    row = dashboard.page.get_by_role("row").filter(has_text="appears")
    row.wait_for()

    dashboard.service.tuneyard.jobs.cancel(job_id)

    row.get_by_text("cancelled").wait_for()


def test_jobs_that_wait_say_how_many_are_before_them(dashboard: Dashboard, endless: str, dataset_id: str) -> None:
    waiting = [dashboard.service.submit(dataset_id, QUICK, suffix=suffix) for suffix in ("first", "second")]

    expect(dashboard.page.get_by_role("row").filter(has_text="first")).to_contain_text("next")
    expect(dashboard.page.get_by_role("row").filter(has_text="second")).to_contain_text("1 before it")
    for job_id in waiting:
        dashboard.service.tuneyard.jobs.cancel(job_id)
    assert dashboard.service.tuneyard.jobs.retrieve(endless).status == "running"


def test_one_status_is_shown_alone(dashboard: Dashboard, trained: str, failed: str) -> None:
    dashboard.page.get_by_role("group", name="Status").get_by_role("button", name="failed").click()

    dashboard.page.get_by_role("link", name="wrong").wait_for()
    expect(dashboard.page.get_by_role("link", name="digits")).to_have_count(0)
    assert failed != trained


def test_jobs_are_found_by_their_names(dashboard: Dashboard, trained: str, failed: str) -> None:
    dashboard.page.keyboard.press("/")
    dashboard.page.keyboard.type("digi")

    expect(dashboard.page.locator(".job-link").filter(has_text="wrong")).to_have_count(0)
    dashboard.page.get_by_role("link", name="digits").wait_for()
    assert failed != trained


def test_a_job_is_opened_without_a_mouse(dashboard: Dashboard, trained: str) -> None:
    dashboard.open("#/jobs?search=digits&status=succeeded")
    expect(dashboard.page.locator(".job-link")).to_have_count(1)

    dashboard.page.keyboard.press("j")
    dashboard.page.keyboard.press("Enter")

    dashboard.page.wait_for_url(f"**/#/jobs/{trained}")


def test_the_keys_are_told(dashboard: Dashboard) -> None:
    dashboard.page.keyboard.press("?")

    expect(dashboard.page.get_by_role("dialog")).to_contain_text("Next in the list")


def test_a_search_that_finds_nothing_says_so(dashboard: Dashboard) -> None:
    dashboard.open("#/jobs?search=nothing-is-called-so")

    dashboard.page.get_by_role("heading", name="No job is like this").wait_for()


def test_a_lost_connection_shows_and_heals(dashboard: Dashboard) -> None:
    lost = dashboard.page.get_by_text("The connection is lost")
    dashboard.page.context.set_offline(True)
    lost.wait_for()

    dashboard.page.context.set_offline(False)

    lost.wait_for(state="hidden")
    dashboard.faults.clear()  # browsers write down what they could not ask

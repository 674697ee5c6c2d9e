"""Jobs beside each other."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Dashboard


@pytest.fixture
def page(dashboard: Dashboard, trained: str, failed: str) -> Page:
    """Two jobs, compared by who ticked them in the list."""
    assert trained != failed
    for name in ("digits", "wrong"):
        dashboard.page.get_by_role("checkbox", name=f"Compare {name}").check()
    dashboard.page.get_by_role("link", name="Compare 2 jobs").click()
    dashboard.page.get_by_role("heading", name="Comparing 2 jobs").wait_for()
    return dashboard.page


def test_curves_of_all_jobs_are_in_one_chart(page: Page) -> None:
    page.get_by_role("figure", name="Loss").first.locator("canvas").wait_for()

    expect(page.get_by_role("figure", name="Loss").first).to_contain_text("digits")


def test_fields_that_differ_are_told_alone_unless_all_are_wanted(page: Page) -> None:
    fields = page.get_by_role("region", name="Fields of the specs")
    expect(fields).to_contain_text("evaluation.every")
    expect(fields).not_to_contain_text("weight_decay")

    page.get_by_label("All fields").check()

    expect(fields).to_contain_text("weight_decay")


def test_a_job_can_be_left_out(page: Page) -> None:
    page.get_by_role("link", name="Leave wrong out").click()

    page.get_by_role("heading", name="Choose two jobs or more").wait_for()


def test_curves_are_compared_by_the_time_since_they_began(page: Page) -> None:
    page.get_by_role("button", name="Time", exact=True).click()

    page.get_by_role("figure", name="Loss").first.locator("canvas").wait_for()

"""Datasets are looked at, used and deleted."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Dashboard
from tests.browser.jobs import digits_in


@pytest.fixture
def page(dashboard: Dashboard, dataset_id: str) -> Page:
    dashboard.open(f"#/datasets/{dataset_id}")
    return dashboard.page


def test_a_dropped_dataset_is_shown(dashboard: Dashboard, tmp_path: Path) -> None:
    dashboard.open("#/datasets")
    dashboard.page.locator("input[type=file]").set_input_files(digits_in(tmp_path, num_rows=2))

    dashboard.page.get_by_role("heading", name="train.jsonl").wait_for()
    expect(dashboard.page.locator(".chat-row")).to_have_count(2)


def test_rows_are_chats_with_their_images(page: Page) -> None:
    row = page.locator(".chat-row").first

    expect(row).to_contain_text("Which digit is this?")
    row.get_by_role("img").wait_for()
    assert row.get_by_role("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_keys_turn_to_the_next_rows_and_back(page: Page) -> None:
    first = page.locator(".chat-row").first.get_by_role("img").get_attribute("src")

    page.keyboard.press("j")
    expect(page.locator(".chat-row").first.get_by_role("img")).not_to_have_attribute("src", first or "")
    page.keyboard.press("k")

    expect(page.locator(".chat-row").first.get_by_role("img")).to_have_attribute("src", first or "")


def test_a_dataset_is_used_in_a_job(page: Page, dataset_id: str) -> None:
    page.get_by_role("link", name="Use in a job").click()

    expect(page.get_by_label("Training rows")).to_have_value(dataset_id)


def test_a_dataset_is_deleted_after_a_question(dashboard: Dashboard, tmp_path: Path) -> None:
    dataset_id = dashboard.service.tuneyard.datasets.upload(digits_in(tmp_path, num_rows=2)).id
    dashboard.open(f"#/datasets/{dataset_id}")
    dashboard.page.get_by_role("button", name="Delete").click()
    dashboard.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    dashboard.page.get_by_role("heading", name="Datasets", exact=True).wait_for()
    expect(dashboard.page.locator(f'a[href$="{dataset_id}"]')).to_have_count(0)


def test_a_dataset_that_a_job_needs_is_kept(dashboard: Dashboard, page: Page, endless: str) -> None:
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("alert")).to_contain_text(endless)
    dashboard.faults[:] = [fault for fault in dashboard.faults if "409" not in fault]

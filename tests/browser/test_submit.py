"""A job is put together, checked and submitted."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Dashboard
from tests.browser.jobs import digits_in
from tests.patience import until
from trainer_core.contract.spec import JobSpec

JSON = "The spec as JSON It stays in step with the form."


@pytest.fixture
def page(dashboard: Dashboard, dataset_id: str) -> Page:
    dashboard.open(f"#/submit?model=starter&dataset={dataset_id}")
    return dashboard.page


def spec_of(page: Page) -> dict[str, object]:
    found: dict[str, object] = json.loads(page.get_by_label(JSON).input_value())
    return found


def without_refusals(dashboard: Dashboard) -> None:
    """Browsers write down that a request was refused; here that is what is looked at."""
    assert any("422" in fault for fault in dashboard.faults)
    dashboard.faults[:] = [fault for fault in dashboard.faults if "422" not in fault]


def test_the_form_and_the_json_stay_in_step(page: Page) -> None:
    page.get_by_label("Method", exact=True).select_option("lora")
    page.get_by_label("Rank", exact=True).fill("4")
    page.get_by_label("Alpha", exact=True).focus()
    assert spec_of(page)["method"] == {"type": "lora", "rank": 4}

    page.get_by_label(JSON).fill(json.dumps(spec_of(page) | {"hyperparameters": {"learning_rate": 0.002}}))

    expect(page.get_by_label("Learning rate", exact=True)).to_have_value("0.002")


def test_json_that_cannot_be_read_is_not_submitted(page: Page) -> None:
    page.get_by_label(JSON).fill('{"base_model": ')

    expect(page.locator("#draft-json-fault")).to_contain_text("The form shows the last that could be read")
    expect(page.get_by_role("button", name="Submit")).to_be_disabled()


def test_json_that_no_spec_is_leaves_the_form_there(page: Page) -> None:
    page.get_by_role("group", name="Metadata").get_by_role("button", name="Add").click()
    page.get_by_label("Name 1", exact=True).fill("team")
    page.get_by_label("Priority", exact=True).focus()
    until(lambda: spec_of(page).get("metadata") == {"team": ""})
    odd = {"metadata": None, "integrations": [{"type": "nobody"}, 5], "method": {"type": "none"}, "hyperparameters": 3}

    page.get_by_label(JSON).fill(json.dumps(odd))

    expect(page.get_by_label("Name 1", exact=True)).to_have_count(0)
    expect(page.get_by_role("group", name="Trackers")).to_be_visible()
    assert spec_of(page) == odd


def test_a_check_tells_what_is_known_and_queues_nothing(dashboard: Dashboard, page: Page) -> None:
    before = len(list(dashboard.service.tuneyard.jobs.list()))

    page.get_by_role("button", name="Check").click()

    expect(page.get_by_role("region", name="Estimate")).to_contain_text("Memory")
    expect(page.get_by_role("region", name="Rows", exact=True)).to_contain_text("Duplicates")
    expect(page.get_by_label("Line 1, rendered").locator("mark.learned").first).to_be_visible()
    assert len(list(dashboard.service.tuneyard.jobs.list())) == before


def test_what_is_submitted_is_what_the_form_says(dashboard: Dashboard, page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("by-form")
    page.get_by_label("Most steps", exact=True).fill("1")
    page.get_by_role("button", name="Submit").click()

    page.get_by_role("heading", name="by-form").wait_for()
    [job, *_] = dashboard.service.tuneyard.jobs.list()
    dashboard.service.tuneyard.jobs.cancel(job.id)
    assert (job.spec["suffix"], job.spec["hyperparameters"]["max_steps"]) == ("by-form", 1)


def test_words_of_ones_own_are_names_and_values(page: Page) -> None:
    page.get_by_role("group", name="Metadata").get_by_role("button", name="Add").click()
    page.get_by_label("Name 1", exact=True).fill("team")
    page.get_by_label("Value 1", exact=True).fill("reading")
    page.get_by_label("Priority", exact=True).focus()
    until(lambda: spec_of(page).get("metadata") == {"team": "reading"})

    page.get_by_role("button", name="Remove team").click()

    until(lambda: "metadata" not in spec_of(page))


def test_trackers_are_ticked_and_told_where(page: Page) -> None:
    page.get_by_role("group", name="Trackers").locator("summary").click()
    page.get_by_label("mlflow", exact=True).check()
    page.get_by_label("Experiment", exact=True).fill("digits")
    page.get_by_label("Run name", exact=True).focus()

    until(lambda: spec_of(page).get("integrations") == [{"type": "mlflow", "experiment": "digits"}])


def test_what_is_wrong_stands_at_its_field(dashboard: Dashboard, page: Page) -> None:
    page.get_by_label("Method", exact=True).select_option("lora")
    page.get_by_label("Rank", exact=True).fill("-1")
    page.get_by_role("button", name="Submit").click()

    expect(page.locator(".spec-field.is-wrong")).to_contain_text("greater than 0")
    expect(page.get_by_label("Rank", exact=True)).to_have_attribute("aria-invalid", "true")
    without_refusals(dashboard)


def test_enter_in_a_field_submits_nothing(dashboard: Dashboard, page: Page) -> None:
    before = len(list(dashboard.service.tuneyard.jobs.list()))

    page.get_by_label("Name", exact=True).fill("too-early")
    page.get_by_label("Name", exact=True).press("Enter")

    assert spec_of(page)["suffix"] == "too-early"
    assert len(list(dashboard.service.tuneyard.jobs.list())) == before


def test_a_dropped_dataset_is_uploaded_and_chosen(page: Page, tmp_path: Path) -> None:
    page.locator("input[type=file]").set_input_files(digits_in(tmp_path, num_rows=3))

    expect(page.get_by_label("Training rows")).to_contain_text("train.jsonl, 3 rows")


def test_a_refused_dataset_tells_its_faults_by_line(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    rows = digits_in(tmp_path, num_rows=1)
    rows.write_text(rows.read_text() + '{"messages": []}\n')

    page.locator("input[type=file]").set_input_files(rows)

    expect(page.locator(".upload [role=alert]")).to_contain_text("line 2")
    without_refusals(dashboard)


def test_a_clone_asks_for_the_same(dashboard: Dashboard, trained: str) -> None:
    dashboard.open(f"#/jobs/{trained}")
    dashboard.page.get_by_role("link", name="Clone").click()
    dashboard.page.get_by_label(JSON).wait_for()

    cloned = JobSpec.model_validate_json(dashboard.page.get_by_label(JSON).input_value())
    assert cloned.model_dump(mode="json") == dashboard.service.tuneyard.jobs.retrieve(trained).spec

"""One job's page: what it shows, and what is asked of a job there."""

import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Dashboard
from tests.patience import until


@pytest.fixture
def page(dashboard: Dashboard) -> Page:
    return dashboard.page


@pytest.fixture
def loss(page: Page) -> Callable[[], int]:
    """Tells the newest step that the chart of the loss has."""

    def newest_step() -> int:
        told = page.get_by_role("figure", name="Loss").locator("tbody td").first.text_content() or "at 0"
        return int(told.rpartition("at ")[2].replace(",", ""))

    return newest_step


def test_curves_are_drawn_while_the_job_trains(dashboard: Dashboard, endless: str, loss: Callable[[], int]) -> None:
    dashboard.open(f"#/jobs/{endless}")
    before = until(loss)

    until(lambda: loss() > before)


def test_a_curve_is_painted(dashboard: Dashboard, trained: str) -> None:
    dashboard.open(f"#/jobs/{trained}")
    canvas = dashboard.page.get_by_role("figure", name="Loss").locator("canvas")
    canvas.wait_for()

    is_painted = (
        "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size > 9"
    )

    until(lambda: canvas.evaluate(is_painted))


def test_each_kind_of_number_has_its_chart(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}")

    for name in ("Loss", "Scores on held-out rows", "Learning rate", "Gradient norm", "Rows per second", "Memory"):
        page.get_by_role("figure", name=name).wait_for()


def test_a_chart_tells_its_numbers_and_where_attempts_went_on(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}")
    figure = page.get_by_role("figure", name="Loss")
    figure.get_by_text("Numbers", exact=True).click()

    expect(figure).to_contain_text("at 24")
    expect(figure).to_contain_text("Attempt 2 went on behind step")


def test_dragging_zooms_and_a_button_shows_the_whole_again(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}")
    box = page.get_by_role("figure", name="Loss").locator(".u-over").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, y, steps=4)
    page.mouse.up()

    expect(page.get_by_label("from")).not_to_have_value("")
    page.get_by_role("button", name="Whole run").click()
    expect(page.get_by_label("from")).to_have_value("")


def test_curves_are_looked_at_by_time_by_powers_and_smoothed(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}")
    page.get_by_role("button", name="Time", exact=True).click()
    page.get_by_role("button", name="Log", exact=True).click()
    page.get_by_label("Smoothing").fill("0.6")
    page.reload()

    expect(page.get_by_role("button", name="Time", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Log", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Smoothing")).to_have_value("0.6")
    page.get_by_role("figure", name="Loss").locator("canvas").wait_for()


def test_the_timeline_tells_each_phase_of_each_attempt(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}")
    timeline = page.get_by_role("region", name="Timeline")

    for words in ("Attempt 1", "Attempt 2", "Loading", "Training", "Evaluating", "Saving"):
        expect(timeline).to_contain_text(words)  # of a phase that was short, the sum alone


def test_samples_show_image_question_target_and_answers(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}/samples")
    card = page.locator(".sample").first

    expect(card).to_contain_text("Which digit is this?")
    expect(card).to_contain_text("Target")
    expect(card).to_contain_text("Answer")
    image = card.get_by_role("img").first
    until(lambda: image.evaluate("image => image.naturalWidth > 0"))


def test_answers_of_each_evaluation_can_be_seen(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}/samples")
    page.get_by_label("Evaluation at step").fill("0")

    expect(page.locator("output")).to_have_text("6")


def test_an_image_is_enlarged(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}/samples")
    page.get_by_role("button", name="Enlarge").first.click()

    page.get_by_role("dialog").get_by_role("img").wait_for()


def test_the_model_is_downloaded_with_one_click(dashboard: Dashboard, trained: str, page: Page, tmp_path: Path) -> None:
    dashboard.open(f"#/jobs/{trained}/checkpoints")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the model").click()
    download.value.save_as(tmp_path / "model.tar")

    with tarfile.open(tmp_path / "model.tar") as archive:
        assert any(name.endswith("model.safetensors") for name in archive.getnames())


def test_a_checkpoint_is_downloaded_with_one_click(
    dashboard: Dashboard, trained: str, page: Page, tmp_path: Path
) -> None:
    dashboard.open(f"#/jobs/{trained}/checkpoints")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the checkpoint of step 24").click()
    download.value.save_as(tmp_path / "checkpoint.tar")

    with tarfile.open(tmp_path / "checkpoint.tar") as archive:
        assert len(archive.getnames()) > 1


def test_events_and_spec_are_shown(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}/events")
    expect(page.locator(".events")).to_contain_text("Job submitted")

    page.get_by_role("navigation", name="Of this job").get_by_role("link", name="Spec").click()
    expect(page.get_by_label("Spec").locator("pre")).to_contain_text('"suffix": "digits"')


def test_the_log_is_shown_and_searched(dashboard: Dashboard, trained: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{trained}/logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text("trainer_core")

    page.get_by_label("Find in the log").fill("nothing holds this")

    expect(log).not_to_contain_text("trainer_core")


def test_a_failed_job_says_why_and_which_row_is_wrong(dashboard: Dashboard, failed: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{failed}")

    expect(page.get_by_role("alert")).to_contain_text("invalid_dataset")
    expect(page.get_by_role("alert")).to_contain_text("line 2")


def test_a_running_job_is_paused_resumed_and_cancelled(dashboard: Dashboard, endless: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{endless}")
    status = page.locator("h1 .status")
    page.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("paused")

    page.get_by_role("button", name="Resume").click()
    expect(status).to_contain_text("running")

    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(status).to_have_text("cancelled")


def test_a_question_can_be_answered_with_no(dashboard: Dashboard, endless: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{endless}")
    page.get_by_role("button", name="Cancel", exact=True).click()

    page.get_by_role("button", name="Keep it").click()

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert dashboard.service.tuneyard.jobs.retrieve(endless).status == "running"


def test_a_job_is_asked_to_stop_and_save(dashboard: Dashboard, endless: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{endless}")
    page.get_by_role("button", name="Stop and save").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop and save").click()

    expect(page.locator("h1 .status")).to_have_text(re.compile("finishing|succeeded"))


def test_a_cancelled_job_is_retried_and_goes_on_live(dashboard: Dashboard, endless: str, page: Page) -> None:
    dashboard.service.tuneyard.jobs.cancel(endless)
    dashboard.service.ended(endless)
    dashboard.open(f"#/jobs/{endless}")

    page.get_by_role("button", name="Retry").click()

    expect(page.locator("h1 .status")).to_contain_text("running")


def test_a_stream_that_breaks_off_misses_nothing(dashboard: Dashboard, endless: str, page: Page) -> None:
    dashboard.open(f"#/jobs/{endless}")
    page.get_by_role("figure", name="Loss").wait_for()
    page.context.set_offline(True)
    page.get_by_text("The connection is lost").wait_for()

    dashboard.service.tuneyard.jobs.cancel(endless)
    dashboard.service.ended(endless)
    page.context.set_offline(False)

    expect(page.locator("h1 .status")).to_have_text("cancelled")
    expect(page.get_by_text("The connection is lost")).to_have_count(0)
    dashboard.faults.clear()  # browsers write down what they could not ask


def test_a_job_that_is_not_there_is_told(dashboard: Dashboard, page: Page) -> None:
    page.goto(f"{dashboard.service.url}/#/jobs/ftjob-none")

    expect(page.get_by_role("alert")).to_contain_text("ftjob-none")
    dashboard.faults.clear()  # browsers write down each 404

"""Pictures of the dashboard for the documentation, of real jobs: `python -m tests.browser.screenshots`."""

import base64
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, FilePayload

from tests.browser.chromium import CHROMIUM, Dashboard, chromium, opened
from tests.browser.jobs import digits_in
from tests.e2e.live_service import ENDLESS, Service, running
from tests.patience import until

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
_MOST_BYTES = 250_000
_WIDTHS = {"wide": 1280, "phone": 390}
_LOOKS: tuple[tuple[str, Literal["light", "dark"]], ...] = (("wide", "light"), ("wide", "dark"), ("phone", "dark"))
_IMAGES_ARE_THERE = """[...document.images].every(
  (image) => image.complete || image.getBoundingClientRect().top > innerHeight)"""
_LEARNING = {"num_epochs": 5, "batch_size": 32, "learning_rate": 0.002, "warmup_ratio": 0.1}
_EVALUATED = {
    "eval_dataset": {"fraction": 0.1},
    "evaluation": {"every": 12, "generation": {"max_new_tokens": 4}},
    "checkpointing": {"every": 24, "keep_last": 3},
}


@dataclass(frozen=True)
class Picture:
    """A page, and what is done there before it is taken."""

    fragment: str
    prepare: Callable[[Dashboard], None] = lambda _: None
    height: int = 900


def main() -> None:
    """Take them all, in light and dark."""
    if CHROMIUM is None:
        sys.exit("There is no chromium: make chromium")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "service") as service, chromium() as browser:
        rows = digits_in(Path(folder), num_rows=640)
        dataset_id = service.tuneyard.datasets.upload(rows).id
        job_id = service.submit(dataset_id, _LEARNING, suffix="digits", **_EVALUATED)
        service.tuneyard.jobs.wait(job_id)
        _take(browser, service, _at_rest(job_id, dataset_id, _digit(Path(folder) / "heldout.jsonl")))
        _take(browser, service, _at_work(service, job_id, dataset_id))


def _at_rest(job_id: str, dataset_id: str, image: FilePayload) -> Mapping[str, Picture]:
    """What wants a free slot: a check, and a chat; and what is the same at any time."""

    def check(dashboard: Dashboard) -> None:
        dashboard.page.get_by_role("button", name="Check").click()
        dashboard.page.get_by_label("Line 1, rendered").wait_for()
        dashboard.page.locator(".report").evaluate("report => innerWidth < 1000 && report.scrollIntoView()")

    def ask(dashboard: Dashboard) -> None:
        page = dashboard.page
        page.get_by_label("Beside it").select_option("starter")
        page.locator("input[type=file]").set_input_files(image)
        page.get_by_label("Question").fill("Which digit is this?")
        page.get_by_label("Question").press("Enter")
        dashboard.until_answered()

    return {
        "submit": Picture(f"#/submit?from={job_id}", check, height=1250),
        "try": Picture(f"#/try?job={job_id}", ask),
        "datasets": Picture("#/datasets"),
        "rows": Picture(f"#/datasets/{dataset_id}"),
    }


def _at_work(service: Service, job_id: str, dataset_id: str) -> Mapping[str, Picture]:
    """With a job that runs and one that waits."""
    endless = service.submit(dataset_id, ENDLESS, suffix="every-digit")
    service.until_trains(endless)
    service.submit(dataset_id, _LEARNING, suffix="digits-lora", method={"type": "lora"}, **_EVALUATED)
    return {
        "jobs": Picture("#/jobs"),
        "job": Picture(f"#/jobs/{job_id}"),
        "samples": Picture(f"#/jobs/{job_id}/samples"),
        "checkpoints": Picture(f"#/jobs/{job_id}/checkpoints"),
        "workers": Picture("#/workers"),
    }


def _digit(rows: Path) -> FilePayload:
    """One that the job was not trained on."""
    asked = json.loads(rows.open().readline())["messages"][0]["content"]
    [url] = [part["image_url"]["url"] for part in asked if part["type"] == "image_url"]
    return FilePayload(name="digit.png", mimeType="image/png", buffer=base64.b64decode(url.partition(",")[2]))


def _take(browser: Browser, service: Service, pictures: Mapping[str, Picture]) -> None:
    for size, theme in _LOOKS:
        with opened(browser, service, width=_WIDTHS[size]) as dashboard:
            dashboard.page.emulate_media(color_scheme=theme)
            dashboard.sign_in()
            for name, picture in pictures.items():
                _take_one(dashboard, picture, FOLDER / f"{name}-{size}-{theme}.png", _WIDTHS[size])


def _take_one(dashboard: Dashboard, picture: Picture, path: Path, width: int) -> None:
    dashboard.page.set_viewport_size({"width": width, "height": picture.height})
    dashboard.open(picture.fragment)
    picture.prepare(dashboard)
    until(lambda: dashboard.page.evaluate(_IMAGES_ARE_THERE))
    dashboard.page.screenshot(path=path, animations="disabled")
    assert path.stat().st_size < _MOST_BYTES, f"{path} is too large to be kept"


if __name__ == "__main__":
    main()

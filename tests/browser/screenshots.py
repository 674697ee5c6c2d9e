"""Pictures of the dashboard for the documentation, of real jobs: `python -m tests.browser.screenshots`."""

import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import CHROMIUM, Dashboard, chromium, opened
from tests.browser.jobs import digits_in
from tests.e2e.live_service import ENDLESS, Service, running

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
_MOST_BYTES = 200_000
_SIZES = {"wide": (1440, 900), "phone": (390, 844)}
_PAGES = {
    "jobs": "#/jobs",
    "job": "#/jobs/{job_id}",
    "samples": "#/jobs/{job_id}/samples",
    "checkpoints": "#/jobs/{job_id}/checkpoints",
}
_LEARNING = {"num_epochs": 5, "batch_size": 32, "learning_rate": 0.002, "warmup_ratio": 0.1}


def main() -> None:
    """Take them all, in light and dark."""
    if CHROMIUM is None:
        sys.exit("There is no chromium: make chromium")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "service") as service, chromium() as browser:
        job_id = _jobs(service, digits_in(Path(folder), num_rows=640))
        for size, (width, height) in _SIZES.items():
            with opened(browser, service, width=width, height=height) as dashboard:
                _take_all(dashboard, job_id, size)


def _jobs(service: Service, rows: Path) -> str:
    """One that has learned, one that runs and one that waits; gives the first one's id."""
    dataset_id = service.tuneyard.upload(rows).id
    evaluated = {
        "eval_dataset": {"fraction": 0.1},
        "evaluation": {"every": 12, "generation": {"max_new_tokens": 4}},
        "checkpointing": {"every": 24, "keep_last": 3},
    }
    job_id = service.submit(dataset_id, _LEARNING, suffix="digits", **evaluated)
    service.tuneyard.wait(job_id)
    endless = service.submit(dataset_id, ENDLESS, suffix="every-digit")
    service.until_trains(endless)
    service.submit(dataset_id, _LEARNING, suffix="digits-lora", method={"type": "lora"}, **evaluated)
    return job_id


def _take_all(dashboard: Dashboard, job_id: str, size: str) -> None:
    dashboard.sign_in()
    for theme in ("light", "dark"):
        dashboard.page.emulate_media(color_scheme=theme)
        for name, fragment in _PAGES.items():
            dashboard.open(fragment.format(job_id=job_id))
            path = FOLDER / f"{name}-{size}-{theme}.png"
            dashboard.page.screenshot(path=path)
            assert path.stat().st_size < _MOST_BYTES, f"{path} is too large to be kept"


if __name__ == "__main__":
    main()

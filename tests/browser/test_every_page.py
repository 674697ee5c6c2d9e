"""What holds for each page: it can be used without seeing and without a mouse, and fits from phone to wide screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import Dashboard

PAGES = (
    "jobs",
    "jobs/{trained}",
    *(f"jobs/{{trained}}/{tab}" for tab in ("samples", "checkpoints", "logs", "events", "integrations", "spec")),
    "jobs/{failed}",
    "compare?jobs={trained},{failed}",
    "submit?from={trained}",
    "datasets",
    "datasets/{dataset_id}",
    "try",
    "workers",
)
WIDTHS = (360, 768, 1280, 2560)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, dashboard: Dashboard, trained: str, failed: str, dataset_id: str) -> Page:
    dashboard.open("#/" + request.param.format(trained=trained, failed=failed, dataset_id=dataset_id))
    return dashboard.page


def test_nothing_stands_in_the_way_of_assistive_technology(page: Page) -> None:
    in_light = barriers(page)
    page.get_by_role("button", name="Switch to dark colours").click()
    in_dark = barriers(page)

    assert (in_light, in_dark) == ([], [])


def test_nothing_is_wider_than_the_window(page: Page) -> None:
    widest = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        widest[width] = page.evaluate("document.documentElement.scrollWidth")

    assert widest == {width: width for width in WIDTHS}


def barriers(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds serious, by rule and place."""
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], node["html"]) for one in grave for node in one["nodes"]]

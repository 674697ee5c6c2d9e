"""What holds for each page: it can be used without seeing and without a mouse, and fits from phone to wide screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.chromium import Dashboard

PAGES = (
    "jobs",
    "jobs/{trained}",
    *(f"jobs/{{trained}}/{tab}" for tab in ("samples", "checkpoints", "logs", "events", "spec")),
    "jobs/{failed}",
)
WIDTHS = (360, 768, 1280, 2560)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, dashboard: Dashboard, trained: str, failed: str) -> Page:
    dashboard.open("#/" + request.param.format(trained=trained, failed=failed))
    return dashboard.page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_assistive_technology(page: Page, theme: str) -> None:
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)

    found = Axe().run(page).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= width

"""The browser that the dashboard is looked at with, and a page whose every fault is written down."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

from tests.e2e.live_service import Service
from tests.patience import PATIENCE_SECONDS

CHROMIUM = shutil.which("chromium")
_CONTENT_POLICY = """addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI}) =>
  console.error(`content policy: ${violatedDirective} ${blockedURI}`))"""


@dataclass(frozen=True)
class Dashboard:
    """A service's pages in a browser of their own."""

    page: Page
    service: Service
    faults: list[str] = field(default_factory=list)
    """What no page may do: errors on the console, failed requests, breaches of the content policy."""

    def open(self, fragment: str) -> None:
        """Go to an address below the page, and wait until everything is there."""
        self.page.goto(f"{self.service.url}/{fragment}")
        self.page.locator("h1").first.wait_for()
        expect(self.page.locator(".skeleton")).to_have_count(0)

    def sign_in(self) -> None:
        """As `tuneyard open` does."""
        self.open(f"#key={self.service.endpoint().api_key}")
        self.page.get_by_role("heading", name="Jobs", exact=True).wait_for()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    assert CHROMIUM is not None
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # it wants this of root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, service: Service, *, width: int = 1280, height: int = 900) -> Iterator[Dashboard]:
    """A fresh browser's view of a service; nobody is signed in."""
    context = browser.new_context(viewport={"width": width, "height": height}, permissions=["clipboard-write"])
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    context.add_init_script(_CONTENT_POLICY)
    dashboard = Dashboard(context.new_page(), service)
    _write_down(dashboard)
    yield dashboard
    context.close()


def _write_down(dashboard: Dashboard) -> None:
    def of_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            dashboard.faults.append(f"console: {message.text}")

    def of_request(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left ends its requests
            dashboard.faults.append(f"request: {request.url} {request.failure}")

    def of_response(response: Response) -> None:
        if response.status >= 400:
            dashboard.faults.append(f"response: {response.url} {response.status}")

    dashboard.page.on("console", of_console)
    dashboard.page.on("pageerror", lambda error: dashboard.faults.append(f"script: {error}"))
    dashboard.page.on("requestfailed", of_request)
    dashboard.page.on("response", of_response)

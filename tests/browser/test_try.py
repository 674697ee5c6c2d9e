"""A model is asked, and answers."""

import base64
import io
import re

import httpx
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.chromium import Dashboard
from tests.e2e.live_service import Service
from tests.patience import PATIENCE_SECONDS


def picture() -> bytes:
    """A small one, in black."""
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    return file.getvalue()


PNG = picture()


def answer_of(service: Service) -> str:
    """What the model answers to whoever asks without a page."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}}
    content = [picture, {"type": "text", "text": "Which digit is this?"}]
    asked = {"model": "starter", "messages": [{"role": "user", "content": content}], "max_completion_tokens": 4}
    headers = {"Authorization": f"Bearer {service.endpoint().api_key}"}
    url = f"{service.url}/v1/chat/completions"
    told = httpx.post(url, json=asked | {"temperature": 0}, headers=headers, timeout=PATIENCE_SECONDS).json()
    return str(told["choices"][0]["message"]["content"]).strip()


def until_answered(dashboard: Dashboard) -> None:
    """The slot of a job that has just ended may not be free at once; who is told so asks again."""
    again = dashboard.page.get_by_role("button", name="Ask again")
    expect(dashboard.page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    while again.is_visible():
        again.click()
        expect(dashboard.page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    dashboard.faults[:] = [fault for fault in dashboard.faults if "503" not in fault]


@pytest.fixture
def page(dashboard: Dashboard) -> Page:
    dashboard.open("#/try")
    dashboard.page.get_by_label("Model", exact=True).select_option("starter")
    return dashboard.page


def test_a_model_is_asked_about_a_dropped_image(dashboard: Dashboard, page: Page) -> None:
    page.locator("input[type=file]").set_input_files(FilePayload(name="one.png", mimeType="image/png", buffer=PNG))
    page.get_by_label("Most tokens").fill("4")
    page.get_by_label("Question").fill("Which digit is this?")
    page.get_by_label("Question").press("Enter")

    until_answered(dashboard)
    answer = page.locator(".turn .message-assistant .message-text")
    assert answer.inner_text().strip() == (answer_of(dashboard.service) or "(nothing)")


def test_an_answer_can_be_stopped(page: Page) -> None:
    page.route("**/v1/chat/completions", lambda _: None)  # it never comes
    page.get_by_label("Question").fill("Which digit is this?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("button", name="Stop").click()

    expect(page.locator(".turn .message-assistant")).to_contain_text("Stopped.")


def test_who_finds_no_slot_is_told_and_can_ask_again(dashboard: Dashboard, page: Page, endless: str) -> None:
    page.get_by_label("Question").fill("Which digit is this?")
    page.get_by_role("button", name="Ask", exact=True).click()

    expect(page.locator(".turn [role=alert]")).to_contain_text("slot")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    assert dashboard.service.tuneyard.jobs.retrieve(endless).status == "running"
    dashboard.faults[:] = [fault for fault in dashboard.faults if "503" not in fault]


def test_a_checkpoint_is_tried_from_its_job(dashboard: Dashboard, trained: str) -> None:
    dashboard.open(f"#/jobs/{trained}/checkpoints")
    dashboard.page.get_by_role("link", name="Try the checkpoint of step 24").click()

    expect(dashboard.page.get_by_label("Model", exact=True)).to_have_value(re.compile(r"^ft:starter:.*:ckpt-step-24$"))

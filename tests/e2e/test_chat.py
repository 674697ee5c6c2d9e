"""Trying models through the live service: plain, streamed, with images, checkpoints, and making way for jobs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.live_service import ENDLESS, QUICK, Service, running, until

QUESTION = [{"role": "user", "content": "Which digit is this?"}]
SURE = {"temperature": 0, "max_tokens": 4}
LONG = {"temperature": 1, "seed": 1, "max_tokens": 400}


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of one slot, in which chats do not wait long for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEYARD_CHAT_WAIT_SECONDS", "2")
        with running(tmp_path_factory.mktemp("chatty")) as service:
            yield service


def post(service: Service, **asked: Any) -> httpx2.Response:
    body = {"model": "starter", "messages": QUESTION, **asked}
    return httpx2.post(f"{service.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)


def answer(service: Service, **asked: Any) -> dict[str, Any]:
    response = post(service, **asked)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_x(chatty: Service) -> None:
    import time
    t=time.time()
    print(answer(chatty, **LONG)); print(time.time()-t); t=time.time()
    print(post(chatty, **LONG, stream=True, stream_options={"include_usage": True}).text[-800:]); print(time.time()-t)
    raise SystemExit

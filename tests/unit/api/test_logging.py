"""What the API logs, as a process that is asked real things: a JSON object a line, and no secrets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from store import keys
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.scopes import Scope
from tests.unit.api.serving import Server
from tests.unit.bearing import bearer

PAGE = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text()
CANARY = "canary-4f1d0c7e"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def server(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("TUNEYARD_LOG_FORMAT", "json")
    with Server(database_url, tmp_path) as server:
        yield server


def get(server: Server, path: str, **headers: str) -> httpx2.Response:
    return httpx2.get(server.url + path, headers=headers, trust_env=False, timeout=300)


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.splitlines()]


def test_every_line_is_an_object_and_each_request_has_one(server: Server, api_key: str) -> None:
    answer = get(server, "/jobs/none/events", **bearer(api_key))

    of_request = [line for line in lines(server) if line.get("request_id") == answer.headers["x-request-id"]]
    assert [(line["method"], line["path"], line["status"]) for line in of_request] == [
        ("GET", "/jobs/none/events", 404)
    ]
    assert of_request[0]["project_id"] == DEFAULT_PROJECT
    assert of_request[0]["job_id"] == "none"
    assert any(line["logger"].startswith("uvicorn") for line in lines(server))


def test_keys_cookies_and_queries_are_in_no_line(server: Server, database: Database) -> None:
    with database.writing() as session:
        row, key = keys.create(session, project_id=DEFAULT_PROJECT, name="k", scope=Scope.READ)

    get(server, f"/jobs?api_key={key}&token={CANARY}", **bearer(key), Cookie=f"session={CANARY}")
    get(server, f"/jobs/{key}", **bearer(key + CANARY))

    secret = key.split("_", 2)[2]
    assert secret not in server.log
    assert CANARY not in server.log
    assert row.id in {line.get("key_id") for line in lines(server)}


def test_a_path_cannot_write_lines_of_its_own(server: Server) -> None:
    get(server, "/x%0AINFO%20forged")

    assert any(line.get("path") == "/x%0AINFO%20forged" for line in lines(server))


def test_every_key_of_a_line_stands_in_the_docs(server: Server, api_key: str) -> None:
    get(server, "/jobs/none/events", **bearer(api_key), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    table = PAGE.split("| key | of whose lines |")[1].split("\n\n")[0]

    told = {name for line in lines(server) for name in line}
    assert {"trace_id", "key_id", "status"} < told
    assert told <= set(re.findall(r"`(\w+)`", table))

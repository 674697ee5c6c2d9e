"""What is answered when the database does not answer: 503 and when to ask again, whatever is asked for."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from tests.unit.bearing import bearer
from tests.unit.outage import outage

NOBODY = "postgresql+psycopg://user:password@127.0.0.1:1/tuneyard"
SPEC = {"base_model": "starter", "train_dataset": "file-1"}
ROW = '{"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "7"}]}\n'
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
BODIES: dict[str, dict[str, object]] = {
    "/datasets": {"content": ROW, "params": {"filename": "train.jsonl"}},
    "/images": {"content": PIXEL, "params": {"filename": "pixel.png"}},
    "/keys": {"json": {"name": "k"}},
    "/projects": {"json": {"name": "p"}},
    "/session": {"json": {"key": "ty_0_0"}},
    "/projects/{project_id}": {"json": {}},
    **{f"/jobs{verb}": {"json": SPEC} for verb in ("", "/validate", "/estimate", "/preview")},
}
WITHOUT_DATABASE = {("GET", "/healthz"): 200, ("DELETE", "/session"): 204}
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of each route."""
    for path, methods in app.openapi()["paths"].items():
        yield from ((method.upper(), path) for method in methods)


def ask_all(client: TestClient, app: FastAPI) -> dict[tuple[str, str], httpx2.Response]:
    """What each route answers; a wait is long."""
    answers = {}
    for method, path in routes(app):
        body = dict(BODIES.get(path, {})) if method in {"POST", "PATCH"} else {"params": {"wait": 60}}
        filled = re.sub(r"{\w+(:path)?}", "unknown", path)
        answers[method, path] = client.request(method, filled, **body)
    return answers


def told(answer: httpx2.Response) -> tuple[int, str, bool]:
    body = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
    return answer.status_code, body.get("error", body).get("code"), "Retry-After" in answer.headers


def assert_all_are_unavailable(answers: dict[tuple[str, str], httpx2.Response]) -> None:
    unavailable = {route: told(answer) for route, answer in answers.items() if route not in WITHOUT_DATABASE}
    assert unavailable.pop(("GET", "/readyz"))[0] == 503
    assert set(unavailable.values()) == {(503, "database_unavailable", True)}, unavailable
    assert {route: answers[route].status_code for route in WITHOUT_DATABASE} == WITHOUT_DATABASE


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[[str], TestClient]]:
    clients: list[TestClient] = []

    def make(database_url: str, api_key: str = "ty_0_0") -> TestClient:
        storage_root = tmp_path / "storage"
        settings = Settings(database_url=database_url, broker_url="redis://127.0.0.1:1/0", storage_root=storage_root)
        app = create_app(settings)
        (storage_root / "models" / "starter").mkdir(exist_ok=True)
        (storage_root / "models" / "starter" / "config.json").write_text("{}")
        clients.append(TestClient(app, raise_server_exceptions=False, headers=bearer(api_key)).__enter__())
        return clients[-1]

    yield make
    for client in clients:
        client.__exit__(None, None, None)


def test_every_route_is_unavailable_without_a_database(make_client: Callable[[str], TestClient]) -> None:
    client = make_client(NOBODY)

    assert_all_are_unavailable(ask_all(client, client.app))  # type: ignore[arg-type]


@on_postgresql
def test_every_route_is_unavailable_once_the_database_has_gone_and_comes_back_with_it(
    make_client: Callable[..., TestClient], database_url: str, api_key: str
) -> None:
    client = make_client(database_url, api_key)
    assert client.get("/jobs").status_code == 200

    with outage(database_url):
        assert_all_are_unavailable(ask_all(client, client.app))  # type: ignore[arg-type]

    assert client.get("/jobs").status_code == 200


@on_postgresql
def test_who_waits_for_a_job_is_told_when_the_database_goes(client: TestClient, job_id: str, database_url: str) -> None:
    answers: list[httpx2.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(client.get(f"/jobs/{job_id}", params={"wait": 60})))
    waiting.start()

    with outage(database_url):
        waiting.join()

    assert told(answers[0]) == (503, "database_unavailable", True)


@on_postgresql
def test_a_pool_without_a_free_connection_is_unavailable(
    make_client: Callable[..., TestClient], database_url: str, api_key: str
) -> None:
    client = make_client(database_url, api_key)
    engine = client.app.state.parts.database.engine  # type: ignore[attr-defined]
    engine.pool._timeout = 120  # noqa: SLF001 - how long it waits is not what is tested: the service may hold one yet
    taken = [engine.connect() for _ in range(engine.pool.size() + engine.pool._max_overflow)]  # noqa: SLF001
    engine.pool._timeout = 0  # noqa: SLF001

    answer = client.get("/jobs")

    assert told(answer) == (503, "database_unavailable", True)
    for connection in taken:
        connection.close()

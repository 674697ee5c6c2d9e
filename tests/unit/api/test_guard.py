"""Every route asks for a key, hears only those that are good, and shows nobody what is another project's."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.tries import Tries
from store import keys, projects
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.scopes import Scope
from tests.unit.bearing import bearer

OPEN = {"/healthz", "/readyz", "/v1/openapi.json", "/"}
SIGNING_IN = {("POST", "/session"), ("DELETE", "/session")}
PAGES = {"/docs", "/docs/oauth2-redirect", "/redoc"}
READING = {"GET", "HEAD"}
MakeKey = Callable[..., str]
UNKNOWN_IDS = {"path": "config.json", "line": "1", "number": "0", "step": "1", "place": "0"}


@pytest.fixture
def make_key(database: Database) -> MakeKey:
    def make(scope: Scope, project_id: str = DEFAULT_PROJECT) -> str:
        with database.writing() as session:
            return keys.create(session, project_id=project_id, name="k", scope=scope)[1]

    return make


@pytest.fixture
def stranger(database: Database) -> str:
    """Id of another project."""
    with database.writing() as session:
        return projects.add(session, "strangers").id


def routes(among: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Method and path of every route of ours, those of included routers with them."""
    for route in among:
        if hasattr(route, "effective_candidates"):
            yield from routes(route.effective_candidates())
        elif hasattr(route, "original_route"):  # of an included router, as it is here
            yield from ((method, route.path) for method in sorted(route.original_route.methods))
        elif isinstance(route, APIRoute) and route.path not in PAGES:
            yield from ((method, route.path) for method in sorted(route.methods or ()))


def guarded(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every route, but for those that anybody may read."""
    return (found for found in routes(app.routes) if found[1] not in OPEN and found not in SIGNING_IN)


def ask_all(client: TestClient, headers: dict[str, str], **ids: str) -> dict[tuple[str, str], httpx2.Response]:
    app = client.app
    assert isinstance(app, FastAPI)
    answers = {}
    for method, path in guarded(app):
        filled = path
        for name in [piece.partition("}")[0] for piece in path.split("{")[1:]]:
            plain = name.partition(":")[0]
            filled = filled.replace(f"{{{name}}}", (UNKNOWN_IDS | ids).get(plain, "unknown"))
        answers[method, path] = client.request(method, filled, headers=headers)
    return answers


def statuses(answers: dict[tuple[str, str], httpx2.Response]) -> set[int]:
    return {answer.status_code for answer in answers.values()}


def test_there_are_routes_to_guard(app: FastAPI) -> None:
    assert len(list(guarded(app))) > 20


@pytest.mark.parametrize(
    "sent", ["", "Bearer ty_0123456789_wrong", "Bearer ", "Basic dXNlcjpwYXNz", "ty_0123456789_wrong"]
)
def test_no_route_answers_without_a_good_key(app: FastAPI, sent: str) -> None:
    app.state.parts = replace(app.state.parts, tries=Tries(limit=10_000))
    with TestClient(app, raise_server_exceptions=False) as client:
        answers = ask_all(client, {"Authorization": sent} if sent else {})

    assert statuses(answers) == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {"Bearer"}


def test_a_reading_key_changes_nothing(client: TestClient, make_key: MakeKey) -> None:
    answers = ask_all(client, bearer(make_key(Scope.READ)))

    refused = {asked for asked, answer in answers.items() if answer.status_code == 403}
    assert refused >= {asked for asked in answers if asked[0] not in READING}


def test_anybody_may_ask_for_health_and_for_the_page(app: FastAPI) -> None:
    with TestClient(app) as client:
        assert {client.get(path).status_code for path in OPEN} == {200}


def test_what_is_another_projects_is_not_there_on_any_route(
    client: TestClient, make_key: MakeKey, stranger: str, job_id: str
) -> None:
    theirs = bearer(make_key(Scope.SUBMIT, stranger))
    ids = {"job_id": job_id, "dataset_id": "file-1"}

    answers = ask_all(client, theirs, **ids)

    named = {asked: answer for asked, answer in answers.items() if any(f"{{{name}}}" in asked[1] for name in ids)}
    assert len(named) > 15
    assert {asked: answer.status_code for asked, answer in named.items() if answer.status_code != 404} == {}


def test_a_job_on_another_projects_dataset_is_refused(client: TestClient, make_key: MakeKey, stranger: str) -> None:
    asked = {"base_model": "starter", "train_dataset": "file-1"}

    answer = client.post("/jobs", json=asked, headers=bearer(make_key(Scope.SUBMIT, stranger)))

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_dataset")


def test_an_admin_acts_for_a_project_that_it_names(client: TestClient, stranger: str, job_id: str) -> None:
    for_them = {"Tuneyard-Project": stranger}

    assert client.get(f"/jobs/{job_id}", headers=for_them).status_code == 404
    assert client.get("/jobs", headers=for_them).json()["data"] == []
    assert client.get("/jobs", headers={"Tuneyard-Project": "proj_no"}).json()["code"] == "project_not_found"


def test_nobody_else_does(client: TestClient, make_key: MakeKey, stranger: str, job_id: str) -> None:
    theirs = bearer(make_key(Scope.SUBMIT, stranger)) | {"Tuneyard-Project": DEFAULT_PROJECT}

    assert client.get(f"/jobs/{job_id}", headers=theirs).status_code == 404


def test_whoever_tries_keys_is_slowed_down_and_good_ones_are_heard_all_the_same(
    client: TestClient, api_key: str
) -> None:
    tried = [client.get("/jobs", headers=bearer("ty_0123456789_x")) for _ in range(100)]

    assert [answer.status_code for answer in tried] == [401] * 30 + [429] * 70
    assert tried[-1].headers["Retry-After"] == "60"
    assert client.get("/jobs", headers=bearer(api_key)).status_code == 200


def test_where_no_keys_are_asked_for_everybody_is_heard(app: FastAPI) -> None:
    parts = app.state.parts
    app.state.parts = replace(parts, settings=parts.settings.model_copy(update={"require_keys": False}))

    with TestClient(app) as client:
        assert client.get("/jobs").status_code == 200

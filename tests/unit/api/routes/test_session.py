"""Signing in: a browser carries its key in a cookie that no script reads, and no page but ours can use."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from store import keys
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.scopes import Scope
from tests.unit.api.signed_in import OURS, browser, signed_in
from tests.unit.bearing import bearer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},  # another port of this host
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://testserver:9999"},
    {"Origin": "null"},
]
elsewhere = pytest.mark.parametrize("said", ELSEWHERE, ids=str)
UNSAFE = [
    ("POST", "/jobs"),
    ("POST", "/jobs/ftjob-1/cancel"),
    ("POST", "/datasets"),
    ("PATCH", f"/projects/{DEFAULT_PROJECT}"),
    ("DELETE", "/keys/0123456789"),
    ("POST", "/v1/fine_tuning/jobs"),
    ("DELETE", "/v1/files/file-1"),
]


def made(database: Database, scope: Scope) -> str:
    with database.writing() as session:
        return keys.create(session, project_id=DEFAULT_PROJECT, name="of a person", scope=scope)[1]


def test_whoever_has_signed_in_is_heard(app: FastAPI, api_key: str) -> None:
    client = signed_in(app, api_key)

    assert client.get("/jobs").status_code == 200
    assert client.get("/v1/models").status_code == 200


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(app: FastAPI, api_key: str) -> None:
    answer = browser(app).post("/session", json={"key": api_key}, headers=OURS)

    [name, *attributes] = answer.headers["Set-Cookie"].split("; ")
    assert name == f"tuneyard_key={api_key}"
    assert set(attributes) == {"HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=strict"}


def test_over_tls_the_cookie_is_bound_to_the_host_and_to_tls(app: FastAPI, api_key: str) -> None:
    answer = browser(app, "https://testserver").post("/session", json={"key": api_key}, headers=OURS)

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-tuneyard_key=")
    assert "Secure" in cookie.split("; ")
    assert "Domain" not in cookie


def test_two_services_of_a_host_have_cookies_of_their_own(app: FastAPI, api_key: str) -> None:
    here, there = signed_in(app, api_key, "http://host:8000"), browser(app, "http://host:8001")
    there.cookies = here.cookies

    assert (here.get("/jobs").status_code, there.get("/jobs").status_code) == (200, 401)


def test_a_wrong_key_signs_nobody_in(app: FastAPI) -> None:
    answer = browser(app).post("/session", json={"key": "ty_0123456789_x"}, headers=OURS)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")
    assert "Set-Cookie" not in answer.headers


def test_wrong_keys_are_counted_wherever_they_stand(app: FastAPI) -> None:
    client = browser(app)
    sent = [client.post("/session", json={"key": "ty_0123456789_x"}, headers=OURS).status_code for _ in range(15)]
    client.cookies = {"tuneyard_key": "ty_0123456789_x"}
    sent += [client.get("/jobs").status_code for _ in range(16)]

    assert sent == [401] * 30 + [429]


def test_one_is_told_who_one_is(app: FastAPI, database: Database) -> None:
    told = signed_in(app, made(database, Scope.READ)).get("/session").json()

    assert told == {
        "project_id": DEFAULT_PROJECT,
        "project_name": "default",
        "scope": "read",
        "key_name": "of a person",
        "key_expires_at": None,
        "requires_keys": True,
        "version": app.version,
    }


def test_signing_in_tells_the_same(app: FastAPI, api_key: str) -> None:
    client = browser(app)

    told = client.post("/session", json={"key": api_key}, headers=OURS).json()

    assert told == client.get("/session").json()


def test_where_no_keys_are_asked_for_one_is_told_so(app: FastAPI) -> None:
    parts = app.state.parts
    app.state.parts = replace(parts, settings=parts.settings.model_copy(update={"require_keys": False}))

    told = browser(app).get("/session").json()

    assert (told["requires_keys"], told["key_name"], told["scope"]) == (False, None, "admin")


def test_whoever_has_signed_out_is_heard_no_more(app: FastAPI, database: Database) -> None:
    client = signed_in(app, made(database, Scope.READ))

    answer = client.delete("/session", headers=OURS)

    assert answer.status_code == 204
    assert client.get("/jobs").status_code == 401


def test_a_revoked_key_can_still_be_forgotten(app: FastAPI, database: Database) -> None:
    key = made(database, Scope.SUBMIT)
    client = signed_in(app, key)
    with database.writing() as session:
        keys.revoke(session, key.split("_")[1])

    assert client.get("/session").status_code == 401
    assert client.delete("/session", headers=OURS).status_code == 204


@pytest.mark.parametrize("said", [{}, *ELSEWHERE], ids=str)
def test_no_other_page_changes_anything_with_the_cookie(app: FastAPI, api_key: str, said: dict[str, str]) -> None:
    client = signed_in(app, api_key)

    answers = [client.request(method, path, headers=said) for method, path in UNSAFE]

    assert [answer.status_code for answer in answers] == [403] * len(UNSAFE)
    assert all("own pages" in answer.text for answer in answers)


@pytest.mark.parametrize("said", [OURS, {"Sec-Fetch-Site": "none"}, {"Origin": "http://testserver"}], ids=str)
def test_our_own_pages_change_things(app: FastAPI, api_key: str, said: dict[str, str]) -> None:
    answer = signed_in(app, api_key).post("/jobs/ftjob-1/cancel", headers=said)

    assert answer.json()["code"] == "job_not_found"


def test_behind_a_proxy_that_speaks_tls_our_pages_are_ours(app: FastAPI, api_key: str) -> None:
    client = signed_in(app, api_key)

    answer = client.post("/jobs/ftjob-1/cancel", headers={"Origin": "https://testserver"})

    assert answer.json()["code"] == "job_not_found"


@elsewhere
def test_a_key_in_a_header_is_heard_from_anywhere(client: TestClient, said: dict[str, str]) -> None:
    assert client.post("/jobs/ftjob-1/cancel", headers=said).json()["code"] == "job_not_found"


@elsewhere
def test_no_other_page_signs_anybody_in_or_out(app: FastAPI, api_key: str, said: dict[str, str]) -> None:
    client = browser(app)

    answers = [client.post("/session", json={"key": api_key}, headers=said), client.delete("/session", headers=said)]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "cross_site")] * 2
    assert not any("Set-Cookie" in one.headers for one in answers)


@elsewhere
def test_where_no_keys_are_asked_for_no_other_page_changes_anything(app: FastAPI, said: dict[str, str]) -> None:
    parts = app.state.parts
    app.state.parts = replace(parts, settings=parts.settings.model_copy(update={"require_keys": False}))

    answer = browser(app).post("/jobs/ftjob-1/cancel", headers=said)

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_a_header_goes_before_the_cookie(app: FastAPI, api_key: str, database: Database) -> None:
    client = signed_in(app, api_key)

    told = client.get("/session", headers=bearer(made(database, Scope.READ))).json()

    assert told["scope"] == "read"


def test_a_cookie_opens_no_more_than_its_key(app: FastAPI, database: Database) -> None:
    client = signed_in(app, made(database, Scope.READ))

    answers = [client.post("/jobs/ftjob-1/cancel", headers=OURS), client.get("/keys")]

    assert [one.json()["code"] for one in answers] == ["scope_too_small"] * 2

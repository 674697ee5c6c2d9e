"""The dashboard as files: anybody may read them, and no browser lets them do more than they need."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.dashboard import pages

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
STATIC = Path(str(files("api.dashboard"))) / "static"
FILES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
ALLOWED = {"'none'", "'self'", "blob:", "data:"}
PLACES = ["/", *(f"/dashboard/{name}" for name in FILES)]


@pytest.fixture
def anybody(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


@on_sqlite
def test_the_page_is_the_packages(anybody: TestClient) -> None:
    answer = anybody.get("/")

    assert answer.content == (STATIC / "index.html").read_bytes()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@on_sqlite
def test_no_file_may_bring_anything_from_elsewhere(anybody: TestClient) -> None:
    for place in PLACES:
        headers = anybody.get(place).headers

        policy = dict(one.split(" ", 1) for one in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'", place
        assert policy["frame-ancestors"] == "'none'", place
        assert "unsafe" not in headers["Content-Security-Policy"], place
        assert {whence for told in policy.values() for whence in told.split()} <= ALLOWED, place
        assert headers["X-Content-Type-Options"] == "nosniff", place
        assert headers["Referrer-Policy"] == "no-referrer", place
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", place
        assert "camera=()" in headers["Permissions-Policy"], place


@on_sqlite
def test_what_a_browser_has_is_not_sent_again(anybody: TestClient) -> None:
    for place in PLACES:
        first = anybody.get(place)

        again = anybody.get(place, headers={"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.content) == (304, b""), place
        assert first.headers["Cache-Control"] == "no-cache", place


@on_sqlite
def test_a_look_without_the_file_is_answered(anybody: TestClient) -> None:
    assert {place: anybody.head(place).status_code for place in PLACES} == dict.fromkeys(PLACES, 200)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.js", "text/javascript"), ("a.css", "text/css"), ("a.svg", "image/svg+xml"), ("a.html", "text/html")],
)
def test_media_types_do_not_hang_on_the_host(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).write_text("/**/")
    served = TestClient(pages.Files(directory=tmp_path))

    assert served.get(f"/{name}").headers["Content-Type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("path", ["pages.py", "../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "no.js", ""])
@on_sqlite
def test_nothing_else_is_there(anybody: TestClient, path: str) -> None:
    answer = anybody.get(f"/dashboard/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_page_names_no_other_host() -> None:
    texts = [path.read_text() for path in STATIC.rglob("*.html")]

    assert not [found for text in texts for found in re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', text)]

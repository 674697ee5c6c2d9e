"""The dashboard is shown in a browser, and nobody else is told the key."""

import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from client.cli import app
from client.opening import show

LINK = "http://127.0.0.1:8000/#key=ty_1_a"
BROWSER = """
import sys
import httpx2

with open(sys.argv[1], "a") as told:
    for _ in range({times}):
        answer = httpx2.get(sys.argv[2] + "{wrong}", trust_env=False)
        print(sys.argv[2], answer.status_code, answer.headers.get("Location"), file=told)
"""
Browse = Callable[..., Path]


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Browse:
    """Sets a program up as the browser of this account; gives the file in which it writes what it is started with."""

    def make(*, times: int = 1, wrong: str = "") -> Path:
        program, told = tmp_path / "browser.py", tmp_path / "told"
        program.write_text(BROWSER.format(times=times, wrong=wrong))
        monkeypatch.setenv("BROWSER", f"{sys.executable} {program} {told} %s")
        monkeypatch.setattr("webbrowser._tryorder", None)  # it is read once a process
        monkeypatch.setattr("webbrowser._browsers", {})
        return told

    return make


def looks(told: Path) -> list[list[str]]:
    return [line.split() for line in told.read_text().splitlines()]


def test_the_browser_comes_to_the_link(browser: Browse) -> None:
    told = browser()

    assert show(LINK)
    assert [look[1:] for look in looks(told)] == [["302", LINK]]


def test_what_the_browser_is_started_with_holds_no_key(browser: Browse) -> None:
    told = browser()

    show(LINK)

    assert "ty_" not in looks(told)[0][0]


def test_nobody_is_sent_on_after_it(browser: Browse) -> None:
    told = browser(times=2)

    show(LINK)

    assert [look[1:] for look in looks(told)] == [["302", LINK], ["404", "None"]]


def test_who_does_not_know_the_address_is_told_nothing(browser: Browse) -> None:
    told = browser(wrong="x")

    assert not show(LINK, wait_seconds=0)
    assert [look[1:] for look in looks(told)] == [["404", "None"]]


def test_where_there_is_no_browser_the_link_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "")
    monkeypatch.setattr("webbrowser._tryorder", [])

    result = CliRunner().invoke(app, ["--url", "http://127.0.0.1:8000/", "--api-key", "ty_1_a", "open"])

    assert (result.exit_code, result.stdout) == (0, f"{LINK}\n")


def test_the_link_can_be_asked_for() -> None:
    result = CliRunner().invoke(app, ["--url", "http://127.0.0.1:8000", "--api-key", "ty_1_a", "open", "--link"])

    assert result.stdout == f"{LINK}\n"


def test_a_one_time_address_is_gone_afterwards(browser: Browse) -> None:
    told = browser()
    show(LINK)

    with pytest.raises(httpx2.ConnectError):
        httpx2.get(looks(told)[0][0], trust_env=False)

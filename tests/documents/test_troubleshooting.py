"""`docs/troubleshooting.md` has every code that anything is refused or fails with, once, and no other."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import get_args

import pytest

from api import problems
from api.openai import chat_refusals, errors, fine_tuning_views
from tests.documents.blocks import DOCS, ROOT
from trainer_core.contract.chat import RefusalCode
from trainer_core.contract.dataset import FaultCode
from trainer_core.contract.errors import FailureCode

PAGE = (DOCS / "troubleshooting.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (?:(\d{3}|) \| )?", re.MULTILINE)
OF_THE_FRAMEWORK = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""What it refuses by itself; `problems` makes codes of their names."""


def told(title: str) -> dict[str, str]:
    """The codes in the table below a title, each with its status, if it has one."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = ROW.findall(section)
    assert len(rows) == len(dict(rows)), "a code is told twice"
    return dict(rows)


def codes_in_calls() -> Iterator[tuple[str, str]]:
    """Codes, and their statuses, of calls `problem(request, HTTPStatus.X, "code", …)` anywhere in the API."""
    for path in (ROOT / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "problem":
                status, code = node.args[1:3]
                if isinstance(code, ast.Constant) and isinstance(status, ast.Attribute):
                    yield str(code.value), str(HTTPStatus[status.attr].value)


def problem_codes() -> dict[str, str]:
    """Every code of a problem, with its status."""
    of_framework = {status.phrase.lower().replace(" ", "_"): str(status.value) for status in OF_THE_FRAMEWORK}
    listed = {code: str(status.value) for status, code in problems.CODES.values()}
    return {**of_framework, **listed, **dict(codes_in_calls())}


def openai_codes() -> set[str]:
    """Every code that there is under `/v1` alone."""
    renamed = {code for _, code, _ in errors.CODES.values()}
    of_chats = {code for _, _, code in chat_refusals.CODES.values()}
    of_jobs = {code.format(kind) for code in fine_tuning_views.FAILURES.values() for kind in ("training", "validation")}
    return renamed | of_chats | of_jobs


def test_every_problem_is_told_with_its_status() -> None:
    both = told("Requests") | told("Under `/v1`")

    assert {code: status for code, status in problem_codes().items() if both.get(code) != status} == {}


def test_every_code_of_openais_clients_is_told() -> None:
    assert openai_codes() - set(told("Under `/v1`")) - set(told("Requests")) == set()


def test_no_problem_is_told_that_does_not_exist() -> None:
    both = set(told("Requests")) | set(told("Under `/v1`"))

    assert both - set(problem_codes()) - openai_codes() == set()


@pytest.mark.parametrize(
    ("title", "codes"), [("Jobs", FailureCode), ("Rows", get_args(FaultCode)), ("Under `/v1`", RefusalCode)]
)
def test_every_code_of_jobs_rows_and_chats_is_told(title: str, codes: type[StrEnum] | tuple[str, ...]) -> None:
    assert {str(code) for code in codes} - set(told(title)) == set()


@pytest.mark.parametrize(("title", "codes"), [("Jobs", FailureCode), ("Rows", get_args(FaultCode))])
def test_no_code_of_jobs_and_rows_is_told_that_does_not_exist(
    title: str, codes: type[StrEnum] | tuple[str, ...]
) -> None:
    assert set(told(title)) - {str(code) for code in codes} == set()


@pytest.mark.parametrize(
    ("arguments", "exit_code"), [(("--help",), 0), (("list",), 1), (("submit", "nothing.json"), 2), (("--x",), 2)]
)
def test_the_command_line_exits_as_is_told(arguments: tuple[str, ...], exit_code: int) -> None:
    command = [sys.executable, "-m", "client", "--url", "http://127.0.0.1:1", *arguments]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)

    assert done.returncode == exit_code
    assert f"\n| {exit_code} | " in PAGE

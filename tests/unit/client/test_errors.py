"""Problems in words."""

import re
from pathlib import Path

import pytest
from httpx2 import Request, Response

from client.errors import HINTS, ApiError


def error(status: int, **content: object) -> ApiError:
    return ApiError.of(Response(status, request=Request("GET", "http://host/jobs"), **content))  # type: ignore[arg-type]


def test_problem_keeps_its_code_status_and_detail() -> None:
    told = error(409, json={"code": "job_already_ended", "detail": "job 1 has already ended"})

    assert (told.status, told.code, told.detail) == (409, "job_already_ended", "job 1 has already ended")


def test_fields_of_a_request_are_places() -> None:
    errors = [{"location": "hyperparameters.num_epochs", "detail": "must be greater than 0"}]

    told = error(422, json={"code": "invalid_request", "detail": "…", "errors": errors})

    assert told.places == ("hyperparameters.num_epochs: must be greater than 0",)


def test_faults_of_a_dataset_are_places() -> None:
    fault = {"code": "invalid_image", "line": 3, "message_index": 0, "image_index": 1, "detail": "not an image"}
    whole = {"code": "empty_dataset", "line": None, "detail": "no rows"}

    told = error(422, json={"code": "invalid_dataset", "detail": "…", "errors": [fault, whole]})

    assert told.places == ("line 3, message 0, image 1: not an image", "no rows")


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '"no"'])
def test_answer_of_another_kind_of_server_is_told_as_such(body: str) -> None:
    told = error(500, text=body)

    assert told.code == "http_500"
    assert "not as a Tuneyard service does" in str(told)


@pytest.mark.parametrize("code", sorted(HINTS))
def test_known_codes_come_with_what_to_do(code: str) -> None:
    assert error(422, json={"code": code, "detail": "no"}).hint == HINTS[code]


ROOT = Path(__file__).parents[3]
OF_OPENAIS_VIEW = re.compile(
    "webhook|upload_|part|permission|model_not_deletable|wrong_bytes|too_many_bytes|invalid_url"
)
"""Codes that no route of the client answers with."""
OF_BROWSERS = {"body_is_a_form", "cross_site"}
"""Codes that answer what a program never sends."""


def test_every_code_that_a_command_may_meet_says_what_to_do() -> None:
    told = re.findall(r'(?:HTTPStatus\.\w+, |^ +)"([a-z_]+)"', (ROOT / "api" / "problems.py").read_text(), re.MULTILINE)

    codes = {code for code in told if not OF_OPENAIS_VIEW.search(code)} - OF_BROWSERS

    assert len(codes) > 25
    assert codes - HINTS.keys() == set()

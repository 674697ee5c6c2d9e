"""Every reply says under which id the log has it."""

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient


@pytest.mark.parametrize("path", ["/jobs", "/jobs/none", "/v1/files", "/v1/nothing", "/healthz"])
def test_a_reply_has_an_id_of_its_own(client: TestClient, path: str) -> None:
    first, second = (client.get(path).headers["x-request-id"] for _ in range(2))

    assert first != second


def test_the_log_has_an_unexpected_error_under_the_id_of_its_reply(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    with caplog.at_level(logging.ERROR):
        answer = client.get("/broken")

    assert answer.status_code == 500
    assert any(answer.headers["x-request-id"] in record.getMessage() for record in caplog.records)

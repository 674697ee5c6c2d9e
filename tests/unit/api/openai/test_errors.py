"""Whatever goes wrong under /v1 is told in OpenAI's form."""

import pytest
from fastapi.testclient import TestClient

from tests.unit.bearing import bearer

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@ON_SQLITE
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nowhere", 404, "not_found"),
        ("PUT", "/v1/files", 405, "method_not_allowed"),
        ("GET", "/v1/files/file-none", 404, "file_not_found"),
        ("GET", "/v1/fine_tuning/jobs/none", 404, "job_not_found"),
        ("GET", "/v1/files?limit=0", 400, "invalid_value"),
        ("POST", "/v1/fine_tuning/jobs", 400, "invalid_value"),
        ("GET", "/v1/models/nowhere", 404, "model_not_found"),
    ],
)
def test_the_body_is_openais(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code


@ON_SQLITE
def test_a_wrong_key_is_openais_error_too(client: TestClient) -> None:
    answer = client.get("/v1/models", headers=bearer("sk-something"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@ON_SQLITE
def test_elsewhere_a_problem_is_a_problem(client: TestClient) -> None:
    assert client.get("/v10/nowhere").headers["Content-Type"] == "application/problem+json"


@ON_SQLITE
def test_what_the_quota_forbids_is_not_asked_again(client: TestClient) -> None:
    client.patch("/projects/proj_default", json={"max_storage_bytes": 0})

    answer = client.post("/v1/files", data={"purpose": "user_data"}, files={"file": ("a", b"a")})

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"

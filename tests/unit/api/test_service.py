"""What FastAPI answers by itself."""

import pytest
from fastapi.testclient import TestClient

LARGE = bytes(2_000_000)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_body_that_says_that_it_is_too_large_is_refused_with_a_problem(client: TestClient) -> None:
    answer = client.post("/jobs", content=LARGE, headers={"Content-Type": "application/json"})

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert answer.headers["x-request-id"].startswith("req_")


def test_and_under_v1_as_openai_does(client: TestClient) -> None:
    answer = client.post("/v1/uploads", content=LARGE, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", "GET, POST"),
        ("OPTIONS", "/projects/proj_default", "GET, PATCH"),
        ("OPTIONS", "/jobs/validate", "POST"),
        ("POST", "/v1/files/file-1/content", "GET"),
        ("GET", "/jobs/validate/more", None),
    ],
)
def test_who_asks_in_a_wrong_way_is_told_every_right_one(
    client: TestClient, method: str, path: str, allowed: str | None
) -> None:
    assert client.request(method, path).headers.get("Allow") == allowed


@pytest.mark.parametrize(
    ("document", "path", "media_type", "model"),
    [
        ("/openapi.json", "/jobs", "application/problem+json", "ProblemDetails"),
        ("/openapi.json", "/v1/fine_tuning/jobs", "application/json", "Failed"),
        ("/v1/openapi.json", "/v1/fine_tuning/jobs", "application/json", "Failed"),
    ],
)
def test_a_refusal_is_declared_as_it_is_told(
    client: TestClient, document: str, path: str, media_type: str, model: str
) -> None:
    refusal = client.get(document).json()["paths"][path]["post"]["responses"]["4XX"]

    [(declared, content)] = refusal["content"].items()
    assert declared == media_type
    assert content["schema"]["$ref"].endswith(model)

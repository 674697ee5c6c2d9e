"""Jobs as OpenAI's clients create them."""

from typing import Any

from fastapi.testclient import TestClient

from tests.unit.api.openai.rows import rows


def uploaded(client: TestClient, content: bytes | None = None) -> str:
    """Id of a file to train on, by default one of ten good rows."""
    file = {"file": ("train.jsonl", rows(10) if content is None else content)}
    answer = client.post("/v1/files", data={"purpose": "fine-tune"}, files=file)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def created(client: TestClient, training_file: str | None = None, **asked: Any) -> dict[str, Any]:
    """A job."""
    answer = client.post("/v1/fine_tuning/jobs", json=body(client, training_file, **asked))
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def body(client: TestClient, training_file: str | None = None, **asked: Any) -> dict[str, Any]:
    """What is asked for."""
    return {"model": "starter", "training_file": training_file or uploaded(client), **asked}


def refusal(client: TestClient, training_file: str | None = None, **asked: Any) -> tuple[int, str | None, str]:
    """Status, parameter and code with which a job is refused."""
    answer = client.post("/v1/fine_tuning/jobs", json=body(client, training_file, **asked))
    error = answer.json()["error"]
    return answer.status_code, error["param"], error["code"]

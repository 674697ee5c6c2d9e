"""The document of what is OpenAI's."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def document(client: TestClient) -> Any:
    return client.get("/v1/openapi.json").json()


def test_it_has_the_paths_of_openai_alone(document: Any) -> None:
    assert {"/v1/files", "/v1/uploads", "/v1/fine_tuning/jobs"} <= document["paths"].keys()
    assert all(path.startswith("/v1/") for path in document["paths"])


def test_every_schema_that_it_names_is_in_it_and_no_other(document: Any) -> None:
    text = json.dumps(document)
    schemas = document["components"]["schemas"]

    assert all(f'"#/components/schemas/{name}"' in text for name in schemas)
    assert text.count('"$ref"') >= len(schemas)
    assert {ref.split('"')[0] for ref in text.split("#/components/schemas/")[1:]} <= schemas.keys()

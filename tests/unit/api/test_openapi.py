"""The schema that clients are made from."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from trainer_core.contract.spec import JobSpec


@pytest.fixture
def schema(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def test_the_body_of_a_job_is_the_spec_itself(schema: Any) -> None:
    assert schema["components"]["schemas"]["JobSpec"]["properties"].keys() == JobSpec.model_fields.keys()


def test_every_operation_has_an_id_of_its_own(schema: Any) -> None:
    ids = [operation["operationId"] for path in schema["paths"].values() for operation in path.values()]

    assert len(ids) == len(set(ids))


def test_every_schema_has_a_name_of_its_own(schema: Any) -> None:
    # Two of one name are told apart by the names of their modules.
    assert [name for name in schema["components"]["schemas"] if "__" in name] == []


def test_fields_are_explained(schema: Any) -> None:
    lora = schema["components"]["schemas"]["Lora"]["properties"]

    assert "bitsandbytes" in lora["quantization"]["description"]


def test_the_page_for_people_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text

    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert [client.get(source).status_code for source in sources] == [200] * len(sources)

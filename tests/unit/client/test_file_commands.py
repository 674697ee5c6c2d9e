"""Commands about what is uploaded, against a service that answers as told."""

import pytest
from typer.testing import CliRunner, Result

from client.cli import app
from tests.unit.client.stub_service import Answer, StubService, as_json

ROWS = {
    "data": [{"place": 0, "row": {"messages": [{"role": "user", "content": "où"}]}}],
    "has_more": True,
    "next_place": 71,
    "num_bytes": 4_000,
}


def tuneyard(stub: StubService, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--url", stub.url, *arguments])


def test_rows_are_told_with_their_places_and_where_more_are(stub: StubService) -> None:
    stub.answers = [as_json(ROWS)]

    result = tuneyard(stub, "datasets", "preview", "file-1", "--place", "5", "--limit", "1")

    assert stub.asked[0].path == "/datasets/file-1/preview?place=5&limit=1"
    assert result.stdout == '0  {"messages": [{"role": "user", "content": "où"}]}\n'
    assert result.stderr == "4,000 bytes in all; go on: --place 71\n"


@pytest.mark.parametrize("noun", ["datasets", "images"])
def test_what_was_uploaded_is_deleted(stub: StubService, noun: str) -> None:
    stub.answers = [Answer(status=204)]

    result = tuneyard(stub, noun, "delete", "file-1")

    assert result.stdout == "file-1 is deleted\n"
    assert [(asked.method, asked.path) for asked in stub.asked] == [("DELETE", f"/{noun}/file-1")]

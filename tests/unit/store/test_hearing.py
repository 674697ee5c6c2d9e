"""Which messages are rings."""

import base64
import json
from typing import Any

import pytest

from store.hearing import is_ring

BELLS = frozenset({"look"})


def message(body: object = ([], {}, {}), **changes: Any) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    found = {"headers": {"task": "look"}, "body": encoded, "content-type": "application/json", "properties": {}}
    return found | changes


def test_a_ring_is_one() -> None:
    assert is_ring(message(), BELLS)


@pytest.mark.parametrize(
    "forged",
    [
        None,
        1,
        [],
        {},
        message(headers=None),
        message(headers={"task": "os.system"}),
        message(headers={"task": ["look"]}),
        message(headers={"task": "look", "retries": "many"}),
        message(body=[["ftjob-1"], {}, {}]),
        message(body=[[], {"job_id": "ftjob-1"}, {}]),
        message(body={}),
        message(body=1),
        {**message(), "body": "no base64"},
        {**message(), "body": None},
        {**message(), "content-type": "application/x-python-serialize"},
        {**message(), "properties": "none"},
    ],
)
def test_whatever_says_more_or_less_is_none(forged: object) -> None:
    assert not is_ring(forged, BELLS)

"""`NAME=VALUE`, as people type it."""

import pytest

from client.assignments import split, value_of
from client.errors import UnreadableInput


@pytest.mark.parametrize("given", ["name", "=value", "name=", ""])
def test_what_is_of_another_form_is_refused(given: str) -> None:
    with pytest.raises(UnreadableInput, match="is not of the form NAME=VALUE"):
        split(given)


def test_the_first_equals_sign_divides() -> None:
    assert split("note=a=b") == ("note", "a=b")


@pytest.mark.parametrize(("given", "value"), [("2e-4", 2e-4), ("true", True), ("null", None), ("lora", "lora")])
def test_a_value_is_json_or_a_word(given: str, value: object) -> None:
    assert value_of(given) == value

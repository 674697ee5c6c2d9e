"""What may be said of tools."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.tooled import WEATHER
from trainer_core.data.tools import Called, Tool, ToolCall


@pytest.mark.parametrize(
    "arguments",
    ["", "Paris", "[]", "null", '{"city": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a":' * 195 + "1" + "}" * 195],
    ids=lambda text: text[:20],
)
def test_arguments_are_the_text_of_an_object(arguments: str) -> None:
    with pytest.raises(ValidationError, match="must be a JSON object as text"):
        Called(name="get_weather", arguments=arguments)


def test_arguments_keep_their_order_and_their_kinds() -> None:
    called = Called(name="f", arguments='{"b": 1, "a": {"x": [1.0, true, null]}, "ü": "\\u00fc"}')

    assert repr(called.parsed) == "{'b': 1, 'a': {'x': [1.0, True, None]}, 'ü': 'ü'}"


@pytest.mark.parametrize("name", ["", "two words", "f" * 65, "f\n", 'f"'])
def test_a_name_is_one_that_can_be_called(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        Called(name=name, arguments="{}")


def test_a_tool_is_declared_as_it_is_in_its_row() -> None:
    assert Tool.model_validate(WEATHER).as_declared() == WEATHER


@pytest.mark.parametrize("parameters", [{"maximum": float("inf")}, {"default": b"\xff"}])
def test_parameters_are_json(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be JSON"):
        Tool.model_validate({"type": "function", "function": {"name": "f", "parameters": parameters}})


def test_an_argument_more_changes_nothing_else() -> None:
    call = ToolCall.model_validate({"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}})

    more = call.with_argument("b")

    assert (more.id, more.function.name, more.function.parsed) == ("1", "f", {"a": 1, "b": ""})

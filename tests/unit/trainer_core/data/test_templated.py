"""Turns as chat templates take them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.tooled import asked, calling, result, tooled, whole
from trainer_core.data.rows import Message, Row
from trainer_core.data.templated import Marked, Way, templated, ways

USUAL = Way(has_parts=False)


def messages(*turns: dict[str, Any]) -> tuple[Message, ...]:
    return Row.model_validate(tooled(*turns)).messages


def test_a_turn_without_tools_is_its_role_and_content() -> None:
    assert templated(messages(asked("Hi")), USUAL) == [{"role": "user", "content": "Hi"}]


def test_turns_of_a_processor_have_parts(chat: Callable[..., dict[str, Any]]) -> None:
    row = Row.model_validate(chat("7"))

    question, answer = templated(row.messages, Way(has_parts=True))

    assert [part["type"] for part in question["content"]] == ["image", "text"]
    assert answer["content"] == [{"type": "text", "text": "7"}]


def test_a_call_has_its_arguments_as_an_object() -> None:
    [_, turn] = templated(messages(asked(), calling("Paris")), USUAL)

    function = {"name": "get_weather", "arguments": {"city": "Paris"}}
    assert turn == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_Paris", "type": "function", "function": function}],
    }


def test_a_call_may_keep_the_text_of_its_arguments() -> None:
    [_, turn] = templated(messages(asked(), calling("Paris")), Way(has_parts=False, parses_arguments=False))

    assert turn["tool_calls"][0]["function"]["arguments"] == '{"city":"Paris"}'


def test_a_result_says_which_function_it_comes_from() -> None:
    found = templated(Row.model_validate(whole()).messages, USUAL)[2]

    assert found == {"role": "tool", "content": "18 C", "name": "get_weather", "tool_call_id": "call_Paris"}


def test_a_call_whose_id_was_used_before_is_the_newer_one() -> None:
    first, again = calling("Paris"), calling("Paris")
    again["tool_calls"][0]["function"]["name"] = "get_news"

    turns = messages(asked(), first, result("Paris", "18"), again, result("Paris", "none"))

    assert [one["name"] for one in templated(turns, USUAL) if one["role"] == "tool"] == ["get_weather", "get_news"]


def test_the_name_that_a_message_has_is_its_name() -> None:
    turns = messages({**asked(), "name": "ann"}, calling("Paris"), {**result("Paris", "18"), "name": "weather"})

    assert [one.get("name") for one in templated(turns, USUAL)] == ["ann", None, "weather"]


@pytest.mark.parametrize("has_parts", [True, False])
def test_the_usual_way_is_the_first(*, has_parts: bool) -> None:
    first, *others = ways(has_parts=has_parts)

    assert first == Way(has_parts)
    assert len({first, *others}) == (4 if has_parts else 2)


def test_every_call_and_every_result_is_marked() -> None:
    row = Row.model_validate(tooled(asked(), calling("Paris", "Rome"), result("Paris", "18"), result("Rome", "28")))

    marked = Marked.of(row.messages)

    assert sorted(marked.marks.values()) == [1, 1, 2, 3]
    assert marked.lost_in(" ".join(marked.marks)) is None


@pytest.mark.parametrize("quoted", ["", "'{}': ''", '"{{\\"{}\\": ...'], ids=["left out", "Python's", "text in text"])
def test_what_is_not_written_as_it_is_is_lost(quoted: str) -> None:
    marked = Marked.of(Row.model_validate(whole()).messages)
    call, found = marked.marks

    assert marked.lost_in(quoted.format(call) + found) == 1

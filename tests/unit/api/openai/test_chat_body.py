"""What of OpenAI's request is taken, passed over and refused."""

import json

import pytest

from api.openai.chat_body import read
from api.openai.chat_refusals import InvalidChat, Unsupported

QUESTION = [{"role": "user", "content": "7?"}]
ASKED = {"model": "starter", "messages": QUESTION}


def encoded(**changes: object) -> bytes:
    return json.dumps({**ASKED, **changes}).encode()


@pytest.mark.parametrize(
    "without_effect",
    [
        {"n": 1},
        {"n": None},
        {"logprobs": False},
        {"tools": []},
        {"response_format": {"type": "text"}},
        {"presence_penalty": 0.0},
        {"user": "somebody", "store": True, "metadata": {"a": "b"}},
    ],
)
def test_what_changes_nothing_is_passed_over(without_effect: dict[str, object]) -> None:
    assert read(encoded(**without_effect)).sampling == read(encoded()).sampling


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 2},
        {"logprobs": True},
        {"tools": [{"type": "function"}]},
        {"response_format": {"type": "json_object"}},
        {"presence_penalty": 0.5},
        {"audio": {"voice": "alloy"}},
        {"top_k": 5},
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(asked: dict[str, object]) -> None:
    with pytest.raises(Unsupported) as refused:
        read(encoded(**asked))

    assert [refused.value.param] == list(asked)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "7"}]}, "messages[0].role"),
        ({"messages": [*QUESTION, {"role": "user", "content": None}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": None}, "model"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(wrong: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidChat) as refused:
        read(encoded(**wrong))

    assert refused.value.param == param

"""How people write rows, and what each way means."""

from typing import Any

import pytest

from trainer_core.data.dialects import draft
from trainer_core.data.placing import NotARow


def messages(record: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(one["role"], one["content"]) for one in draft(record, {}, is_line=False).row["messages"]]


def test_sharegpt() -> None:
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]

    found = messages({"conversations": turns, "system": "Be brief"})

    assert found == [("system", "Be brief"), ("user", "Hi"), ("assistant", "Ho")]


def test_sharegpt_with_openais_names() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]

    assert messages({"conversations": turns}) == [("user", "Hi"), ("assistant", "Ho")]


def test_an_unknown_role_is_told_with_its_message() -> None:
    turns = [{"from": "human", "value": "Hi"}, {"from": "observation", "value": "Ho"}]

    with pytest.raises(NotARow, match="observation") as caught:
        draft({"conversations": turns}, {}, is_line=False)

    assert caught.value.message_index == 1


@pytest.mark.parametrize(("extra", "asked"), [({}, "Add"), ({"input": ""}, "Add"), ({"input": "1 2"}, "Add\n1 2")])
def test_alpaca(extra: dict[str, str], asked: str) -> None:
    assert messages({"instruction": "Add", "output": "3", **extra}) == [("user", asked), ("assistant", "3")]


def test_alpaca_with_what_was_said_before() -> None:
    record = {"instruction": "And?", "output": "2", "history": [["One?", "1"]], "system": "Count"}

    roles = [role for role, _ in messages(record)]

    assert roles == ["system", "user", "assistant", "user", "assistant"]


def test_prompt_and_completion() -> None:
    assert messages({"prompt": "Say", "completion": " hi"}) == [("user", "Say"), ("assistant", " hi")]


def test_an_answer_inside_a_prompt_is_not_learned() -> None:
    prompt = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    record = {"prompt": prompt, "completion": [{"role": "assistant", "content": "d"}]}

    weights = [one.get("weight") for one in draft(record, {}, is_line=False).row["messages"]]

    assert weights == [None, 0, None, None]


@pytest.mark.parametrize(
    "packed",
    ['[{"from": "human", "value": "Hi"}]', {"from": ["human"], "value": ["Hi"]}],
    ids=["as text", "as lists"],
)
def test_turns_that_a_table_has_packed(packed: object) -> None:
    assert messages({"conversations": packed}) == [("user", "Hi")]


def test_a_line_of_openais_has_no_keys_but_its_own() -> None:
    record = {"messages": [{"role": "user", "content": "Hi"}], "id": 1}

    assert "id" in draft(record, {}, is_line=True).row


def test_a_table_may_have_columns_of_its_own() -> None:
    record = {"messages": [{"role": "user", "content": "Hi"}], "id": 1}

    drafted = draft(record, {}, is_line=False)

    assert "id" not in drafted.row
    assert drafted.unused == {"id"}


@pytest.mark.parametrize("image", ["a.png", {"path": "a.png", "bytes": None}, {"url": "a.png"}, ["a.png"]])
def test_an_image_may_be_named_in_several_ways(image: object) -> None:
    [(_, [part, _]), _] = messages({"instruction": "What?", "output": "red", "image": image})

    assert part == {"type": "image_url", "image_url": {"url": "a.png"}}


def test_what_is_no_image_is_told() -> None:
    with pytest.raises(NotARow, match="an image must be"):
        draft({"instruction": "What?", "output": "red", "image": 7}, {}, is_line=False)

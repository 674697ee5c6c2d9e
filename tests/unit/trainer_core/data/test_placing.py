"""Images stand where the text has a place for them."""

from typing import Any

import pytest

from trainer_core.data.placing import NotARow, placed, with_urls


def url(name: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": name}}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def contents(turns: list[dict[str, Any]], images: list[str]) -> list[Any]:
    return [one["content"] for one in placed(turns, images)]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("<image>\nWhich?", [url("a"), text("Which?")]),
        ("Which?\n<image>", [text("Which?"), url("a")]),
        ("This <image> here", [text("This "), url("a"), text(" here")]),
        ("Which?", [url("a"), text("Which?")]),
    ],
)
def test_a_marker_gives_way_to_an_image(words: str, parts: list[Any]) -> None:
    assert contents([user(words)], ["a"]) == [parts]


def test_images_are_taken_in_their_order() -> None:
    turns = [user("<image><image>"), user([{"type": "image"}, text("?")])]

    assert contents(turns, ["a", "b", "c"]) == [[url("a"), url("b")], [url("c"), text("?")]]


def test_an_image_may_be_meant_by_its_number() -> None:
    turns = [user([{"type": "image", "index": 1}, {"type": "image", "index": 0}])]

    assert contents(turns, ["a", "b"]) == [[url("b"), url("a")]]


def test_a_marker_in_an_answer_is_text() -> None:
    turns = [user("?"), {"role": "assistant", "content": "<image>"}]

    assert contents(turns, ["a"])[1] == "<image>"


@pytest.mark.parametrize(
    ("words", "images", "told"),
    [
        ("<image><image>", ["a"], "has a place for an image, but the row has only 1"),
        ("<image>", ["a", "b"], "2 images, but the text has places for 1"),
    ],
)
def test_too_few_or_too_many_images_are_refused(words: str, images: list[str], told: str) -> None:
    with pytest.raises(NotARow, match=told):
        placed([user(words)], images)


def test_images_without_a_question_are_refused() -> None:
    with pytest.raises(NotARow, match="no user's message"):
        placed([{"role": "assistant", "content": "red"}], ["a"])


@pytest.mark.parametrize("key", ["image", "url", "path"])
def test_parts_in_transformers_way_become_openais(key: str) -> None:
    [message] = with_urls([user([{"type": "image", key: "a.png"}])])

    assert message["content"] == [url("a.png")]

"""A sample as a person sees it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tooled import HERMES, whole, with_template
from trainer_core.contract.report import PreviewSample
from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.loading import load_processor
from trainer_core.training.preview import preview

Chat = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def shown(starter_dir: Path) -> Callable[[dict[str, Any]], PreviewSample]:
    encoder = Encoder(load_processor(str(starter_dir)))

    def show(row: dict[str, Any]) -> PreviewSample:
        encoded = encoder.encode(Line(3, 0, 0), Row.model_validate(row))
        return preview(encoded, 3, encoder.processor.tokenizer)

    return show


def test_what_is_trained_on_is_told_apart(shown: Callable[..., PreviewSample], chat: Chat) -> None:
    sample = shown(chat("seven", question="how many?"))

    assert [(one.text, one.is_trained) for one in sample.pieces] == [
        ("<bos><|user|>", False),
        ("<image*16>", False),
        ("how many?<|end|><|assistant|>", False),
        ("seven<|end|>", True),
    ]


def test_tokens_are_counted(shown: Callable[..., PreviewSample], chat: Chat) -> None:
    sample = shown(chat("7"))

    assert (sample.line, sample.num_supervised_tokens) == (3, 2)
    assert [one.num_tokens for one in sample.images] == [16]


def test_how_much_of_an_image_is_left_is_told(
    shown: Callable[..., PreviewSample], chat: Chat, png_url: Callable[..., str]
) -> None:
    row = chat("7")
    row["messages"][0]["content"][0]["image_url"]["url"] = png_url(size=(64, 64))

    [image] = shown(row).images

    assert (image.width, image.height, image.pixels_kept) == (64, 64, 0.25)


def test_of_a_row_with_tools_its_calls_are_trained_on(starter_dir: Path) -> None:
    processor = with_template(starter_dir, HERMES)
    encoded = Encoder(processor).encode(Line(3, 0, 0), Row.model_validate(whole()))

    pieces = preview(encoded, 3, processor.tokenizer).pieces

    assert [one.is_trained for one in pieces] == [False, True, False, True]
    assert "Weather of a city" in pieces[0].text
    assert pieces[1].text.startswith("<call>")
    assert pieces[2].text == "<|user|><response>get_weather: 18 C</response><|end|><|assistant|>"

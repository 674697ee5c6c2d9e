"""What is counted while rows are encoded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tooled import HERMES, WEATHER, asked, tooled, with_template
from trainer_core.data.encoding import Encoder
from trainer_core.data.prepared import Sample
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.loading import load_processor
from trainer_core.training.survey import Survey

Chat = Callable[..., dict[str, Any]]
NEWS = {"type": "function", "function": {"name": "get_news"}}


@pytest.fixture(scope="module")
def encoder(starter_dir: Path) -> Encoder:
    return Encoder(load_processor(str(starter_dir)))


def surveyed(encoder: Encoder, *rows: dict[str, Any]) -> Survey:
    survey = Survey()
    for number, one in enumerate(rows):
        row = Row.model_validate(one)
        line = Line(number, 0, 0)
        survey.take(Sample.of(line, 0, row, encoder.encode(line, row)))
    return survey


def test_tokens_and_images_are_counted(encoder: Encoder, chat: Chat) -> None:
    found = surveyed(encoder, chat("7"), chat("8", shade=None)).report(2)

    assert (found.num_rows, found.num_samples, found.num_images, found.num_image_tokens) == (2, 2, 1, 16)
    assert found.num_supervised_tokens == 4
    assert found.tokens.longest - found.tokens.shortest == 16
    assert found.tokens.total == found.tokens.longest + found.tokens.shortest


def test_rows_that_repeat_another_are_counted(encoder: Encoder, chat: Chat) -> None:
    survey = surveyed(encoder, chat("7"), chat("7"), chat("7"), chat("7", shade=1))

    assert survey.num_duplicates == 2


def test_rows_that_leak_are_counted(encoder: Encoder, chat: Chat) -> None:
    train, held_out = surveyed(encoder, chat("7"), chat("8")), surveyed(encoder, chat("8"), chat("8"), chat("9"))

    assert held_out.num_shared_with(train) == 2


def test_rows_that_differ_in_their_tools_alone_are_no_duplicates(starter_dir: Path) -> None:
    answer = {"role": "assistant", "content": "Hm."}
    rows = [tooled(asked(), answer), tooled(asked(), answer, tools=(WEATHER, NEWS)), tooled(asked(), answer)]

    found = surveyed(Encoder(with_template(starter_dir, HERMES)), *rows)

    assert found.num_duplicates == 1

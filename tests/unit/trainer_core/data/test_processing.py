"""Processors with ways of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlavaProcessor

from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.encoding import IGNORED, EncodedRow, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row

Chat = Callable[..., dict[str, Any]]
LINE = Line(3, 0, 0)


class Plain(LlavaProcessor):
    """Its class has its own name, so that transformers loads it."""


class Beginning(LlavaProcessor):
    """Begins each text in its own way, as Molmo does."""

    def __call__(self, *args: Any, text: list[str], **kwargs: Any) -> Any:
        return super().__call__(*args, text=[f"Hello. {one}" for one in text], **kwargs)


class Ending(LlavaProcessor):
    """Ends each text in its own way, as Chameleon does."""

    def __call__(self, *args: Any, text: list[str], **kwargs: Any) -> Any:
        return super().__call__(*args, text=[f"{one}<|system|>" for one in text], **kwargs)


class Silent(LlavaProcessor):
    """Does not tell which characters a token is, as Kosmos does."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made.pop("offset_mapping", None)
        return made


class Asking(LlavaProcessor):
    """Reads the text for its image too, as InstructBLIP does."""

    def __call__(self, *args: Any, text: list[str], **kwargs: Any) -> Any:
        made = super().__call__(*args, text=text, **kwargs)
        made["question_ids"] = self.tokenizer(text, return_tensors="pt")["input_ids"]
        return made


class Flat(LlavaProcessor):
    """Takes no lists of images in a list, as GOT does."""

    def __call__(self, images: Any = None, **kwargs: Any) -> Any:
        if images and isinstance(images[0], list):
            raise ValueError("nested images")
        return super().__call__(images=images, **kwargs)


class Short(LlavaProcessor):
    """Its pixels come in bfloat16, as Llama 4's do."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made["pixel_values"] = made["pixel_values"].bfloat16()
        return made


class Broken(LlavaProcessor):
    """Has a defect."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        raise TypeError("unsupported operand")


@pytest.fixture
def encoder_of(starter_dir: Path) -> Callable[[type[LlavaProcessor]], Encoder]:
    return lambda kind: Encoder(kind.from_pretrained(starter_dir))


def learned(encoder: Encoder, row: EncodedRow) -> str:
    labels = row["labels"][0]
    return str(encoder.processor.tokenizer.decode(labels[labels != IGNORED]))


@pytest.mark.parametrize("kind", [Plain, Beginning, Ending, Silent, Asking, Flat, Short])
def test_the_answer_and_its_stop_token_are_learned(kind: Any, encoder_of: Any, chat: Chat) -> None:
    encoder = encoder_of(kind)

    row = encoder(LINE, Row.model_validate(chat("seven of them")))

    assert learned(encoder, row) == "seven of them<|end|>"


@pytest.mark.parametrize("kind", [Plain, Beginning, Ending, Silent, Asking, Flat, Short])
def test_a_row_begins_with_its_prompt_and_has_no_more_beside_its_tokens(kind: Any, encoder_of: Any, chat: Chat) -> None:
    encoder, given = encoder_of(kind), Row.model_validate(chat("seven"))

    row, prompt = encoder(LINE, given), encoder.prompt(LINE, given)

    num_tokens = prompt["input_ids"].shape[1]
    assert torch.equal(row["input_ids"][:, :num_tokens], prompt["input_ids"])
    assert torch.equal(row["pixel_values"], prompt["pixel_values"])
    assert row.get("question_ids") is None or torch.equal(row["question_ids"], prompt["question_ids"])


def test_all_that_belongs_to_a_token_is_there_for_the_answers_too(encoder_of: Any, chat: Chat) -> None:
    row = encoder_of(Ending)(LINE, Row.model_validate(chat("seven")))

    assert row["attention_mask"].shape == row["input_ids"].shape
    assert row["attention_mask"].all()


@pytest.mark.parametrize("kind", [Ending, Asking])
def test_several_answers_are_refused_where_only_one_can_be_put_behind_a_prompt(
    kind: Any, encoder_of: Any, chat: Chat
) -> None:
    both = Row.model_validate({"messages": [*chat("one")["messages"], *chat("two")["messages"]]})

    with pytest.raises(InvalidDataset, match="line 3: this model's processor takes one answer at a time"):
        encoder_of(kind)(LINE, both)


def test_pixels_are_in_float32(encoder_of: Any, chat: Chat) -> None:
    assert encoder_of(Short)(LINE, Row.model_validate(chat()))["pixel_values"].dtype is torch.float32


def test_whatever_a_processor_raises_is_told_by_line(encoder_of: Any, chat: Chat) -> None:
    message = "line 3: the model's processor does not take this row: unsupported operand"
    with pytest.raises(InvalidDataset, match=message):
        encoder_of(Broken)(LINE, Row.model_validate(chat()))

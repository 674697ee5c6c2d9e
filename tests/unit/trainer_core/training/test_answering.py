"""A model answers a chat, piece by piece."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_core.contract.chat import Answered, Chat, RefusalCode, Sampling
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.sources import ModelSource
from trainer_core.data.asking import NotAsked
from trainer_core.models.loading import load_processor
from trainer_core.training.answering import Answering, Writer

QUESTION = {"role": "user", "content": "Which digit is this?"}
SAMPLED = Sampling(max_new_tokens=24, seed=1)


@pytest.fixture(scope="module")
def answering(starter_dir: Path) -> Answering:
    return Answering(ModelSource(base_model=str(starter_dir)))


@pytest.fixture(scope="module")
def tokenizer(starter_dir: Path) -> Any:
    return getattr(load_processor(str(starter_dir)), "tokenizer")  # noqa: B009 - a processor's type has none


def answer(
    answering: Answering, sampling: Sampling = SAMPLED, *messages: dict[str, Any], wanted: int = 1000
) -> tuple[str, Answered]:
    """The text and how it ended; nobody wants more than so many tokens."""
    texts: list[str] = []
    left = iter(range(wanted))
    chat = Chat(messages=messages or (QUESTION,), sampling=sampling)
    answered = answering.answer(chat, texts.append, lambda: next(left, None) is not None)
    return "".join(texts), answered


def written(tokenizer: Any, text: str, *stops: str) -> tuple[list[str], Writer]:
    """What is told of a text whose tokens come one by one, and who told it."""
    told: list[str] = []
    writer = Writer(tokenizer, stops, [tokenizer.eos_token_id], told.append)
    writer.put(torch.tensor([[1, 2, 3]]))
    for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
        writer.put(torch.tensor([token]))
    writer.flush()
    return told, writer


def test_an_answer_of_a_seed_is_always_the_same(answering: Answering) -> None:
    first, second = answer(answering), answer(answering)

    assert first == second
    assert first[0] != answer(answering, SAMPLED.model_copy(update={"seed": 2}))[0]


def test_an_answer_of_most_tokens_is_one_of_that_length(answering: Answering) -> None:
    _, answered = answer(answering)

    assert (answered.finish_reason, answered.num_new_tokens) == ("length", 24)


def test_an_answer_without_chance_needs_no_seed(answering: Answering) -> None:
    surest = Sampling(max_new_tokens=8, temperature=0)

    assert answer(answering, surest) == answer(answering, surest)


def test_an_answer_that_nobody_wants_ends(answering: Answering) -> None:
    _, answered = answer(answering, wanted=5)

    assert answered.num_new_tokens <= 6


def test_an_image_takes_tokens(answering: Answering, png_url: Callable[..., str]) -> None:
    image = {"type": "image_url", "image_url": {"url": png_url(200)}}

    _, seen = answer(answering, SAMPLED, {"role": "user", "content": [image, {"type": "text", "text": "?"}]})

    assert seen.num_prompt_tokens > answer(answering, SAMPLED, {"role": "user", "content": "?"})[1].num_prompt_tokens


def test_a_text_model_answers(text_model_dir: Path) -> None:
    answering = Answering(ModelSource(base_model=str(text_model_dir)))

    assert answer(answering)[1].num_new_tokens == 24


@pytest.mark.parametrize(
    ("sampling", "content"),
    [(SAMPLED, "seven " * 1000), (Sampling(max_new_tokens=510), "7?")],
    ids=["question", "answer"],
)
def test_what_does_not_fit_into_the_context_is_refused(answering: Answering, sampling: Sampling, content: str) -> None:
    with pytest.raises(NotAsked) as refused:
        answer(answering, sampling, {"role": "user", "content": content})

    assert refused.value.code is RefusalCode.CONTEXT_LENGTH_EXCEEDED


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"role": "user", "content": [{"type": "audio"}]}, r"messages\[0\]: content.0"),
        ({"role": "user", "content": []}, r"messages\[0\]: content: must not be empty"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            r"messages\[0\], image 0: not a PNG",
        ),
    ],
)
def test_what_no_model_could_be_trained_on_is_refused(answering: Answering, message: dict[str, Any], told: str) -> None:
    with pytest.raises(NotAsked, match=told) as refused:
        answer(answering, SAMPLED, message)

    assert refused.value.code is RefusalCode.INVALID_MESSAGES


def test_a_folder_without_a_model_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(TrainerError) as failed:
        Answering(ModelSource(base_model=str(tmp_path)))

    assert failed.value.code is FailureCode.BASE_MODEL_UNUSABLE


def test_text_is_told_as_it_comes(tokenizer: Any) -> None:
    told, writer = written(tokenizer, "one two three")

    assert ("".join(told), writer.has_ended) == ("one two three", False)
    assert len(told) > 1


def test_no_half_character_is_told(tokenizer: Any) -> None:
    told, _ = written(tokenizer, "a ❤️ 7 é")

    assert "".join(told) == "a ❤️ 7 é"
    assert not any("\ufffd" in piece for piece in told)


@pytest.mark.parametrize("stop", ["three", " th", "e four", "ree fo"])
def test_a_stop_text_and_its_beginning_are_never_told(tokenizer: Any, stop: str) -> None:
    told, writer = written(tokenizer, "one two three four", stop)

    text = "one two three four"
    assert ("".join(told), writer.has_ended) == (text[: text.index(stop)], True)


def test_what_only_began_like_a_stop_text_is_told_in_the_end(tokenizer: Any) -> None:
    told, writer = written(tokenizer, "one two th", "three")

    assert ("".join(told), writer.has_ended) == ("one two th", False)


def test_a_stop_token_ends_the_answer_and_is_counted(tokenizer: Any) -> None:
    told, writer = written(tokenizer, f"one{tokenizer.eos_token}two")

    assert ("".join(told), writer.has_ended) == ("one", True)
    assert writer.num_tokens == len(tokenizer("one", add_special_tokens=False)["input_ids"]) + 1

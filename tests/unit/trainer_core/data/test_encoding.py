"""Which tokens the loss is taken on: the answers with their stop tokens, and nothing else."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoProcessor, AutoTokenizer

from tests.tooled import HERMES, asked, calling, result, tooled, whole, with_template
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.encoding import IGNORED, EncodedRow, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row

Chat = Callable[..., dict[str, Any]]
LINE = Line(3, 0, 0)


@pytest.fixture(scope="module")
def encoder(starter_dir: Path) -> Encoder:
    return Encoder(AutoProcessor.from_pretrained(starter_dir))


@pytest.fixture(scope="module")
def text_encoder(text_model_dir: Path) -> Encoder:
    return Encoder(AutoTokenizer.from_pretrained(text_model_dir))


def encode(encoder: Encoder, row: dict[str, Any]) -> EncodedRow:
    return encoder(LINE, Row.model_validate(row))


def turns(*contents: str, weights: Sequence[int] = ()) -> dict[str, Any]:
    """A conversation about no picture: a user's message, an answer, and so on."""
    messages: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[index % 2], "content": content} for index, content in enumerate(contents)
    ]
    for message, weight in zip(messages[1::2], weights, strict=False):
        message["weight"] = weight
    return {"messages": messages}


@pytest.fixture(scope="module")
def learned(starter_dir: Path) -> Callable[[EncodedRow], str]:
    """What the labels of a row read."""
    tokenizer = AutoTokenizer.from_pretrained(starter_dir)
    return lambda row: str(tokenizer.decode(row["labels"][0][row["labels"][0] != IGNORED]))


def test_the_answer_and_its_stop_token_are_learned(
    encoder: Encoder, chat: Chat, learned: Callable[[EncodedRow], str]
) -> None:
    row = encode(encoder, chat("seven of them"))

    assert learned(row) == "seven of them<|end|>"


def test_labels_are_the_next_tokens(encoder: Encoder, chat: Chat) -> None:
    row = encode(encoder, chat("seven"))

    has_target = row["labels"][0] != IGNORED
    assert torch.equal(row["labels"][0][has_target], row["input_ids"][0].roll(-1)[has_target])
    assert row["labels"][0, -1] == IGNORED


def test_every_answer_is_learned(encoder: Encoder, learned: Callable[[EncodedRow], str]) -> None:
    row = encode(encoder, turns("two?", "2", "three?", "3"))

    assert learned(row) == "2<|end|>3<|end|>"


def test_an_answer_of_weight_0_is_not_learned(encoder: Encoder, learned: Callable[[EncodedRow], str]) -> None:
    row = encode(encoder, turns("two?", "2", "three?", "3", weights=[0, 1]))

    assert learned(row) == "3<|end|>"


def test_control_tokens_that_a_user_typed_are_no_answer(encoder: Encoder, learned: Callable[[EncodedRow], str]) -> None:
    row = encode(encoder, turns("<|end|><|assistant|>four<|end|>", "2"))

    assert learned(row) == "2<|end|>"


def test_a_system_turn_between_answers_is_not_learned(encoder: Encoder, learned: Callable[[EncodedRow], str]) -> None:
    first, second = turns("two?", "2")["messages"], turns("three?", "3")["messages"]
    between = {"role": "system", "content": "be brief"}

    row = encode(encoder, {"messages": [*first, between, *second]})

    assert learned(row) == "2<|end|>3<|end|>"


@pytest.mark.parametrize("edit", [("<|end|>", "<|end|>\n"), ("{{ bos_token }}", "{{ bos_token }} ")], ids=str)
def test_a_template_may_be_edited(
    starter_dir: Path, learned: Callable[[EncodedRow], str], edit: tuple[str, str]
) -> None:
    processor = AutoProcessor.from_pretrained(starter_dir)
    processor.chat_template = processor.chat_template.replace(*edit)

    row = encode(Encoder(processor), turns("two?", "2", "three?", "3"))

    assert learned(row) == "2<|end|>3<|end|>"


def test_a_turn_that_the_template_adds_is_not_learned(starter_dir: Path, learned: Callable[[EncodedRow], str]) -> None:
    processor = AutoProcessor.from_pretrained(starter_dir)
    added = "{% if messages[0]['role'] != 'system' %}<|system|>You are helpful.<|end|>{% endif %}"
    processor.chat_template = processor.chat_template.replace("{{ bos_token }}", "{{ bos_token }}" + added)

    row = encode(Encoder(processor), turns("two?", "2", "three?", "3"))

    assert "You are helpful." in processor.decode(row["input_ids"][0])
    assert learned(row) == "2<|end|>3<|end|>"


def test_a_picture_stands_in_its_own_turn(encoder: Encoder, chat: Chat) -> None:
    row = encode(encoder, {"messages": [*turns("two?", "2")["messages"], *chat("one")["messages"]]})

    before, *_, after = encoder.processor.decode(row["input_ids"][0]).split("<image>")
    assert before == "<bos><|user|>two?<|end|><|assistant|>2<|end|><|user|>"
    assert after == "Which digit is this?<|end|><|assistant|>one<|end|>"


def test_an_answer_that_its_question_holds_is_learned_once(
    encoder: Encoder, learned: Callable[[EncodedRow], str]
) -> None:
    row = encode(encoder, turns("is it 2? say 2", "2"))

    assert learned(row) == "2<|end|>"


def test_pictures_of_several_turns_move_the_labels(
    encoder: Encoder, chat: Chat, learned: Callable[[EncodedRow], str]
) -> None:
    first, second = chat("one"), chat("two")

    row = encode(encoder, {"messages": [*first["messages"], *second["messages"]]})

    assert row["pixel_values"].shape[0] == 2
    assert learned(row) == "one<|end|>two<|end|>"


def test_a_row_without_a_picture_has_no_pixels(encoder: Encoder) -> None:
    row = encode(encoder, turns("two?", "2"))

    assert "pixel_values" not in row


def test_the_beginning_is_written_once(encoder: Encoder, starter_dir: Path, chat: Chat) -> None:
    bos = AutoTokenizer.from_pretrained(starter_dir).bos_token_id

    row = encode(encoder, chat())

    assert (row["input_ids"] == bos).sum() == 1


def test_text_models_learn_the_same(text_encoder: Encoder, learned: Callable[[EncodedRow], str]) -> None:
    row = encode(text_encoder, turns("two?", "2"))

    assert learned(row) == "2<|end|>"


def test_a_text_model_refuses_pictures(text_encoder: Encoder, chat: Chat) -> None:
    with pytest.raises(InvalidDataset, match="line 3, message 0, image 0: this base model reads text only"):
        encode(text_encoder, chat())


def test_a_row_too_long_is_refused_with_its_length(starter_dir: Path, chat: Chat) -> None:
    encoder = Encoder(AutoProcessor.from_pretrained(starter_dir), max_tokens=10)

    with pytest.raises(InvalidDataset, match="images included, where 10 are allowed") as refused:
        encode(encoder, chat())

    assert refused.value.faults[0].code == "too_long"


@pytest.mark.parametrize("setting", [{"max_length": 20}, {"truncation": True, "model_max_length": 20}], ids=str)
def test_a_tokenizer_that_was_saved_to_cut_cuts_nothing(
    own_starter_dir: Path, encoder: Encoder, chat: Chat, setting: dict[str, Any]
) -> None:
    path = own_starter_dir / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | setting))

    row = encode(Encoder(AutoProcessor.from_pretrained(own_starter_dir)), chat("seven"))

    assert torch.equal(row["input_ids"], encode(encoder, chat("seven"))["input_ids"])


def test_a_row_of_which_nothing_would_be_learned_is_refused(text_model_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir, eos_token=None)
    tokenizer.chat_template = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"

    with pytest.raises(InvalidDataset, match="line 3: nothing of it would be learned"):
        encode(Encoder(tokenizer), turns("two?", "2"))


def test_a_picture_of_a_row_that_fits_keeps_its_size(encoder: Encoder, chat: Chat, png_url: Callable[..., str]) -> None:
    row = chat("[10, 20, 300, 200]")
    row["messages"][0]["content"][0]["image_url"]["url"] = png_url(size=(400, 240))

    encoded = encoder.encode(LINE, Row.model_validate(row))

    assert encoded.sizes == encoded.original_sizes == ((400, 240),)


def test_an_image_token_typed_as_text_is_refused(encoder: Encoder, chat: Chat) -> None:
    with pytest.raises(InvalidDataset, match="line 3, message 0: '<image>' in a text"):
        encode(encoder, chat(question="what is an <image>?"))


def test_a_stop_token_is_added_where_the_template_has_none(
    text_model_dir: Path, learned: Callable[[EncodedRow], str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    encoder = Encoder(tokenizer)

    row = encode(encoder, turns("two?", "2"))

    assert learned(row).strip() == "2<|end|>"


def test_a_stop_token_without_a_name_is_not_followed_by_another(
    text_model_dir: Path, learned: Callable[[EncodedRow], str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir, eos_token="<|system|>")
    assert "<|end|>" not in tokenizer.all_special_tokens

    row = encode(Encoder(tokenizer), turns("two?", "2"))

    assert learned(row) == "2<|end|>"


@pytest.fixture
def thinking_encoder(text_model_dir: Path) -> Encoder:
    """Its template writes thoughts into the last answer only, as models that think do."""
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}:{% if loop.last and m.role == 'assistant' %}thought, {% endif %}"
        "{{ m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    return Encoder(tokenizer)


def test_a_template_that_rewrites_earlier_turns_makes_a_sample_of_each_answer(
    thinking_encoder: Encoder, learned: Callable[[EncodedRow], str]
) -> None:
    samples = thinking_encoder.samples(LINE, Row.model_validate(turns("two?", "2", "three?", "3")))

    assert [learned(thinking_encoder(LINE, one)) for one in samples] == ["thought, 2<|end|>", "thought, 3<|end|>"]


def test_an_answer_of_weight_0_is_no_sample_of_its_own(thinking_encoder: Encoder) -> None:
    row = Row.model_validate(turns("two?", "2", "three?", "3", "four?", "4", weights=[1, 0, 1]))

    assert [len(one.messages) for one in thinking_encoder.samples(LINE, row)] == [2, 6]


def test_an_ordinary_template_keeps_a_row_whole(text_encoder: Encoder) -> None:
    row = Row.model_validate(turns("two?", "2", "three?", "3"))

    assert text_encoder.samples(LINE, row) == [row]


def test_the_last_answer_alone_is_learned_if_asked_for(starter_dir: Path, learned: Callable[[EncodedRow], str]) -> None:
    encoder = Encoder(AutoProcessor.from_pretrained(starter_dir), train_on="last_answer")

    (row,) = encoder.samples(LINE, Row.model_validate(turns("two?", "2", "three?", "3")))

    assert learned(encoder(LINE, row)) == "3<|end|>"


def test_everything_but_images_is_learned_if_asked_for(
    starter_dir: Path, chat: Chat, learned: Callable[[EncodedRow], str]
) -> None:
    encoder = Encoder(AutoProcessor.from_pretrained(starter_dir), train_on="everything")

    row = encode(encoder, chat("seven", question="how many?"))

    assert learned(row) == "<|user|>how many?<|end|><|assistant|>seven<|end|>"


def test_without_a_template_the_answer_follows_the_question(
    text_model_dir: Path, learned: Callable[[EncodedRow], str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir)
    tokenizer.chat_template = None

    row = encode(Encoder(tokenizer), turns("two?", "2"))

    assert tokenizer.decode(row["input_ids"][0]) == "two?\n2<|end|>"
    assert learned(row) == "2<|end|>"


def test_without_a_template_longer_chats_are_refused(text_model_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir)
    tokenizer.chat_template = None

    with pytest.raises(InvalidDataset, match="use a model with a chat template"):
        encode(Encoder(tokenizer), turns("two?", "2", "three?", "3"))


def test_a_template_that_refuses_a_row_is_quoted(text_model_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(text_model_dir)
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"

    with pytest.raises(InvalidDataset, match="roles must alternate"):
        encode(Encoder(tokenizer), turns("two?", "2"))


@pytest.mark.parametrize("content", ["message['content']", "'' + message['content']"])
def test_a_template_for_text_alone_is_no_template_of_a_model_that_reads_images(starter_dir: Path, content: str) -> None:
    processor = AutoProcessor.from_pretrained(starter_dir)
    processor.chat_template = f"{{% for message in messages %}}{{{{ {content} }}}}<|end|>{{% endfor %}}"

    with pytest.raises(InvalidDataset, match="line 3: the model's chat template"):
        encode(Encoder(processor), turns("two?", "2"))


def test_tokens_that_do_not_read_as_the_answer_are_refused(text_model_dir: Path) -> None:
    class Forgetful(type(AutoTokenizer.from_pretrained(text_model_dir))):  # type: ignore[misc]
        """Tells wrong places for its tokens."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            encoded = super().__call__(*args, **kwargs)
            encoded["offset_mapping"] = encoded["offset_mapping"] + 1
            return encoded

    tokenizer = Forgetful.from_pretrained(text_model_dir)

    with pytest.raises(InvalidDataset, match="in the model's tokens"):
        encode(Encoder(tokenizer), turns("two?", "2"))


@pytest.fixture(scope="module")
def tool_encoder(starter_dir: Path) -> Encoder:
    return Encoder(with_template(starter_dir, HERMES))


def test_a_call_and_its_stop_token_are_learned(tool_encoder: Encoder, learned: Callable[[EncodedRow], str]) -> None:
    call = '<call>{"name": "get_weather", "arguments": {"city": "Paris"}}</call>'

    assert learned(encode(tool_encoder, whole())) == f"{call}<|end|>It is 18.<|end|>"


def test_a_picture_moves_the_labels_of_calls_too(
    tool_encoder: Encoder, chat: Chat, learned: Callable[[EncodedRow], str]
) -> None:
    row = encode(tool_encoder, tooled(chat()["messages"][0], *whole()["messages"][1:]))

    assert "pixel_values" in row
    assert learned(row).startswith('<call>{"name": "get_weather"')
    assert learned(row).endswith("</call><|end|>It is 18.<|end|>")


def test_a_prompt_is_read_with_its_tools(tool_encoder: Encoder) -> None:
    row = encode(tool_encoder, whole())

    prompt = tool_encoder.prompt(LINE, Row.model_validate(whole()))["input_ids"]

    assert torch.equal(prompt, row["input_ids"][:, : prompt.shape[1]])
    assert tool_encoder.processor.decode(prompt[0]).endswith("18 C</response><|end|><|assistant|>")


DECLARED = {"type": "function", "function": {"name": "f", "description": "of an <image>"}}
TYPED = [
    (tooled(asked(), {"role": "assistant", "content": "Hm."}, tools=(DECLARED,)), None),
    (tooled(asked(), calling("<image>")), 1),
    (tooled({**asked(), "name": "<image>"}, calling("Paris")), 0),
    (tooled(asked(), calling("Paris"), result("Paris", "<image>"), {"role": "assistant", "content": "Hm."}), 2),
]


@pytest.mark.parametrize(("row", "message_index"), TYPED, ids=["tool", "call", "name", "result"])
def test_an_image_token_typed_into_tools_is_refused(
    tool_encoder: Encoder, row: dict[str, Any], message_index: int | None
) -> None:
    with pytest.raises(InvalidDataset, match="stands for an image in this model") as refused:
        encode(tool_encoder, row)

    assert refused.value.faults[0].message_index == message_index

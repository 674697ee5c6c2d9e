"""What a model is given to read: what transformers gives it, whatever its family needs beside the tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.families.catalogue import FAMILIES, Family, each
from tests.families.tasks import answered, asked, image_part
from trainer_core.data.collation import model_inputs
from trainer_core.data.encoding import IGNORED, EncodedRow, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.loading import load_model, load_processor
from trainer_core.module import HFAutoModelForImageTextToText

LINE = Line(1, 0, 0)
ANY_SIZE = pytest.mark.parametrize(
    "family", [one for one in FAMILIES if one.name in ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")], ids=lambda one: one.name
)
"""Families whose images have as many tokens as they are large."""
NEEDED = {
    "qwen2_vl": "mm_token_type_ids",
    "qwen2_5_vl": "mm_token_type_ids",
    "qwen3_vl": "mm_token_type_ids",
    "gemma3": "token_type_ids",
    "paligemma": "token_type_ids",
}
"""What decides on positions or on who sees whom, by family."""
WITH_TYPES = pytest.mark.parametrize(
    "family", [one for one in FAMILIES if one.name in NEEDED], ids=lambda one: one.name
)


@pytest.fixture
def row(family: Family) -> Row:
    """A question with as many pictures as the family takes, a wide one among them, and an answer."""
    pictures = [image_part(1, 96), image_part(2)][: 1 + family.takes_several_images] if family.reads_images else []
    return Row.model_validate({"messages": [asked("Which are these?", *pictures), answered("row one")]})


@pytest.fixture
def module(folder: Path) -> HFAutoModelForImageTextToText:
    module = HFAutoModelForImageTextToText(processor=load_processor(str(folder)))
    module.model = load_model(str(folder)).eval()
    return module


@each()
def test_the_loss_is_that_of_transformers(module: HFAutoModelForImageTextToText, row: Row) -> None:
    encoded = Encoder(module.processor)(LINE, row)
    is_learned = torch.nn.functional.pad(encoded["labels"][:, :-1] != IGNORED, (1, 0))

    theirs = module.model(**model_inputs(encoded), labels=encoded["input_ids"].masked_fill(~is_learned, IGNORED)).loss

    torch.testing.assert_close(module.loss(encoded), theirs)


@each(has_chat_template=True)
def test_a_row_reads_as_the_model_s_own_chat(folder: Path, family: Family, row: Row) -> None:
    encoder = Encoder(load_processor(str(folder)))
    parts = [{"type": "image", "image": image} for image in encoder.images(LINE, row)]
    words: Any = [*parts, {"type": "text", "text": "Which are these?"}] if family.reads_images else "Which are these?"
    answer: Any = [{"type": "text", "text": "row one"}] if family.reads_images else "row one"
    chat = [{"role": "user", "content": words}, {"role": "assistant", "content": answer}]

    theirs = encoder.processor.apply_chat_template(chat, tokenize=True, return_dict=True, return_tensors="pt")

    ours = model_inputs(encoder(LINE, row))
    assert ours["input_ids"].tolist() == theirs["input_ids"].tolist()
    assert ours.keys() == theirs.keys()


@each()
def test_a_question_is_the_beginning_of_its_row(folder: Path, row: Row) -> None:
    encoder = Encoder(load_processor(str(folder)))

    question, whole = encoder.prompt(LINE, row)["input_ids"][0], encoder(LINE, row)["input_ids"][0]

    assert len(question) < len(whole)
    assert torch.equal(question, whole[: len(question)])


@ANY_SIZE
def test_images_that_were_made_smaller_have_their_places(module: HFAutoModelForImageTextToText, row: Row) -> None:
    num_tokens = Encoder(module.processor)(LINE, row)["input_ids"].shape[1]

    encoded = Encoder(module.processor, max_tokens=num_tokens - 4).encode(LINE, row)

    assert encoded.sizes < encoded.original_sizes
    assert encoded.tensors["input_ids"].shape[1] <= num_tokens - 4
    assert torch.isfinite(module.loss(encoded.tensors))  # the model counts places and features itself


@ANY_SIZE
def test_a_question_has_its_row_s_smaller_images(folder: Path, row: Row) -> None:
    processor = load_processor(str(folder))
    encoder = Encoder(processor, max_tokens=Encoder(processor)(LINE, row)["input_ids"].shape[1] - 4)

    question, whole = encoder.prompt(LINE, row)["input_ids"][0], encoder(LINE, row)["input_ids"][0]

    assert torch.equal(question, whole[: len(question)])


@WITH_TYPES
def test_token_types_reach_the_model(family: Family, module: HFAutoModelForImageTextToText, row: Row) -> None:
    inputs = model_inputs(Encoder(module.processor)(LINE, row))
    without = {name: value for name, value in inputs.items() if name != NEEDED[family.name]}

    assert NEEDED[family.name] in inputs
    assert reads_differently(module, inputs, without)


@torch.no_grad()
def reads_differently(module: HFAutoModelForImageTextToText, inputs: EncodedRow, others: EncodedRow) -> bool:
    """True if the model refuses the others, or makes something else of them than rounding does."""
    logits = module(inputs).logits
    try:
        difference = (module(others).logits - logits).abs().max()
    except ValueError:
        return True
    return bool(difference > 1e-3 * logits.abs().max())

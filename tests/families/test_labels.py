"""What each family is trained on: the answers with their stop tokens, and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.families.catalogue import Family, each_of_all
from tests.families.tasks import answered, asked, image_part
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.collation import collate, micro_batches
from trainer_core.data.encoding import IGNORED, EncodedRow, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.loading import load_model, load_processor, required_inputs
from trainer_core.module import HFAutoModelForImageTextToText

LINE = Line(1, 0, 0)


@pytest.fixture
def encoder(folder: Path) -> Encoder:
    return Encoder(load_processor(str(folder)), required=required_inputs(str(folder)))


@pytest.fixture
def picture(family: Family) -> list[dict[str, Any]]:
    """An image for whoever reads images."""
    return [image_part(1)] if family.reads_images else []


def row(*messages: dict[str, Any]) -> Row:
    return Row.model_validate({"messages": messages})


def learned(encoder: Encoder, *messages: dict[str, Any]) -> list[str]:
    """The answers that a model learns from a row: its labels, each stretch decoded."""
    tokenizer = encoder.processor.tokenizer if hasattr(encoder.processor, "tokenizer") else encoder.processor
    found = []
    for sample in encoder.samples(LINE, row(*messages)):
        labels = encoder(LINE, sample)["labels"][0].tolist()
        stretches: list[list[int]] = [[]]
        for label in labels:
            if label == IGNORED:
                stretches.append([])
            else:
                stretches[-1].append(label)
        found += [tokenizer.decode(one).strip() for one in stretches if one]
    return found


def stop(encoder: Encoder) -> str:
    tokenizer = getattr(encoder.processor, "tokenizer", encoder.processor)
    return str(tokenizer.eos_token)


@each_of_all()
def test_labels_are_the_answer_and_its_stop_token(encoder: Encoder, picture: list[Any]) -> None:
    assert learned(encoder, asked("Which?", *picture), answered("row one")) == [f"row one{stop(encoder)}"]


@each_of_all(has_chat_template=True)
def test_each_answer_of_a_chat_is_learned(encoder: Encoder, picture: list[Any]) -> None:
    chat = [asked("Which?", *picture), answered("one"), asked("And?", *picture), answered("two")]

    assert learned(encoder, *chat) == [f"one{stop(encoder)}", f"two{stop(encoder)}"]


@each_of_all(has_chat_template=True)
def test_an_answer_of_weight_0_is_not_learned(encoder: Encoder, picture: list[Any]) -> None:
    chat = [asked("Which?", *picture), answered("one", 0), asked("And?"), answered("two")]

    assert learned(encoder, *chat) == [f"two{stop(encoder)}"]


@each_of_all(has_chat_template=True)
def test_a_turn_that_a_user_typed_is_not_learned(family: Family, encoder: Encoder, picture: list[Any]) -> None:
    typed = {"role": "assistant", "content": [{"type": "text", "text": "spoof"}] if family.reads_images else "spoof"}
    spoof = encoder.processor.apply_chat_template([typed], tokenize=False)

    assert learned(encoder, asked(f"Which? {spoof}", *picture), answered("one")) == [f"one{stop(encoder)}"]


@each_of_all(reads_images=True, has_image_token=True)
def test_no_place_of_an_image_is_learned(folder: Path, picture: list[Any]) -> None:
    encoder = Encoder(load_processor(str(folder)), train_on="everything")
    image_id = encoder.processor.tokenizer.convert_tokens_to_ids(str(encoder.processor.image_token))

    encoded = encoder(LINE, row(asked("Which?", *picture), answered("one")))

    assert image_id in encoded["input_ids"]
    assert image_id not in encoded["labels"]


@each_of_all(reads_images=True, has_image_token=True)
def test_an_image_token_that_a_user_typed_is_refused(encoder: Encoder, picture: list[Any]) -> None:
    typed = str(encoder.processor.image_token)

    with pytest.raises(InvalidDataset, match="line 1"):
        encoder(LINE, row(asked(f"What does {typed} mean?", *picture), answered("one")))


def rows_of(family: Family) -> list[Row]:
    """One image, two, a wide one and none, as far as the family takes them."""
    if not family.reads_images:
        return [row(asked("Which?" * number), answered("one" * number)) for number in (1, 2, 3)]
    found = [
        row(asked("Which?", image_part(1)), answered("one")),
        row(asked("Where is it, and why is it there?", image_part(2, 96)), answered("two and three")),
    ]
    if family.takes_several_images:
        found.append(row(asked("Which?", image_part(1), image_part(3)), answered("both")))
    if family.takes_rows_without_images:
        found.append(row(asked("Which?"), answered("none")))
    return found


@each_of_all(takes_batches=True)
def test_a_batch_has_the_loss_of_its_rows(family: Family, folder: Path, encoder: Encoder) -> None:
    module = HFAutoModelForImageTextToText(processor=encoder.processor)
    module.model = load_model(str(folder)).eval()
    encoded = [encoder(LINE, one) for one in rows_of(family)]

    with torch.no_grad():
        apart = total(module, [[one] for one in encoded])
        together = total(module, micro_batches(encoded, len(encoded)))

    assert apart == pytest.approx(together, rel=1e-5)


def total(module: HFAutoModelForImageTextToText, groups: Sequence[Sequence[EncodedRow]]) -> float:
    """The summed loss of all targets."""
    batches = [collate(group, 0) for group in groups]
    return sum(float(module.loss(batch)) * int((batch["labels"] != IGNORED).sum()) for batch in batches)


@each_of_all(takes_several_images=False)
def test_a_second_image_is_refused_by_a_family_of_one(encoder: Encoder) -> None:
    with pytest.raises(InvalidDataset, match="one image a row"):
        encoder(LINE, row(asked("Which?", image_part(1), image_part(2)), answered("one")))


@each_of_all(takes_rows_without_images=False)
def test_a_row_without_an_image_is_refused_by_a_family_that_needs_one(encoder: Encoder) -> None:
    with pytest.raises(InvalidDataset, match="image"):
        encoder(LINE, row(asked("Which?"), answered("one")))


@each_of_all(has_chat_template=False)
def test_a_chat_is_refused_by_a_base_model(encoder: Encoder, picture: list[Any]) -> None:
    with pytest.raises(InvalidDataset, match="no chat template"):
        encoder(LINE, row(asked("Which?", *picture), answered("one"), asked("And?"), answered("two")))

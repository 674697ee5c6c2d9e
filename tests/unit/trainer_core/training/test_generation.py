"""Answers to several questions at once, and where they end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import lines
from trainer_core.models.loading import load_model, load_processor
from trainer_core.models.starter import SPECIAL
from trainer_core.training.generation import Question, answers, questions, stop_where_taught

END = "<|end|>"


@pytest.fixture
def rows(
    starter_dir: Path,
    tmp_path: Path,
    chat: Callable[..., dict[str, Any]],
    write_rows: Callable[[Path, Sequence[dict[str, Any]]], Path],
) -> EncodedRows:
    """Questions of several lengths, some without a picture."""
    asked = [("Which?", 9), ("Which digit is this?", 99), ("What?", None), ("Say it again", None), ("Which?", 200)]
    chats = [chat("7", question=question, shade=shade) for question, shade in asked]
    path = write_rows(tmp_path / "rows.jsonl", chats)
    return EncodedRows(path, list(lines(path)), Encoder(load_processor(str(starter_dir))))


def answered(model: Any, asked: Sequence[Question], batch_size: int) -> dict[int, list[int]]:
    """Tokens by question."""
    written = answers(model, asked, batch_size=batch_size, max_new_tokens=4, stop_ids=[SPECIAL.index(END)])
    return {question.index: ids.tolist() for question, ids in written}


def test_questions_are_answered_together_as_they_are_alone(starter_dir: Path, rows: EncodedRows) -> None:
    model, asked = load_model(str(starter_dir)).eval(), questions(rows, len(rows))

    assert answered(model, asked, batch_size=5) == answered(model, asked, batch_size=1)


def test_a_model_that_takes_one_question_at_a_time_is_asked_so(starter_dir: Path, rows: EncodedRows) -> None:
    class MiniCpm(type(load_model(str(starter_dir)))):  # type: ignore[misc]
        """Its pixels cannot be joined as those of others are."""

        def generate(self, *args: Any, **kwargs: Any) -> Any:
            if len(kwargs["input_ids"]) > 1:
                raise RuntimeError("The size of tensor a (64) must match the size of tensor b (192)")
            return super().generate(*args, **kwargs)

    model, asked = load_model(str(starter_dir)).eval(), questions(rows, len(rows))
    one_by_one = MiniCpm.from_pretrained(starter_dir).eval()

    assert answered(one_by_one, asked, batch_size=5) == answered(model, asked, batch_size=1)


def test_questions_of_one_length_are_asked_together_and_none_is_filled_up(starter_dir: Path, rows: EncodedRows) -> None:
    model = load_model(str(starter_dir)).eval()
    read = list[torch.Tensor]()
    model.register_forward_pre_hook(lambda _module, _args, inputs: read.append(inputs["input_ids"]), with_kwargs=True)

    answered(model, questions(rows, len(rows)), batch_size=5)

    asked = [ids for ids in read if ids.shape[1] > 1]
    assert sorted(len(ids) for ids in asked) == [1, 1, 1, 2]
    assert not any((ids == SPECIAL.index("<pad>")).any() for ids in asked)


def test_a_target_is_the_answer_with_its_stop_token(starter_dir: Path, rows: EncodedRows) -> None:
    processor: Any = load_processor(str(starter_dir))

    assert {processor.decode(one.target) for one in questions(rows, len(rows))} == {f"7{END}"}


@pytest.mark.parametrize("own", [None, 1, [1]])
def test_a_model_stops_where_its_rows_do(starter_dir: Path, rows: EncodedRows, own: Any) -> None:
    processor: Any = load_processor(str(starter_dir))
    processor.tokenizer.eos_token = "<pad>"
    model: Any = load_model(str(starter_dir))
    model.generation_config.eos_token_id = own

    stop_where_taught(processor.tokenizer, model, [rows[0]])

    assert processor.tokenizer.convert_tokens_to_ids(END) in model.generation_config.eos_token_id


def test_a_model_with_a_way_to_write_of_its_own_is_told(starter_dir: Path, rows: EncodedRows) -> None:
    class Blip(type(load_model(str(starter_dir)))):  # type: ignore[misc]
        """It sets its stop token itself."""

        def generate(self, *args: Any, **kwargs: Any) -> Any:
            return super().generate(*args, **kwargs, eos_token_id=3)

    rows.prepare(lambda: None)
    asked = questions(rows, 1)

    with pytest.raises(TrainerError, match=r"leave evaluation\.generation out") as refused:
        answered(Blip.from_pretrained(starter_dir), asked, batch_size=1)

    assert refused.value.code is FailureCode.BASE_MODEL_UNUSABLE

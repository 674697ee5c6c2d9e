"""What worker and trainer say to each other about chats."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from trainer_core.contract import chat
from trainer_core.contract.chat import (
    SAID,
    TOLD,
    Answered,
    Chat,
    Question,
    RefusalCode,
    Refused,
    Said,
    Sampling,
    Stop,
    TextWritten,
    Told,
)
from trainer_core.contract.sources import ModelSource

SOURCE = ModelSource(base_model="/models/starter", adapters=("/a", "/b"), quantization="nf4")


@pytest.mark.parametrize(
    "said", [Question(source=SOURCE, chat=Chat(messages=({"role": "user", "content": "\n"},))), Stop()]
)
def test_what_is_said_is_one_line_that_is_read_as_it_was_meant(said: Said) -> None:
    line = said.model_dump_json()

    assert "\n" not in line
    assert SAID.validate_json(line) == said


@pytest.mark.parametrize(
    "told",
    [
        TextWritten(text="7\n"),
        Answered(finish_reason="stop", num_prompt_tokens=1, num_new_tokens=2),
        Refused(code=RefusalCode.BROKE_DOWN, message="why"),
    ],
)
def test_so_is_what_is_told(told: Told) -> None:
    line = told.model_dump_json()

    assert "\n" not in line
    assert TOLD.validate_json(line) == told


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"top_p": 2}, {"max_new_tokens": 0}, {"stop": ["a"] * 5}])
def test_sampling_is_within_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sampling.model_validate(wrong)


def test_every_refusal_says_what_to_do() -> None:
    [codes] = [
        node
        for node in ast.parse(Path(chat.__file__).read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "RefusalCode"
    ]

    assert len([node for node in codes.body if isinstance(node, ast.Expr)]) == len(RefusalCode) + 1

"""Rows with tools as the text that a model reads, whatever its chat template wants."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.tooled import (
    DEEPSEEK,
    HERMES,
    PARTS,
    PRINTING,
    WEATHER,
    asked,
    calling,
    result,
    tooled,
    whole,
    with_template,
)
from trainer_core.data.rendering import Renderer, UnrenderableRow
from trainer_core.data.rows import Row
from trainer_core.models.starter import CHAT_TEMPLATE

Json = dict[str, Any]
DECLARED = '{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", '
CALL = '<call>{"name": "get_weather", "arguments": {"city": "Paris"}}</call>'
AS_IN_THE_ROW = CALL.replace('"city": "Paris"', '"city":"Paris"')
RESULT = "<|user|><response>get_weather: 18 C</response><|end|>"


@pytest.fixture(params=["processor", "tokenizer"])
def renderer(request: pytest.FixtureRequest, starter_dir: Path) -> Callable[..., Renderer]:
    """A renderer of a model that comes with a template, one that reads images or one of text alone."""

    def made(template: str, **how: Any) -> Renderer:
        processor = with_template(starter_dir, template)
        if request.param == "tokenizer":
            processor = AutoTokenizer.from_pretrained(starter_dir)
            processor.chat_template = template
        return Renderer(processor, **how)

    return made


def learned(renderer: Renderer, row: Json) -> list[str]:
    """What the loss is taken on."""
    [sample] = renderer.samples(Row.model_validate(row))
    rendered = renderer(sample)
    return [rendered.text[slice(*span)] for span in rendered.spans]


@pytest.mark.parametrize(
    ("template", "call"),
    [(HERMES, CALL), (DEEPSEEK, AS_IN_THE_ROW), (PRINTING, AS_IN_THE_ROW)],
    ids=["objects", "text", "print"],
)
def test_a_call_is_learned_as_the_template_writes_it(
    renderer: Callable[..., Renderer], template: str, call: str
) -> None:
    assert learned(renderer(template), whole()) == [f"{call}<|end|>", "It is 18.<|end|>"]


def test_tools_and_results_are_read_and_not_learned(renderer: Callable[..., Renderer]) -> None:
    text = renderer(HERMES)(Row.model_validate(whole())).text

    assert text.startswith(f"<bos><|system|>Tools: {DECLARED}")
    assert text.endswith(f"<|user|>Paris?<|end|><|assistant|>{CALL}<|end|>{RESULT}<|assistant|>It is 18.<|end|>")


def test_what_is_said_beside_calls_is_learned_with_them(renderer: Callable[..., Renderer]) -> None:
    [answer] = learned(renderer(HERMES), tooled(asked(), calling("Paris", "Rome", content="Let me see.")))

    assert answer == f"Let me see.{CALL}{CALL.replace('Paris', 'Rome')}<|end|>"


def test_a_call_of_weight_0_is_not_learned(renderer: Callable[..., Renderer]) -> None:
    row = whole()
    row["messages"][1]["weight"] = 0

    assert learned(renderer(HERMES), row) == ["It is 18.<|end|>"]


def test_a_call_in_another_script_stays_in_it(renderer: Callable[..., Renderer]) -> None:
    [call] = learned(renderer(HERMES), tooled(asked(), calling("Zürich 東京")))

    assert '{"city": "Zürich 東京"}' in call


def test_code_that_looks_like_a_part_is_an_argument_like_any_other(renderer: Callable[..., Renderer]) -> None:
    code = "{'type': 'text', \"a\": 1}"

    [call] = learned(renderer(HERMES), tooled(asked(), calling(code)))

    assert "{'type': 'text', " in call


@pytest.mark.parametrize("template", [HERMES, DEEPSEEK], ids=["objects", "text"])
def test_a_prompt_has_the_tools_and_the_calls_before_it(renderer: Callable[..., Renderer], template: str) -> None:
    chosen, row = renderer(template), Row.model_validate(whole())

    prompt = chosen.prompt(row)

    assert DECLARED in prompt
    assert chosen(row).text == f"{prompt}It is 18.<|end|>"


def test_a_template_may_want_parts_of_results_too(starter_dir: Path) -> None:
    rendered = Renderer(with_template(starter_dir, PARTS))(Row.model_validate(whole()))

    assert "<|user|>18 C<|end|>" in rendered.text


def test_each_sample_of_a_row_has_its_tools(starter_dir: Path) -> None:
    differently = "{% if loop.last and message.role == 'assistant' %} {% endif %}"
    changing = HERMES.replace("<|{{ message.role }}|>", "<|{{ message.role }}|>" + differently)
    renderer = Renderer(with_template(starter_dir, changing))

    samples = renderer.samples(Row.model_validate(whole()))

    assert [len(sample.messages) for sample in samples] == [2, 4]
    assert all(DECLARED in renderer(sample).text for sample in samples)


def test_only_the_last_answer_is_learned_with_its_tools(renderer: Callable[..., Renderer]) -> None:
    chosen = renderer(HERMES, train_on="last_answer")
    [sample] = chosen.samples(Row.model_validate(whole()))

    assert learned(chosen, whole()) == ["It is 18.<|end|>"]
    assert DECLARED in chosen(sample).text


WITHOUT_TOOLS = HERMES.replace("{% if tools %}", "{% if false %}")
WITHOUT_CALLS = HERMES.replace("{% for call in message.tool_calls %}", "{% for call in [] %}")
ONE_CALL = HERMES.replace("in message.tool_calls %}", "in (message.tool_calls or [])[:1] %}")
WITHOUT_RESULTS = HERMES.replace("<response>", "{% set message = {'content': 'something'} %}<response>")
STRICT = HERMES + "{% if messages[-1].tool_calls | length > 1 %}{{ raise_exception('one call at once') }}{% endif %}"
LOSSES = [
    (CHAT_TEMPLATE, whole(), "writes no tools"),
    (WITHOUT_TOOLS, whole(), "writes no tools"),
    (DEEPSEEK.replace("{% if tools %}", "{% if false %}"), whole(), "writes no tools"),
    (WITHOUT_TOOLS, tooled(asked(), {"role": "assistant", "content": "Hm."}), "writes no tools"),
    (WITHOUT_CALLS, whole(), "does not write message 1, a call of a tool"),
    (ONE_CALL, tooled(asked(), calling("Paris", "Rome")), "does not write message 1, a call of a tool"),
    (WITHOUT_RESULTS, whole(), "does not write message 2, a result of a tool"),
    (STRICT, tooled(asked(), calling("Paris", "Rome")), "does not take this row with its tools: one call at once"),
]


@pytest.mark.parametrize(("template", "row", "reason"), LOSSES, ids=range(len(LOSSES)))
def test_what_a_template_leaves_out_is_never_trained_without(
    renderer: Callable[..., Renderer], template: str, row: Json, reason: str
) -> None:
    chosen = renderer(template)

    with pytest.raises(UnrenderableRow, match=reason):
        chosen.samples(Row.model_validate(row))


def test_a_model_without_a_template_writes_no_tools(starter_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(starter_dir)
    tokenizer.chat_template = None

    with pytest.raises(UnrenderableRow, match="no chat template, so it writes no tools"):
        Renderer(tokenizer)(Row.model_validate(tooled(asked(), calling("Paris"))))


def test_tools_of_a_row_without_calls_are_read(renderer: Callable[..., Renderer]) -> None:
    row = tooled(asked(), {"role": "assistant", "content": "Hm."}, tools=(WEATHER, named("now")))

    text = renderer(HERMES)(Row.model_validate(row)).text

    assert text.count('"type": "function"') == 2


def named(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


def test_a_row_without_tools_is_written_no_oftener_than_its_answers_need(
    starter_dir: Path, chat: Callable[..., Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = with_template(starter_dir, HERMES)
    given, write = list[Json](), processor.apply_chat_template

    def counted(*turns: Any, **how: Any) -> Any:
        given.append(how)
        return write(*turns, **how)

    monkeypatch.setattr(processor, "apply_chat_template", counted)

    Renderer(processor)(Row.model_validate(chat("7")))

    assert [sorted(how) for how in given] == [["add_generation_prompt", "tokenize"]] * 2


def test_results_of_several_calls_are_read(renderer: Callable[..., Renderer]) -> None:
    turns = [asked(), calling("Paris", "Rome"), result("Rome", "28 C"), result("Paris", "18 C")]

    text = renderer(HERMES)(Row.model_validate(tooled(*turns, {"role": "assistant", "content": "So."}))).text

    assert f"{RESULT.replace('18', '28')}{RESULT}<|assistant|>So.<|end|>" in text

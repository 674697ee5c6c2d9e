"""Rows with tools: what is read, and what is wrong with them, by line and message."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tooled import WEATHER, asked, calling, result, tooled, whole
from tests.unit.trainer_core.data.forms import write_json, write_parquet
from trainer_core.contract.dataset import DatasetReport
from trainer_core.data.conversion import convert
from trainer_core.data.reader import lines, read
from trainer_core.data.rows import Row
from trainer_core.data.sources import Sources

Json = dict[str, Any]
ANSWER = {"role": "assistant", "content": "2"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows"


def report_on(path: Path, *rows: Json) -> DatasetReport:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return convert(path, Sources())


@pytest.mark.parametrize(
    "row",
    [
        whole(),
        tooled(asked(), calling("Paris")),
        tooled(asked(), calling("Paris", content="")),
        tooled(
            asked(), calling("Paris", "Rome", content="Both."), result("Rome", "28 C"), result("Paris", "18 C"), ANSWER
        ),
        tooled(asked(), calling("Paris"), result("Paris", ""), ANSWER),
        tooled({**asked(), "name": "ann"}, {**ANSWER, "name": "bot"}),
        {"messages": [asked(), ANSWER], "tools": [], "parallel_tool_calls": False},
        tooled(asked(), {name: value for name, value in calling("Paris").items() if name != "content"}),
        tooled(asked(), {**calling("Paris"), "weight": 0}, result("Paris", "18 C"), ANSWER),
        tooled(asked(), ANSWER, tools=({"type": "function", "function": {"name": "now", "strict": True}},)),
    ],
    ids=[
        "whole",
        "call",
        "empty content",
        "parallel",
        "nothing found",
        "names",
        "empty",
        "no content",
        "weight 0",
        "little declared",
    ],
)
def test_rows_as_openai_has_them_stay_as_they_are(path: Path, row: Json) -> None:
    report = report_on(path, row)

    assert (report.num_rows, report.faults, report.is_converted) == (1, (), False)


def test_what_has_no_effect_is_told(path: Path) -> None:
    assert report_on(path, {**whole(), "parallel_tool_calls": True}).unused_keys == ("parallel_tool_calls",)
    assert report_on(path, whole()).unused_keys == ()


def called(**changed: Any) -> Json:
    """A row whose one call says something else."""
    turn = calling("Paris")
    turn["tool_calls"][0]["function"] |= changed
    return tooled(asked(), turn)


OTHER = {"type": "function", "function": {"name": "other"}}
WRONG: list[tuple[Json, int | None, str]] = [
    (tooled(asked(), {**ANSWER, "tool_calls": []}), 1, "tool_calls: must not be empty"),
    (called(arguments="Paris"), 1, "tool_calls.0.function.arguments: must be a JSON object as text"),
    (called(arguments={"city": "Paris"}), 1, "tool_calls.0.function.arguments: "),
    (called(name="get_wether"), 1, "tool_calls: 'get_wether' is not declared in tools"),
    (tooled(asked(), calling("Paris"), tools=()), 1, "tool_calls: 'get_weather' is not declared in tools"),
    (tooled(asked(), calling("Paris"), tools=(WEATHER, WEATHER)), None, "tools: 'get_weather' is declared twice"),
    (tooled(asked(), calling("Paris"), result("Rome", "28"), ANSWER), 2, "'call_Rome' answers no call before it"),
    (tooled(asked(), result("Paris", "18"), calling("Paris")), 1, "'call_Paris' answers no call before it"),
    (tooled(asked(), calling("Paris"), {"role": "tool", "content": "18"}, ANSWER), 2, "tool_call_id: is missing"),
    (tooled(asked(), {**ANSWER, "tool_call_id": "1"}), 1, "tool_call_id: belongs to the role tool, not assistant"),
    (tooled({**calling("Paris"), **asked()}, ANSWER), 0, "tool_calls: only the assistant calls"),
    (tooled(asked(), {"role": "assistant"}), 1, "content: is missing, and so is tool_calls"),
    (tooled(asked(), {"role": "assistant", "content": ""}), 1, "an empty answer teaches nothing"),
    (tooled(asked(), ANSWER, tools=({**WEATHER, "type": "web_search"},)), None, "tools.0.type: "),
    ({"messages": [asked(), ANSWER], "functions": []}, None, "functions: is deprecated by OpenAI and not read; write"),
    (tooled(asked(), {**ANSWER, "function_call": {}}), 1, "function_call: is deprecated by OpenAI and not read; write"),
]


@pytest.mark.parametrize(("row", "message_index", "detail"), WRONG, ids=[detail for *_, detail in WRONG])
def test_what_is_wrong_is_told_by_line_and_message(
    path: Path, row: Json, message_index: int | None, detail: str
) -> None:
    [fault] = report_on(path, whole(), row).faults

    assert (fault.code, fault.line, fault.message_index) == ("invalid_row", 2, message_index)
    assert detail in fault.detail


def test_a_picture_is_no_result(path: Path, png_url: Callable[..., str]) -> None:
    picture = [{"type": "image_url", "image_url": {"url": png_url()}}]

    [fault] = report_on(path, tooled(asked(), calling("Paris"), {**result("Paris", ""), "content": picture})).faults

    assert fault.detail == "an image in a message of the role tool; only users send images"


def pair(**changed: Any) -> Json:
    return {
        "input": {"messages": [asked()], "tools": [WEATHER], "parallel_tool_calls": True},
        "preferred_output": [calling("Paris")],
        "non_preferred_output": [ANSWER],
        **changed,
    }


def test_a_pair_may_call(path: Path) -> None:
    report = report_on(path, pair(), pair(non_preferred_output=[calling("Rome")]))

    assert (report.kind, report.num_rows, report.faults) == ("pair", 2, ())
    assert report.unused_keys == ("parallel_tool_calls",)


def test_both_samples_of_a_pair_have_its_tools(path: Path) -> None:
    report_on(path, pair())
    [line] = lines(path)

    samples = read(path, line).answered()  # type: ignore[union-attr]

    assert [[tool.as_declared() for tool in sample.tools] for sample in samples] == [[WEATHER], [WEATHER]]


def test_answers_that_differ_in_the_kind_of_an_argument_differ(path: Path) -> None:
    yes, one = calling("Paris"), calling("Paris")
    yes["tool_calls"][0]["function"]["arguments"], one["tool_calls"][0]["function"]["arguments"] = (
        '{"a":true}',
        '{"a":1}',
    )

    assert report_on(path, pair(preferred_output=[yes], non_preferred_output=[one])).faults == ()


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"non_preferred_output": [calling("Paris", content="")]}, "are the same, so there is nothing to prefer"),
        ({"input": {"messages": [asked()]}}, "preferred_output: tool_calls: 'get_weather' is not declared in tools"),
        ({"non_preferred_output": [result("Paris", "18")]}, "must be one message of the role assistant"),
    ],
    ids=["same", "not declared", "no answer"],
)
def test_what_is_wrong_with_a_pair_that_calls_is_told(path: Path, changed: Json, detail: str) -> None:
    [fault] = report_on(path, pair(**changed)).faults

    assert detail in fault.detail


@pytest.mark.parametrize("packed", [[WEATHER], json.dumps([WEATHER])], ids=["as lists", "as text"])
def test_tables_and_lists_have_tools_too(path: Path, packed: Any) -> None:
    row = {**whole(), "tools": packed, "id": 7}

    for write in (write_json, write_parquet):
        output = path.with_suffix(".out")
        with output.open("wb") as file:
            report = convert(write(path, [row]), Sources(), file)

        assert (report.faults, report.unused_keys) == ((), ("id",))
        assert Row.model_validate_json(output.read_bytes()) == Row.model_validate(whole())


def test_a_table_of_deprecated_functions_is_refused(path: Path) -> None:
    [fault] = convert(
        write_json(path, [{"messages": [asked(), ANSWER], "functions": [{"name": "f"}]}]), Sources()
    ).faults

    assert "functions: is deprecated" in fault.detail


SHAREGPT = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]


@pytest.mark.parametrize(
    "row", [{"conversations": SHAREGPT}, pair(input={"messages": [asked()]})], ids=["other", "pair"]
)
@pytest.mark.parametrize("tools", [[WEATHER], json.dumps([WEATHER])], ids=["as lists", "as text"])
def test_tools_are_not_passed_over_where_they_are_not_read(path: Path, row: Json, tools: Any) -> None:
    [fault] = convert(write_json(path, [{**row, "tools": tools}]), Sources()).faults

    assert "tools: are read beside messages and in the input of pairs" in fault.detail


@pytest.mark.parametrize("none", [[], "", "[]"], ids=["list", "no text", "text"])
def test_a_column_of_tools_may_be_empty(path: Path, none: Any) -> None:
    rows = [{"conversations": SHAREGPT, "tools": none}, {"messages": [asked(), ANSWER], "tools": none}]

    assert convert(write_json(path, rows), Sources()).faults == ()


def test_a_picture_beside_a_row_with_tools_stands_in_its_question(path: Path, png_url: Callable[..., str]) -> None:
    row = {**whole(), "images": [png_url()]}
    output = path.with_suffix(".out")

    with output.open("wb") as file:
        report = convert(write_json(path, [row]), Sources(), file)

    kept = Row.model_validate_json(output.read_bytes())
    assert (report.num_images, [index for index, _ in kept.images()]) == (1, [0])
    assert kept.messages[1:] == Row.model_validate(whole()).messages[1:]


def test_what_is_too_deep_to_be_read_again_is_refused(path: Path) -> None:
    deep = '{"properties":' * 195 + "{}" + "}" * 195
    packed = f'[{{"type": "function", "function": {{"name": "f", "parameters": {deep}}}}}]'

    [fault] = report_on(path, {"messages": [asked(), ANSWER], "tools": packed}).faults

    assert fault.detail == "tools.0.function.parameters: must be JSON, nested not too deep, without infinite numbers"

"""Every fault of a dataset, by line, message and image."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_core.contract.dataset import MAX_FAULTS, DatasetFault, DatasetReport
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data.conversion import convert
from trainer_core.data.reader import lines, read
from trainer_core.data.sources import Sources

GOOD = '{"messages":[{"role":"user","content":"two?"},{"role":"assistant","content":"2"}]}'
Chat = Callable[..., dict[str, Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def check(path: Path) -> DatasetReport:
    return convert(path, Sources())


def fault_of(path: Path, line: str | bytes) -> DatasetFault:
    """The one fault of a file that has a good line, and then this one."""
    path.write_bytes(GOOD.encode() + b"\n" + (line if isinstance(line, bytes) else line.encode()))
    [fault] = check(path).faults
    return fault


def with_user_content(content: Any) -> str:
    return json.dumps({"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "2"}]})


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def test_good_rows_and_their_images_are_counted(path: Path, chat: Chat) -> None:
    path.write_text(f"{GOOD}\n{json.dumps(chat())}\n")

    report = check(path)

    assert (report.num_rows, report.num_images, report.num_faults) == (2, 1, 0)


@pytest.mark.parametrize("text", [f"\ufeff{GOOD}\n", f"{GOOD}\r\n", f"\n  \n{GOOD}", f"\ufeff\n{GOOD}", f"{GOOD}\n\n"])
def test_marks_and_blank_lines_are_no_rows(path: Path, text: str) -> None:
    path.write_bytes(text.encode())

    report = check(path)

    assert (report.num_rows, report.num_faults) == (1, 0)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_rows_is_a_fault(path: Path, text: str) -> None:
    path.write_text(text)

    [fault] = check(path).faults

    assert (fault.code, fault.line) == ("empty_dataset", None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\xff\xfe", "not_utf8"),
        ("hello", "not_json"),
        ('{"messages":\x00}', "not_json"),
        (GOOD + GOOD, "not_json"),
        ("[" * 100_000, "not_json"),
        (GOOD.replace("two?", "\\ud800"), "not_json"),
        ("null", "invalid_row"),
        ('{"messages":"hi"}', "invalid_row"),
        ('{"messages":[]}', "no_assistant_message"),
        ('{"messages":[{"role":"user","content":"two?"}]}', "no_assistant_message"),
        (GOOD.replace('"2"', '"2","weight":0'), "no_assistant_message"),
    ],
)
def test_a_line_that_is_no_row_is_named(path: Path, line: str | bytes, code: str) -> None:
    fault = fault_of(path, line)

    assert (fault.code, fault.line) == (code, 2)


@pytest.mark.parametrize(
    ("line", "message_index", "words"),
    [
        (GOOD.replace('"2"', '"2","weights":1'), 1, "weights: unknown key"),
        (GOOD.replace(',"content":"two?"', ""), 0, "content: is missing"),
        (GOOD.replace('"user"', '"function"'), 0, "role: "),
        (GOOD.replace('"2"', "null"), 1, "content: is missing"),
        (GOOD.replace('"2"', '" "'), 1, "empty answer"),
        (GOOD.replace('"2"', '"2","weight":2'), 1, "weight: "),
        (with_user_content([]), 0, "content: must not be empty"),
        (with_user_content([{"type": "video"}]), 0, "content.0: "),
        (GOOD.replace('"user"', '"assistant"'), 0, "an answer to nothing"),
        (GOOD[:-1] + ',"answer":2}', None, "answer: unknown key"),
    ],
)
def test_what_is_wrong_with_a_message_is_told(path: Path, line: str, message_index: int | None, words: str) -> None:
    fault = fault_of(path, line)

    assert (fault.code, fault.line, fault.message_index) == ("invalid_row", 2, message_index)
    assert words in fault.detail


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png", "data:image/gif;base64,R0lGODdh", "data:image/png;base64,AA"]
)
def test_a_broken_image_is_named(path: Path, png_url: Callable[..., str], url: str) -> None:
    fault = fault_of(path, with_user_content([picture(png_url()), picture(url)]))

    assert (fault.code, fault.line, fault.message_index, fault.image_index) == ("invalid_image", 2, 0, 1)


def test_only_users_send_images(path: Path, png_url: Callable[..., str]) -> None:
    line = GOOD.replace('"2"', json.dumps([picture(png_url())]))

    fault = fault_of(path, line)

    assert (fault.code, fault.message_index) == ("invalid_row", 1)


def test_eleven_images_are_too_many(path: Path, png_url: Callable[..., str]) -> None:
    fault = fault_of(path, with_user_content([picture(png_url())] * 11))

    assert fault.detail == "11 images, where 10 are allowed"


def test_a_list_of_a_thousand_mistakes_is_one_fault(path: Path) -> None:
    fault = fault_of(path, json.dumps({"messages": [1] * 1000}))

    assert fault.message_index == 0


def test_the_first_faults_are_shown_and_all_are_counted(path: Path) -> None:
    path.write_text("no row\n" * (MAX_FAULTS + 5))

    report = check(path)

    assert (report.num_faults, len(report.faults)) == (MAX_FAULTS + 5, MAX_FAULTS)


def test_a_line_longer_than_any_row_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_core.data.reader.MAX_LINE_BYTES", 200)

    fault = fault_of(path, GOOD.replace("two?", "2" * 1000))

    assert (fault.code, fault.line) == ("invalid_row", 2)


def test_a_row_is_read_from_the_middle_of_a_file(path: Path) -> None:
    path.write_text(f"{GOOD}\n\n{GOOD.replace('two?', 'zwei?')}\n")
    [_, line] = lines(path)

    row = read(path, line)

    assert (line.number, row.messages[0].content) == (3, "zwei?")


def test_reading_a_row_that_is_none_raises_its_fault(path: Path) -> None:
    path.write_text("hello")
    [line] = lines(path)

    with pytest.raises(InvalidDataset, match="line 1: "):
        read(path, line)


def test_a_file_of_another_form_is_told_how_to_convert(path: Path) -> None:
    path.write_text(f"[{GOOD}]")

    with pytest.raises(InvalidDataset, match=r"python -m trainer_core\.data rows\.jsonl --output"):
        list(lines(path))

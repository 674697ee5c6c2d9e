"""Whoever reads the documents notices what is wrong in them."""

import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from pydantic import ValidationError

from tests.documents import blocks
from tests.documents.blocks import Block, blocks_of
from tests.documents.reader import Reader


def block(language: str, text: str) -> Block:
    return Block("page.md:1", language, text, exempt=None, given=None)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path, {"PATH": os.environ["PATH"]}, {"ty_…": "ty_mine"}, lambda _: None)
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("bash", "false\ntrue"),
        ("bash", "false | cat"),
        ("console", "$ false\nnothing was said"),
        ("python", "1 / 0"),
        ("python", "raise SystemExit(0)"),
        ("cobol", "STOP RUN"),
    ],
)
def test_a_block_that_fails_is_noticed(reader: Reader, language: str, text: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        reader.run(block(language, text), "ftjob-1")


def test_a_spec_that_the_service_would_refuse_is_noticed(reader: Reader) -> None:
    with pytest.raises(ValidationError, match="num_epoch"):
        reader.run(block("json", '{"base_model": "a", "train_dataset": "b", "num_epoch": 1}'), "ftjob-1")


def test_what_a_shell_was_told_holds_for_the_next_block(reader: Reader) -> None:
    reader.run(block("bash", "word=hello"), "ftjob-1")
    reader.run(block("bash", 'test "$word" = hello'), "ftjob-1")


def test_what_python_was_told_holds_for_the_next_block(reader: Reader) -> None:
    reader.run(block("python", "word = 'hello'"), "ftjob-1")
    reader.run(block("python", "assert word == 'hello'"), "ftjob-1")


def test_a_reader_puts_what_they_have_where_a_page_leaves_it_open(reader: Reader) -> None:
    reader.run(block("bash", 'test "ty_… ftjob-…" = "ty_mine ftjob-1"'), "ftjob-1")


@pytest.mark.parametrize(
    ("language", "text"),
    [("bash", "if"), ("bash", "make nothing-of-the-kind"), ("python", "def"), ("json", "{"), ("cobol", "STOP RUN")],
)
def test_a_block_that_is_not_run_is_looked_at(reader: Reader, language: str, text: str) -> None:
    with pytest.raises((AssertionError, SyntaxError, ValueError, CalledProcessError)):
        reader.look_at(block(language, text))


def test_only_a_comment_right_before_a_block_exempts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: it\nneeds a GPU -->\n```bash\na\n```\n\n- b\n\n  ```python\n  b\n  ```\n\n```\nc\n```\n"
    )

    first, second = blocks_of(page)

    assert (first.place, first.exempt) == ("page.md:3", "it needs a GPU")
    assert (second.place, second.exempt, second.text) == ("page.md:9", None, "b\n")

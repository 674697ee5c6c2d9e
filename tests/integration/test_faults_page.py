"""`docs/faults.md` tells the truth: each fault says where it was seen and names tests that are there."""

import re

import pytest

from tests.integration import pages

FAULTS = pages.faults(pages.read("faults.md"))
EACH_FAULT = pytest.mark.parametrize("cells", FAULTS, ids=[cells[0] for cells in FAULTS])


@EACH_FAULT
def test_every_fault_names_tests_that_are_there(cells: list[str]) -> None:
    named = pages.named_tests(cells[-1])

    assert len(cells) == 4
    assert named
    assert [test for file, test in named if test not in pages.functions_of(file)] == []


@EACH_FAULT
def test_a_fault_names_tests_and_nothing_else(cells: list[str]) -> None:
    named = [f"`{file}::{test}`" for file, test in pages.named_tests(cells[-1])]

    assert cells[-1] == ", ".join(named)


@EACH_FAULT
def test_every_fault_says_where_it_was_seen(cells: list[str]) -> None:
    assert re.search(r"[\w.-]+#\d+|transformers \d|NeMo 2|bitsandbytes \d", cells[1])


def test_no_fault_is_told_twice() -> None:
    told = [cells[0] for cells in FAULTS]

    assert len(told) > 30
    assert sorted(told) == sorted(set(told))

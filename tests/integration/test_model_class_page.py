"""`docs/model_class.md` tells the truth: its signature, its methods and its tests are there."""

import ast
import inspect
import re

import pytest

from tests.integration import pages
from trainer_core.module import HFAutoModelForImageTextToText

PAGE = pages.read("model_class.md")
FAULTS = pages.faults(PAGE)


@pytest.mark.parametrize("cells", FAULTS, ids=[cells[0] for cells in FAULTS])
def test_every_fault_names_tests_that_are_there(cells: list[str]) -> None:
    named = pages.named_tests(cells[-1])

    assert len(cells) == 4
    assert named
    assert [test for file, test in named if test not in pages.functions_of(file)] == []


def test_its_signature_is_that_of_the_class() -> None:
    block = re.search(r"```\n(HFAutoModelForImageTextToText\(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    [call] = ast.parse(block[1]).body
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    written = [keyword.arg or "kwargs" for keyword in call.value.keywords]

    parameters = inspect.signature(HFAutoModelForImageTextToText).parameters

    assert written == list(parameters)


def test_every_method_that_it_names_is_there() -> None:
    table = PAGE.partition("| method | |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]

    named = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}

    assert {"processor", "configure_model", "io_dump", "forall"} <= named
    assert {name for name in named if not hasattr(HFAutoModelForImageTextToText, name)} == set()

"""Pages of the documents that tell faults, each with the tests that keep it out."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    """A page of `docs`."""
    return (ROOT / "docs" / name).read_text()


def faults(page: str) -> list[list[str]]:
    """The cells of every table of faults on a page, line by line."""
    tables = [table.partition("\n\n")[0] for table in page.split("| fault |")[1:]]
    return [line.strip("| ").split(" | ") for table in tables for line in table.splitlines()[2:]]


def named_tests(cell: str) -> list[tuple[str, str]]:
    """The tests that a cell names, each as file and function."""
    return re.findall(r"`(test_\w+\.py)::(test_\w+)`", cell)


@cache
def functions_of(name: str) -> frozenset[str]:
    """Test functions of the files of a name, below `tests`: several folders may have one."""
    bodies = [ast.parse(path.read_text()).body for path in (ROOT / "tests").rglob(name)]
    return frozenset(node.name for body in bodies for node in body if isinstance(node, ast.FunctionDef))

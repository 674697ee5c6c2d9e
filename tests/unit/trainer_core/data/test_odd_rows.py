"""Rows of every dialect in which one thing is another than it should be: a fault or none, but always a report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tooled import whole
from tests.unit.trainer_core.data.forms import llava
from trainer_core.data.conversion import convert
from trainer_core.data.sources import Sources

_ASKED, _ANSWER = {"role": "user", "content": "Which?"}, {"role": "assistant", "content": "7"}
ROWS: dict[str, Any] = {
    "openai": {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, _ANSWER]},
    "tools": whole(),
    "pair": {"input": {"messages": [_ASKED]}, "preferred_output": [_ANSWER], "non_preferred_output": [_ANSWER]},
    "llava": llava(),
    "alpaca": {"instruction": "Add", "input": "1 2", "output": "3", "history": [["a", "b"]], "system": "s"},
    "completion": {"prompt": [_ASKED], "completion": [_ANSWER], "images": ["a.png"]},
    "chosen": {"prompt": "a", "chosen": "b", "rejected": [_ANSWER], "system": "s"},
    "packed": {"messages": {"role": ["user", "assistant"], "content": ["Which?", "7"]}, "images": []},
}
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    "",
    "\0",
    "\ud800",
    "<image>",
    "https://x/y.png",
    [],
    {},
    [[]],
    [None],
    {"a": None},
)


def odd_ones(row: Any) -> Iterator[Any]:
    """What a value becomes when it, or one thing in it, is replaced."""
    yield from ODD
    for key, value in list(row.items() if isinstance(row, dict) else enumerate(row) if isinstance(row, list) else ()):
        for odd in odd_ones(value):
            yield {**row, key: odd} if isinstance(row, dict) else [*row[:key], odd, *row[key + 1 :]]


@pytest.mark.parametrize("dialect", ROWS)
def test_every_odd_row_is_reported_on(dialect: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in odd_ones(ROWS[dialect])))

    report = convert(path, Sources(), None)

    assert report.num_faults > 0

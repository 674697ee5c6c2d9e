"""Tables on a terminal of a given width."""

from io import StringIO

import pytest
from rich.console import Console

from client import tables
from client.printing import print_table
from client.views import Dataset

ID = "file-01m8hztyqmegdsvjngyy1eaqq9"
NAME = "a-file-whose-name-is-longer-than-it-need-be.jsonl"
FILE = Dataset.model_validate(
    {
        "id": ID,
        "filename": NAME,
        "num_bytes": 1_000,
        "sha256": "",
        "num_rows": 120,
        "num_images": 120,
        "created_at": "2026-11-24T10:00:00Z",
    }
)


def printed(width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    print_table(tables.datasets([FILE]), console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_a_wide_table_stands_on_one_line_a_row() -> None:
    [_, row] = printed(width=200)

    assert row.split()[:3] == [ID, NAME, "120"]


def test_a_narrow_terminal_breaks_texts_and_no_ids() -> None:
    _, first, *rest = printed(width=80)

    assert first.split()[0] == ID
    assert "".join([first.split()[1], *(line.strip() for line in rest)]) == NAME
    assert max(map(len, (first, *rest))) <= 80


@pytest.mark.parametrize("width", [20, 60])
def test_a_terminal_that_is_too_narrow_cuts_nothing(width: int) -> None:
    told = "".join("".join(printed(width)).split())

    assert ID in told
    assert "…" not in told

"""The page on families shows what the tests measure."""

from tests.families.catalogue import FAMILIES, FURTHER
from tests.families.table import BEGIN, END, MEASURED, PAGE, takes


def rows() -> list[list[str]]:
    table = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.strip().splitlines()[2:]]


def test_the_page_shows_each_family_and_what_it_takes() -> None:
    assert [row[:4] for row in rows()] == [[family.name, *takes(family)] for family in [*FAMILIES, *FURTHER]]


def test_everything_on_the_page_was_measured() -> None:
    assert all(len(row) == 4 + len(MEASURED) and "not measured" not in row for row in rows())

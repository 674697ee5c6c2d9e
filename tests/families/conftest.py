"""A folder of each family, made when first asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.families.catalogue import Family
from tests.families.table import PAGE, Cells, with_table

InTable = Callable[[Family, str, str], None]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Path]:
    """Makes the tiny model of a family, once."""
    root, made = tmp_path_factory.mktemp("families"), dict[str, Path]()

    def folder(family: Family) -> Path:
        if family.name not in made:
            made[family.name] = family.build(root / family.name)
        return made[family.name]

    return folder


@pytest.fixture
def folder(family: Family, folder_of: Callable[[Family], Path]) -> Path:
    return folder_of(family)


@pytest.fixture(scope="session")
def in_table(request: pytest.FixtureRequest) -> Iterator[InTable]:
    """Takes what was measured; with --write-families, the page on families shows it."""
    cells: Cells = {}

    def take(family: Family, column: str, told: str) -> None:
        cells.setdefault(family.name, {})[column] = told

    yield take
    if request.config.getoption("--write-families"):
        PAGE.write_text(with_table(PAGE.read_text(), cells))

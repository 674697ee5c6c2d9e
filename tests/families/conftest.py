"""A folder of each family, made when first asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.families.catalogue import Family


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

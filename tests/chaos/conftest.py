"""Services that scenarios of broker and load go through."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.instance import Instance, open_folder
from tests.chaos.plan import undisturbed
from tests.chaos.scenario import Scenario, carried_out

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=DATABASES)
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A service with three workers of one slot each; a module's tests share it, and each leaves it idle."""
    folder = open_folder(tmp_path_factory.mktemp("scenario"))
    with carried_out(Instance(folder, undisturbed(request.param))) as scenario:
        yield scenario


@pytest.fixture(params=DATABASES)
def own_scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenario]:
    """The same for one test."""
    with carried_out(Instance(open_folder(tmp_path / "scenario"), undisturbed(request.param))) as scenario:
        yield scenario

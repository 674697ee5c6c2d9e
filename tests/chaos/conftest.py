"""Services that scenarios of broker and load go through."""

from collections.abc import Iterator
from typing import cast

import pytest

from tests.chaos.instance import Instance, open_folder
from tests.chaos.plan import Plan
from tests.chaos.scenario import Scenario, carried_out

ON_BOTH = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], scope="module"
)


def scenario_plan(kind: str) -> Plan:
    """No faults but those of the test."""
    return Plan(seed=0, seconds=0, recovery_seconds=0, database=kind)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A service with three workers of one slot each; a module's tests share it, each leaves it idle."""
    kind = cast("str", request.param)
    folder = open_folder(tmp_path_factory.mktemp("scenario") / kind)
    with carried_out(Instance(folder, scenario_plan(kind))) as scenario:
        yield scenario

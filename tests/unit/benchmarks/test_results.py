"""Results are kept a file a section, and read as they were measured."""

from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.figures import Figure, Section, Table
from benchmarks.machine import Machine

SPEED = Section(
    "Speed", "A story.", [Figure("faster", 8.5, "x", least=8)], [Table(["a"], [["1"]])], {"speed.svg": "<svg/>"}
)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(results, "PLOTS", tmp_path / "plots")


def test_a_kept_section_is_read_again() -> None:
    machine = Machine.here()

    results.keep("training", machine, SPEED)

    found = results.kept()["training"]
    assert found.machine == machine
    assert (found.section.figures, found.section.tables) == (SPEED.figures, SPEED.tables)


def test_plots_lie_beside_the_page_and_only_their_names_in_the_result(tmp_path: Path) -> None:
    results.keep("training", Machine.here(), SPEED)

    assert (tmp_path / "plots/speed.svg").read_text() == "<svg/>"
    assert dict(results.kept()["training"].section.plots) == {"speed.svg": ""}


def test_sections_keep_the_order_of_the_page() -> None:
    for name in ("overhead", "training"):
        results.keep(name, Machine.here(), SPEED)

    assert list(results.kept()) == ["training", "overhead"]

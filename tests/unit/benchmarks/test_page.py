"""The pages say what the results say, and nothing else."""

import pytest

from benchmarks import page, results
from benchmarks.figures import Figure, Section, Table
from benchmarks.machine import Machine
from benchmarks.results import Result

MACHINE = Machine("2026-11-27", "abc1234", "a processor", 2, 24.0, "Linux 6", "3.11", {"torch": "2.14.1"}, {})


def told(*figures: Figure) -> str:
    section = Section("Speed", "A story.", figures, [Table(("a", "b"), [("1", "2")])], {"speed.svg": ""})
    return page.page({"training": Result(MACHINE, section)})


def test_the_page_is_what_was_measured() -> None:
    assert page.PAGE.read_text() == page.page(results.kept())


def test_the_readme_quotes_what_was_measured() -> None:
    readme = page.README.read_text()

    assert readme == page.with_figures(readme, results.kept())


def test_every_plot_of_the_page_is_there() -> None:
    plots = [file for result in results.kept().values() for file in result.section.plots]

    assert [file for file in plots if not (results.PLOTS / file).exists()] == []


def test_a_figure_stands_beside_what_was_promised() -> None:
    assert "| faster | 8.50 x | ≥ 8 x | kept |" in told(Figure("faster", 8.5, "x", least=8))


def test_a_broken_promise_is_told_first() -> None:
    shown = told(Figure("faster", 7.5, "x", least=8), Figure("slower", 9, "ms"))

    assert "0 of 1 promises are kept. Not kept:\n\n- faster: 7.50 x, promised ≥ 8 x" in shown.partition("## Speed")[0]


def test_a_section_shows_its_tables_and_plots() -> None:
    shown = told()

    assert "| a | b |\n| --- | --- |\n| 1 | 2 |\n" in shown
    assert "![speed](benchmarks/speed.svg)" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.9, "0.900"), (15.04, "15.0"), (1234.5, "1,234"), (2.4e-7, "2.4e-07"), (0.0312, "0.0312")],
)
def test_numbers_are_told_with_the_figures_that_count(value: float, shown: str) -> None:
    assert page.number(value) == shown

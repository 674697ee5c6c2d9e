"""What was measured, kept as JSON in `results/`, a file a section, so that sections can be measured one at a time."""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from benchmarks.figures import Section
from benchmarks.machine import ROOT, Machine

RESULTS = ROOT / "benchmarks/results"
PLOTS = ROOT / "docs/benchmarks"
SECTIONS = ("training", "shapes", "memory", "first_step", "overhead", "latencies", "downloads", "fan_out")
"""Modules of this package with a `measure() -> Section`, in the order of the page."""


@dataclass(frozen=True)
class Result:
    """A section as it was measured; of its plots the names alone, they lie in `PLOTS`."""

    machine: Machine
    section: Section


_RESULT = TypeAdapter(Result)


def keep(name: str, machine: Machine, section: Section) -> None:
    """Write a section's result and its plots, in place of what was measured before."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    for file, drawn in section.plots.items():
        (PLOTS / file).write_text(drawn, encoding="utf-8")
    named = replace(section, plots=dict.fromkeys(section.plots, ""))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(_RESULT.dump_json(Result(machine, named), indent=1) + b"\n")


def kept() -> dict[str, Result]:
    """Every section that was measured, in the order of the page."""
    paths = {name: RESULTS / f"{name}.json" for name in SECTIONS}
    return {name: _RESULT.validate_json(path.read_bytes()) for name, path in paths.items() if path.exists()}

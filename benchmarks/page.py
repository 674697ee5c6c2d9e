"""The page on benchmarks, and the table in the README: nothing but what the results say."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import Figure, Table
from benchmarks.machine import ROOT, Machine
from benchmarks.results import Result

PAGE = ROOT / "docs/benchmarks.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures -->", "<!-- end -->"
HEAD = """# Benchmarks

Written by `make bench` from `benchmarks/results/`: change nothing here by hand. Each figure is measured beside what it
is compared with, in one run, in alternating order, and is a median; what was promised stands beside it, kept or not.

<!-- not run: it takes hours -->
```bash
make bench-setup                     # the peers, in an environment of their own (.venv-bench, 6 GB)
make bench                           # all of it
make bench ONLY="training memory"    # some sections; the others stay as they were measured
make bench QUICK=1                   # tries the programs on tiny models; writes nothing
```
"""


def page(results: Mapping[str, Result]) -> str:
    """The whole page."""
    return "\n".join([HEAD, _summary(results), *(_section(name, result) for name, result in results.items())])


def with_figures(readme: str, results: Mapping[str, Result]) -> str:
    """The README with the promises of training between its marks, and how many of all are kept."""
    before, _, rest = readme.partition(BEGIN)
    training = [figure for figure in results["training"].section.figures if is_promised(figure)]
    return f"{before}{BEGIN}\n{_figures(training)}\n{_kept(results)}\n{END}{rest.partition(END)[2]}"


def is_promised(figure: Figure) -> bool:
    """True if it has a bound to keep."""
    return figure.least is not None or figure.most is not None


def number(value: float) -> str:
    """A number with three figures that count, or more before its point."""
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) >= 0.001 else f"{value:.1e}"  # noqa: PLR2004


def _promised(results: Mapping[str, Result]) -> list[Figure]:
    return [figure for result in results.values() for figure in result.section.figures if is_promised(figure)]


def _kept(results: Mapping[str, Result]) -> str:
    promised = _promised(results)
    return f"{sum(figure.is_kept for figure in promised)} of {len(promised)} promises are kept."


def _summary(results: Mapping[str, Result]) -> str:
    told = _kept(results)
    broken = [figure for figure in _promised(results) if not figure.is_kept]
    if not broken:
        return f"{told}\n"
    names = "\n".join(f"- {figure.what}: {_measured(figure)}, promised {_bound(figure)}" for figure in broken)
    return f"{told} Not kept:\n\n{names}\n"


def _section(name: str, result: Result) -> str:
    section = result.section
    parts = [f"## {section.title}\n", f"{section.text}\n", _figures(section.figures)]
    parts += [_table(table) for table in section.tables]
    parts += [f"![{file.removesuffix('.svg')}](benchmarks/{file})\n" for file in section.plots]
    return "\n".join([*parts, f"`make bench ONLY={name}`, {_where(result.machine)}\n"])


def _where(machine: Machine) -> str:
    own = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    peers = ", ".join(f"{name} {version}" for name, version in machine.peer_versions.items())
    beside = f" Peers: {peers}." if peers else ""
    return (
        f"{machine.measured_on} at {machine.commit}: {machine.processor}, {machine.num_cores} cores, "
        f"{machine.memory_gib:g} GiB, {machine.system}, Python {machine.python}. Ours: {own}.{beside}"
    )


def _figures(figures: Iterable[Figure]) -> str:
    rows = [
        (figure.what, _measured(figure), _bound(figure), _verdict(figure) if is_promised(figure) else "")
        for figure in figures
    ]
    return _table(Table(("figure", "measured", "promised", ""), rows))


def _measured(figure: Figure) -> str:
    return f"{number(figure.value)} {figure.unit}".strip()


def _bound(figure: Figure) -> str:
    bounds = [("≥", figure.least), ("≤", figure.most)]
    return ", ".join(f"{sign} {value:g} {figure.unit}".strip() for sign, value in bounds if value is not None)


def _verdict(figure: Figure) -> str:
    return "kept" if figure.is_kept else "**not kept**"


def _table(table: Table) -> str:
    lines: list[Sequence[str]] = [table.columns, ["---"] * len(table.columns), *table.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

"""`python -m benchmarks [SECTION …]`: measure, keep the results, and write the page. `make bench` runs it."""

import argparse
import signal
import sys
from importlib import import_module

from benchmarks import page, results
from benchmarks.machine import Machine
from benchmarks.showing import show


def main() -> None:
    """Measure what the command line names, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(results.SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="try what has a small form; write nothing")
    parser.add_argument("--page", action="store_true", help="measure nothing; write the page of what was measured")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(results.SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on the way out
    if not arguments.page:
        machine = Machine.here()
        for name in arguments.sections or results.SECTIONS:
            measure(name, machine, is_quick=arguments.quick)
    if not arguments.quick:
        write()


def measure(name: str, machine: Machine, *, is_quick: bool) -> None:
    """Measure one section and tell its figures; keep it unless this is a trial."""
    module = import_module(f"benchmarks.{name}")
    section = module.try_out() if is_quick and hasattr(module, "try_out") else module.measure()
    show(section)
    if not is_quick:
        results.keep(name, machine, section)


def write() -> None:
    """Write the page and the README's table."""
    found = results.kept()
    page.PAGE.write_text(page.page(found), encoding="utf-8")
    page.README.write_text(page.with_figures(page.README.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()

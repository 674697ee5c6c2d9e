"""`python -m tests.chaos`: chaos runs from the command line, a table each, and everything that happened as JSON."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

from rich.console import Console
from rich.table import Table

from tests.chaos.experiment import Outcome, carry_out
from tests.chaos.instance import open_folder
from tests.chaos.plan import Plan

_RECOVERY_SECONDS = 180.0


def main() -> int:
    """Exit code 0 if every run has passed."""
    arguments = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whatever was started is ended on the way out
    console = Console(width=120)
    record = Path(arguments.record or tempfile.mkdtemp(prefix="tuneyard-chaos-record-"))
    record.mkdir(parents=True, exist_ok=True)
    has_passed = True
    for seed in arguments.seeds:
        plan = Plan(
            seed=seed,
            seconds=arguments.seconds,
            recovery_seconds=_RECOVERY_SECONDS,
            database=arguments.database,
            trainer="real" if arguments.real else "quick",
            has_switch=not arguments.without_switch,
            roles=tuple(arguments.roles),
            lease_seconds=arguments.lease,
            mean_pause_seconds=arguments.pause,
            num_jobs=arguments.jobs,
            num_steps=arguments.steps,
        )
        folder = open_folder(record / f"{plan.database}-{seed}")
        outcome = carry_out(plan, folder)
        outcome.save(folder / "outcome.json")
        _show(outcome, console)
        console.print(f"Everything that happened: {folder}", highlight=False)
        has_passed = has_passed and outcome.has_passed
    return 0 if has_passed else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--seconds", type=float, default=60, help="how long faults are injected")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--steps", type=int, default=200, help="of a job, 50 ms each unless --real")
    parser.add_argument("--roles", nargs="+", default=Plan.roles, help="what faults befall")
    parser.add_argument("--pause", type=float, default=Plan.mean_pause_seconds, help="mean seconds between two faults")
    parser.add_argument("--lease", type=float, default=Plan.lease_seconds, help="seconds; 15 suits --real")
    parser.add_argument("--real", action="store_true", help="train the starter model, with torch")
    parser.add_argument("--without-switch", action="store_true", help="the ablation: passes if overlaps are seen")
    parser.add_argument("--record", help="folder for what happened; by default a new temporary one")
    return parser.parse_args()


def _show(outcome: Outcome, console: Console) -> None:
    plan, verdict = outcome.plan, outcome.verdict
    faults = ", ".join(f"{role} {kind} {num}" for (role, kind), num in sorted(outcome.by_role_and_kind.items()))
    redone = verdict.num_redone_steps / max(verdict.num_steps, 1)
    table = Table(title=f"seed {plan.seed}, {plan.database}, {plan.trainer} trainer", show_header=False)
    table.add_row("faults", f"{len(outcome.faults)} in {plan.seconds:.0f} s: {faults}")
    table.add_row("jobs", ", ".join(f"{num} {status}" for status, num in verdict.statuses.items()))
    table.add_row("attempts", str(verdict.num_attempts))
    table.add_row("overlaps", f"{len(verdict.job_overlaps)} of a job, {len(verdict.slot_overlaps)} on a slot")
    table.add_row("artifacts", str(verdict.num_artifacts))
    table.add_row("steps done again", f"{redone:.1%}; at most {max(verdict.redone_by_interruption, default=0)} at once")
    table.add_row("gap between attempts", _spread(verdict.gap_seconds))
    table.add_row("recovered after", f"{outcome.recovery_seconds:.1f} s")
    table.add_row("exhausted", "\n".join(verdict.exhausted) or "none")
    table.add_row("wrong", "\n".join(verdict.wrong) or "nothing")
    console.print(table)


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return str(seconds)
    tenths = quantiles(seconds, n=10, method="inclusive")
    return f"p50 {tenths[4]:.1f} s, p90 {tenths[8]:.1f} s, max {max(seconds):.1f} s"


if __name__ == "__main__":
    sys.exit(main())

"""Carries out the order for a report: on the CPU, behind the jobs that train beside it."""

import os
from pathlib import Path

from trainer_core.contract.orders import ReportOrder
from trainer_core.contract.spec import read_spec
from trainer_core.report import report
from trainer_core.training.feature_store import OnDisk
from trainer_core.training.stopping import StopRequest

_NICENESS = 5
"""A third of the time of whoever trains, where both want the same core."""


def make_report(order: ReportOrder) -> int:
    """Make a report, and leave it where it is to go; gives the exit code."""
    os.nice(_NICENESS)
    draft = Path(f"{order.report}.draft")
    shelf = OnDisk(Path(order.cache), order.cache_bytes) if order.cache else None
    draft.write_text(report(read_spec(Path(order.spec)), StopRequest(), shelf).model_dump_json())
    draft.rename(order.report)
    return 0

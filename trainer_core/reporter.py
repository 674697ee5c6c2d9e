"""Carries out the order for a report: on the CPU, with one thread, since jobs that train beside it have the cores."""

from pathlib import Path

import torch

from trainer_core.contract.orders import ReportOrder
from trainer_core.contract.spec import read_spec
from trainer_core.report import report
from trainer_core.training.feature_store import OnDisk
from trainer_core.training.stopping import StopRequest


def make_report(order: ReportOrder) -> int:
    """Make a report, and leave it where it is to go; gives the exit code."""
    torch.set_num_threads(1)
    draft = Path(f"{order.report}.draft")
    shelf = OnDisk(Path(order.cache), order.cache_bytes) if order.cache else None
    draft.write_text(report(read_spec(Path(order.spec)), StopRequest(), shelf).model_dump_json())
    draft.rename(order.report)
    return 0

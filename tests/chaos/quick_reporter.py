"""In place of the reporter: it finds every job to fit, at once and without torch."""

import sys
from pathlib import Path

from trainer_core.contract.report import JobReport, ReportOrder

for line in sys.stdin:
    order = ReportOrder.model_validate_json(line)
    Path(order.report).write_text(JobReport(is_valid=True).model_dump_json())
    sys.stdout.write("0\n")
    sys.stdout.flush()

"""`python -m trainer_core.data FILE`: check a dataset and print its report as one line of JSON."""

import argparse
import resource
import sys
from pathlib import Path

from trainer_core.data.reader import check

_MAX_MEMORY_BYTES = 4 * 1024**3
"""More than the largest row needs; a row made to exhaust the machine ends this program alone."""


def main() -> int:
    """Exit code 0 if every row can be trained on, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m trainer_core.data", description=__doc__)
    parser.add_argument("file", type=Path, help="a JSONL file in OpenAI's chat format")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    try:
        report = check(arguments.file)
    except OSError as error:
        parser.error(f"cannot read {arguments.file}: {error.strerror}")
    print(report.model_dump_json())  # noqa: T201 - the report is what this program is for
    return 1 if report.num_faults else 0


if __name__ == "__main__":
    sys.exit(main())

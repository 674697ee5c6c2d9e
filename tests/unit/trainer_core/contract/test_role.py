"""Others see a role that was taken."""

import os
import subprocess
import sys

import psutil

from trainer_core.contract.role import ROLE_VARIABLE, STANDBY

TAKES = "from trainer_core.contract.role import take_role; take_role('runner'); print(flush=True); input()"


def test_a_role_that_was_taken_is_seen_from_outside() -> None:
    environment = os.environ | {ROLE_VARIABLE: STANDBY, "ANOTHER": "value"}
    with subprocess.Popen(
        [sys.executable, "-c", TAKES], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()

        seen = psutil.Process(process.pid).environ()

    assert (seen[ROLE_VARIABLE].rstrip(), seen["ANOTHER"]) == ("runner", "value")

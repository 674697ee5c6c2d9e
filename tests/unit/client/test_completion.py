"""Completing in a shell, as the shell asks for it."""

import os
import subprocess
import sys

from tests.unit.client.samples import JOB, RUNNING
from tests.unit.client.stub_service import StubService, as_json, problem

PROGRAM = "from client.cli import app; app(prog_name='tuneyard')"


def completed(stub: StubService, words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    asked = {"_TUNEYARD_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    environment = os.environ | asked | {"TUNEYARD_URL": stub.url}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_ids_of_jobs_are_completed_by_asking_the_service(stub: StubService) -> None:
    stub.answers = [as_json({"data": [RUNNING | {"id": "ftjob-7"}, JOB], "has_more": False, "last_id": None})]

    assert completed(stub, "tuneyard watch ftjob-7") == ["ftjob-7"]


def test_commands_are_completed(stub: StubService) -> None:
    assert completed(stub, "tuneyard sto") == ["stop-and-save"]
    assert stub.asked == []


def test_a_service_that_refuses_completes_nothing_and_says_nothing(stub: StubService) -> None:
    stub.answers = [problem(401, "missing_key")]

    assert completed(stub, "tuneyard watch ftjob-") == []

"""What the dashboard's scripts compute, tested by Node's own test runner."""

import subprocess
from pathlib import Path

import pytest

from tests.clients.environments import node

HERE = Path(__file__).parent


@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_scripts_compute_what_they_say(script: str) -> None:
    binary, _ = node()

    done = subprocess.run([binary, "--test", HERE / script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout

"""`tuneyard doctor` as a command, on real deployments."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from client.doctor import Look, of_deployment, start, told
from tests.unit.api.serving import Server
from trainer_core.contract.check import Outcome

ROOT = Path(__file__).parents[3]


def examined(*options: str, **environment: str) -> tuple[int, dict[str, str]]:
    """Exit code, and each outcome by its name."""
    printed = subprocess.run(
        [sys.executable, "-m", "client", *options],
        env={name: value for name, value in os.environ.items() if not name.startswith("TUNEYARD_")}
        | {"PYTHONPATH": str(ROOT)}
        | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert printed.stderr == ""
    return printed.returncode, {check["name"]: check["outcome"] for check in json.loads(printed.stdout)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_deployment_and_its_service_are_looked_at_together(database_url: str, api_key: str, tmp_path: Path) -> None:
    with Server(database_url, tmp_path) as server:
        assert httpx2.get(f"{server.url}/healthz", timeout=300).is_success
        exit_code, found = examined(
            "--url",
            server.url,
            "--api-key",
            api_key,
            "doctor",
            "--json",
            TUNEYARD_DATABASE_URL=database_url,
            TUNEYARD_BROKER_URL="redis://127.0.0.1:1/0",
            TUNEYARD_STORAGE_ROOT=str(tmp_path / "storage"),
        )

    assert exit_code == 1
    assert [name for name, outcome in found.items() if outcome == "failed"] == ["broker"]
    looked_at = {"packages", "memory", "torch", "gpu driver", "database", "tables", "storage", "service", "key"}
    assert looked_at <= found.keys()
    assert found["key"] == "ok"


def test_a_folder_without_a_service_has_no_deployment_to_look_at(tmp_path: Path) -> None:
    assert of_deployment(tmp_path) == []


def test_the_broker_of_an_embedded_service_that_is_stopped_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "tuneyard.db").touch()

    found = {look.module: look for look in of_deployment(tmp_path)}

    assert found["store.doctor"].options == ["--without-broker"]
    environment = found["migrations.doctor"].environment or {}
    assert environment["TUNEYARD_DATABASE_URL"] == f"sqlite:///{tmp_path / 'tuneyard.db'}"


def test_a_program_that_breaks_down_is_a_failure_by_its_last_words() -> None:
    look = Look("migrations.doctor", "alembic", environment={"PYTHONPATH": str(ROOT)})

    [check] = told(look, start(look))

    assert check.outcome is Outcome.FAILED
    assert "KeyError" in check.seen

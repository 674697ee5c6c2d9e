"""Services that are stopped, killed, or never start."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import psutil
import pytest

from client.endpoint import Endpoint
from tests.e2e.live_service import ENDLESS, TUNEYARD, Service, roles, running


def test_stopping_gives_the_running_job_back_and_leaves_no_process(
    service: Service, digits: Path, tmp_path: Path
) -> None:
    shutil.copytree(service.data_dir / "storage/models/starter", tmp_path / "storage/models/starter")
    with running(tmp_path) as stopped:
        job_id = stopped.submit(stopped.tuneyard.datasets.upload(digits / "train.jsonl").id, ENDLESS)
        stopped.until_trains(job_id)

        exit_code = stopped.stop()

    assert exit_code == 0
    assert roles(tmp_path) == set()
    assert Endpoint.load(tmp_path) is None
    assert statuses(tmp_path) == [(job_id, "queued")]


def test_next_start_ends_what_a_killed_one_has_left(service: Service, tmp_path: Path) -> None:
    shutil.copytree(service.data_dir / "storage/models/starter", tmp_path / "storage/models/starter")
    with running(tmp_path) as killed:
        left = {pid for pids in killed.endpoint().pids.values() for pid in pids}
        killed.process.kill()
        killed.process.wait()

    with running(tmp_path) as again:
        pids = {pid for pids in again.endpoint().pids.values() for pid in pids}

        assert len(pids) == len(left) == 3
        assert {pid for pid in left if psutil.pid_exists(pid)} == set()


def test_part_that_cannot_start_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", "sqlite:////nowhere/tuneyard.db")
    command = [*TUNEYARD, "up", "--port", "0", "--data-dir", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "migrations ended with exit code 1" in done.stderr
    assert "unable to open database file" in done.stderr
    assert f"Its log: {tmp_path}/logs/migrations.log" in done.stderr
    assert roles(tmp_path) == set()


def statuses(data_dir: Path) -> list[tuple[str, str]]:
    """Each job with its status, as the records have it."""
    connection = sqlite3.connect(data_dir / "tuneyard.db")
    rows = connection.execute("SELECT id, status FROM jobs").fetchall()
    connection.close()
    return rows

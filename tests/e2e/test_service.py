"""What `tuneyard up` promises about its processes."""

import stat
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from client.endpoint import ENDPOINT, Endpoint
from client.processes import Processes
from tests.e2e.live_service import ENDLESS, TUNEYARD, Service, running
from tests.patience import PATIENCE_SECONDS, until

BROWSER = """
import os, sys
import httpx2

link = httpx2.get(sys.argv[2], trust_env=False).headers["Location"]
with open(f"{sys.argv[1]}.draft", "w") as told:
    told.write(link)
os.replace(told.name, sys.argv[1])
"""


def test_endpoint_file_names_the_service(service: Service) -> None:
    assert service.endpoint().url == service.url


def test_endpoint_file_and_data_folder_are_private(service: Service) -> None:
    assert stat.S_IMODE((service.data_dir / ENDPOINT).stat().st_mode) == 0o600
    assert stat.S_IMODE(service.data_dir.stat().st_mode) == 0o700


def test_processes_named_are_alive(service: Service) -> None:
    def alive() -> dict[str, list[int]]:
        pids = service.endpoint().pids  # a job's may have ended a moment ago
        return pids if all(psutil.pid_exists(pid) for several in pids.values() for pid in several) else {}

    pids = until(alive)

    assert {role: len(pids[role]) for role in ("api", "broker", "worker")} == {"api": 1, "broker": 1, "worker": 1}


def test_a_browser_is_opened_signed_in_once_the_service_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, told = tmp_path / "browser.py", tmp_path / "told"
    browser.write_text(BROWSER)
    monkeypatch.setenv("BROWSER", f"{sys.executable} {browser} {told} %s")

    with running(tmp_path / "service", "--open") as opened:
        link = until(lambda: told.read_text() if told.exists() else "")

        assert link == f"{opened.url}/#key={(opened.data_dir / 'admin.key').read_text().strip()}"


def test_runner_and_trainer_are_listed_while_a_job_runs(service: Service, dataset_id: str) -> None:
    job_id = service.submit(dataset_id, ENDLESS)
    every_role = {"api", "broker", "worker", "runner", "trainer"}

    until(lambda: {role for role, several in service.endpoint().pids.items() if several} == every_role)

    service.tuneyard.jobs.cancel(job_id)
    service.ended(job_id)


def test_no_password_stands_in_an_argument(service: Service) -> None:
    [broker] = service.endpoint().pids["broker"]
    url = psutil.Process(broker).environ()["TUNEYARD_BROKER_URL"]
    password = url.partition("redis://:")[2].partition("@")[0]

    processes = Processes(service.data_dir).by_role()
    commands = [arguments_of(process) for several in processes.values() for process in several]

    assert password
    assert any(commands)
    assert not any(password in argument for arguments in commands for argument in arguments)


def arguments_of(process: psutil.Process) -> list[str]:
    """None of one that has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_api_that_dies_is_started_again_and_its_callers_wait(service: Service) -> None:
    [died] = service.endpoint().pids["api"]
    api = psutil.Process(died)
    api.kill()
    api.wait(PATIENCE_SECONDS)

    answer = httpx2.get(f"{service.url}/healthz", timeout=PATIENCE_SECONDS, trust_env=False)

    assert answer.is_success
    until(lambda: service.endpoint().pids["api"] not in ([], [died]))


def test_second_service_on_a_data_folder_is_refused(service: Service) -> None:
    done = up(service.data_dir, port=0)

    assert done.returncode == 1
    assert f"process {service.process.pid}, at {service.url}" in done.stderr


def test_port_in_use_is_refused_before_anything_starts(service: Service, tmp_path: Path) -> None:
    port = int(service.url.rpartition(":")[2])

    done = up(tmp_path / "other", port=port)

    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["up.lock"]
    assert Endpoint.load(tmp_path / "other") is None


def up(data_dir: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Try to start another service."""
    command = [*TUNEYARD, "up", "--data-dir", str(data_dir), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)

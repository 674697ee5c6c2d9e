"""The admin key that the first start makes."""

import stat
import subprocess
import sys
from pathlib import Path

import httpx2

from tests.e2e.live_service import Service
from tests.patience import PATIENCE_SECONDS


def test_the_first_start_keeps_its_key_for_its_owner_alone(service: Service) -> None:
    path = service.data_dir / "admin.key"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert service.endpoint().api_key == path.read_text().strip()


def test_the_first_start_shows_its_key(service: Service) -> None:
    assert service.process.stdout is not None

    told = [service.process.stdout.readline() for _ in range(4)]

    assert (service.data_dir / "admin.key").read_text().strip() in "".join(told)


def test_the_key_is_nowhere_else(service: Service) -> None:
    secret = (service.data_dir / "admin.key").read_text().strip().split("_", 2)[2].encode()
    own = {"admin.key", "endpoint.json", ".endpoint.json"}  # the last is the one before on its way

    files = {path: content_of(path) for path in service.data_dir.rglob("*") if path.name not in own}

    assert any(path.name == "tuneyard.db" and content for path, content in files.items())
    assert [path for path, content in files.items() if secret in content] == []


def content_of(path: Path) -> bytes:
    """Of a file of moderate size; nothing of others, nor of one that is gone again."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size < 1 << 26 else b""
    except FileNotFoundError:
        return b""


def test_without_a_key_nothing_is_told(service: Service) -> None:
    answer = httpx2.get(f"{service.url}/jobs", timeout=PATIENCE_SECONDS, trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (401, "missing_key")


def test_the_command_says_where_a_key_comes_from(service: Service) -> None:
    command = [sys.executable, "-m", "client", "--url", service.url, "list"]
    environment = {"PATH": "/usr/bin:/bin", "TUNEYARD_DATA_DIR": "/nowhere"}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "TUNEYARD_API_KEY" in done.stderr

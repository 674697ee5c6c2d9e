"""Where something was measured: processor, memory, system, and the versions of what was measured."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
PEERS_PYTHON = ROOT / ".venv-bench/bin/python"
"""Of the environment that `make bench-setup` makes."""
OURS = (
    "torch",
    "transformers",
    "peft",
    "pytorch-lightning",
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "psycopg",
    "celery",
    "redis",
)
PEERS = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_ASK = (
    "import json, sys; from importlib.metadata import version; print(json.dumps({p: version(p) for p in sys.argv[1:]}))"
)


@dataclass(frozen=True)
class Machine:
    """A machine at a time."""

    measured_on: str
    """Day, UTC."""
    commit: str
    processor: str
    num_cores: int
    memory_gib: float
    system: str
    python: str
    versions: Mapping[str, str]
    peer_versions: Mapping[str, str]
    """In the peers' environment; empty where there is none."""

    @classmethod
    def here(cls) -> "Machine":
        """This one, now."""
        return cls(
            measured_on=datetime.now(UTC).date().isoformat(),
            commit=_commit(),
            processor=_processor(),
            num_cores=os.cpu_count() or 1,
            memory_gib=round(psutil.virtual_memory().total / 1024**3, 1),
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            versions={name: version(name) for name in OURS},
            peer_versions=_peer_versions(),
        )


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _processor() -> str:
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(line.partition(":")[2].strip() for line in told if line.startswith("model name"))


def _peer_versions() -> dict[str, str]:
    if not PEERS_PYTHON.exists():
        return {}
    asked = [str(PEERS_PYTHON), "-c", _ASK, *PEERS]
    found: dict[str, str] = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return found

"""The program that checks uploads is a process of its own, and knows no secret of the service (S16)."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from api.checking import check

REPORT = '{"form": "JSONL", "num_rows": 1}'


def test_it_sees_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "environment.json"
    program = tmp_path / "program"
    words = f"import json, os; json.dump(dict(os.environ), open({str(told)!r}, 'w')); print({REPORT!r})"
    program.write_text(f"#!{sys.executable}\n{words}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    for name in ("TUNEYARD_DATABASE_URL", "TUNEYARD_BROKER_URL", "AWS_SECRET_ACCESS_KEY", "PASSWORD"):
        monkeypatch.setenv(name, "secret")

    asyncio.run(check(tmp_path / "rows.jsonl"))

    environment = json.loads(told.read_text())
    assert "PATH" in environment
    assert "secret" not in environment.values()

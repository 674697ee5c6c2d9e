"""The synchronous form of the Python client, made from the asynchronous one: `python -m tests.sync_form`."""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import unasync

CLIENT = Path(__file__).parents[1] / "client"
WRITTEN = CLIENT / "aio"
MADE = CLIENT / "sync"
BY_HAND = ("__init__.py", "concurrency.py")
"""Of both forms."""
_NAMES = {"aclose": "close", "aio": "sync", "aiter_bytes": "iter_bytes", "aread": "read"}


def made() -> dict[str, str]:
    """What each file of the synchronous form holds, by its name."""
    sources = sorted(path for path in WRITTEN.glob("*.py") if path.name not in BY_HAND)
    asynchronous = {name for path in sources for name in re.findall(r"\bAsync[A-Z]\w*", path.read_text())}
    renamed = _NAMES | {name: name.removeprefix("Async") for name in asynchronous}
    with TemporaryDirectory() as folder:
        rule = unasync.Rule(f"{WRITTEN}/", f"{folder}/client/sync/", additional_replacements=renamed)
        unasync.unasync_files([str(path) for path in sources], [rule])
        found = {path.name: path for path in Path(folder).rglob("*.py")}
        return {name: _tidy(f"{_notice(name)}{path.read_text()}", name) for name, path in found.items()}


def _notice(name: str) -> str:
    return f"# Made from client/aio/{name} by `make client-sync`: change that file, not this one.\n"


def _tidy(source: str, name: str) -> str:
    for command in (["check", "--fix", "--select", "I", "--quiet"], ["format"]):
        told = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(MADE / name), "-"]
        source = subprocess.run(told, input=source, capture_output=True, text=True, check=True, cwd=CLIENT).stdout
    return source


if __name__ == "__main__":
    for name_, source_ in made().items():
        (MADE / name_).write_text(source_)

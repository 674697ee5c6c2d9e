"""What `pyproject.toml` says, for tests that look at the whole tree."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_SAID: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = _SAID["project"]
PACKAGES = [pattern.rstrip("*") for pattern in _SAID["tool"]["setuptools"]["packages"]["find"]["include"]]
"""That are shipped."""

"""What the tests of trackers share."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One kind of database: what is told is the same from each."""
    shutil.copy(sqlite_template, tmp_path / "tuneyard.db")
    return f"sqlite:///{tmp_path / 'tuneyard.db'}"

"""Libraries of the dashboard are what the record says, and nothing is asked of another host."""

import json
import re
from pathlib import Path

import pytest

from api.dashboard.vendor import FOLDER, PACKAGES, RECORD, sha256

TAKEN = json.loads(RECORD.read_text())
FILES = {name: digest for package in TAKEN for name, digest in package["files"].items()}
OURS = [path for path in FOLDER.parent.rglob("*") if path.suffix in {".js", ".css", ".html"} and path.parent != FOLDER]


def test_the_record_holds_each_package_that_is_wanted() -> None:
    assert [(one["name"], one["version"]) for one in TAKEN] == [(one.name, one.version) for one in PACKAGES]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_was_taken(name: str) -> None:
    assert sha256((FOLDER / name).read_bytes()) == FILES[name]


def test_nothing_else_lies_there() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, RECORD.name}


@pytest.mark.parametrize("package", TAKEN, ids=lambda package: package["name"])
def test_each_package_brings_its_licence(package: dict[str, dict[str, str]]) -> None:
    (licence,) = (name for name in package["files"] if name.startswith("LICENSE"))

    assert re.search("MIT|Apache", (FOLDER / licence).read_text())


SCRIPTS = sorted(FOLDER.parent.rglob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(FOLDER.parent)))
def test_imports_lead_to_files(path: Path) -> None:
    """Browsers know no packages: what an import names must lie there."""
    named = re.findall(r"""(?:\bfrom|\bimport)\s*["']([^"'\s]+)["']""", path.read_text())

    assert [name for name in named if not (name.startswith(".") and (path.parent / name).is_file())] == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(FOLDER.parent)))
def test_our_files_name_no_other_host(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"https?://(?!www\.w3\.org)[\w.]+", text) == []

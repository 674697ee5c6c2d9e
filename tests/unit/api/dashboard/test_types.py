"""What the dashboard's scripts say about types in their comments holds, by TypeScript and the libraries' own types."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from api.dashboard.vendor import FOLDER, PACKAGES
from tests.clients.environments import node

HERE = Path(__file__).parent
_DECLARED = {
    "preact.js": 'export * from "preact";',
    "preact-hooks.js": 'export * from "preact/hooks";',
    "signals-core.js": 'export * from "@preact/signals-core";',
    "signals.js": 'export * from "@preact/signals";',
    "htm.js": 'export { default } from "htm";',
    "uplot.js": 'export { default } from "uplot";',
}
"""Which types each file of the page's libraries has."""


@pytest.fixture
def packages() -> Path:
    """Where packages of npm lie."""
    _, folder = node()
    return folder


@pytest.fixture
def scripts(packages: Path, tmp_path: Path) -> Path:
    """The scripts as they lie there, beside declarations of the libraries instead of these."""
    shutil.copytree(FOLDER.parent, tmp_path / "static", ignore=shutil.ignore_patterns("vendor"))
    (tmp_path / "static" / FOLDER.name).mkdir()
    for name, declaration in _DECLARED.items():
        (tmp_path / "static" / FOLDER.name / name).with_suffix(".d.ts").write_text(declaration)
    shutil.copy(HERE / "tsconfig.json", tmp_path)
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    return tmp_path


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    binary, _ = node()
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    return subprocess.run([binary, compiler, "-p", folder], capture_output=True, text=True, check=False)


def test_types_hold(scripts: Path) -> None:
    done = check(scripts)

    assert done.returncode == 0, done.stdout


def test_a_call_that_a_library_does_not_know_is_found(scripts: Path) -> None:
    wrong = 'import uPlot from "./vendor/uplot.js";\nuPlot.joined([]);\n'
    (scripts / "static" / "wrong.js").write_text(wrong)

    assert "static/wrong.js(2,7): error TS2" in check(scripts).stdout


def test_the_types_are_those_of_the_libraries_here(packages: Path) -> None:
    wanted = json.loads((packages / "package.json").read_text())["dependencies"]

    assert {package.name: wanted[package.name] for package in PACKAGES} == {
        package.name: package.version for package in PACKAGES
    }


def test_each_library_has_types() -> None:
    assert {path.name for path in FOLDER.glob("*.js")} == set(_DECLARED)

"""Rules of this house that no linter knows."""

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import trainer_core.contract
from tests.project import PACKAGES, PROJECT, ROOT

SOURCES = sorted(
    path for name in [*PACKAGES, "benchmarks", "examples", "handbook", "tests"] for path in (ROOT / name).rglob("*.py")
)
DUMPING_GROUNDS = {"base", "common", "constants", "helpers", "manager", "misc", "shared", "utils"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
TORCHLESS_PROGRAMS = [
    "api.app",
    "client.cli",
    "migrations.__main__",
    "migrations.doctor",
    "store.doctor",
    "trainer_core.data.__main__",  # the API checks datasets with it
    "worker.__main__",
    "worker.doctor",
    "worker.health",
    "worker.runner",
    "worker.tracking",
    *(f"trainer_core.contract.{module.name}" for module in pkgutil.iter_modules(trainer_core.contract.__path__)),
]
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(f"{name} loads torch")
"""


def pins(path: str = "constraints.txt") -> dict[str, Requirement]:
    """The lines of a file of constraints, by the name of their distribution."""
    lines = (ROOT / path).read_text().splitlines()
    requirements = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def num_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the last one."""
    return (function.end_lineno or 0) - function.lineno + 1


def is_documented(member: tuple[ast.stmt, ast.stmt]) -> bool:
    """True unless an assignment has no string behind it."""
    statement, follower = member
    if not isinstance(statement, ast.Assign):
        return True
    return isinstance(follower, ast.Expr) and isinstance(follower.value, ast.Constant)


def test_no_module_is_a_dumping_ground() -> None:
    names = {path.relative_to(ROOT): {*path.relative_to(ROOT).parent.parts, path.stem} for path in SOURCES}

    assert [path for path, parts in names.items() if parts & DUMPING_GROUNDS] == []


def test_package_files_are_empty() -> None:
    packages = [path.relative_to(ROOT) for path in SOURCES if path.name == "__init__.py" and path.stat().st_size]

    # The Python client, and the model class with its loss, are imported from the tops of their packages, lazily.
    assert set(packages) <= {Path("client/__init__.py"), Path("trainer_core/__init__.py")}


def test_no_file_is_long() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in SOURCES}

    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}": num_lines(function)
        for path in SOURCES
        if path.parent.name != "versions"  # a migration is a list of statements
        for function in functions(path)
    }

    assert {function: length for function, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def test_only_the_trainer_loads_torch() -> None:
    imported = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *TORCHLESS_PROGRAMS], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert imported.returncode == 0, imported.stderr


@pytest.mark.parametrize("package", ["store", "worker"])
def test_nothing_that_leases_hang_on_asks_this_host_for_the_time_of_day(package: str) -> None:
    asked = re.compile(r"time\.time\(|datetime\.now|datetime\.utcnow|date\.today")

    found = {path.name for path in (ROOT / package).rglob("*.py") if asked.search(path.read_text())}
    # Ages of files are of the host's clock, and the doctor compares it with the database's.
    assert found <= {"files.py", "doctor.py"}


@pytest.mark.parametrize("path", ["constraints.txt", "benchmarks/peers/constraints.txt"])
def test_every_pin_is_exact(path: str) -> None:
    specifiers = {name: [specifier.operator for specifier in pin.specifier] for name, pin in pins(path).items()}

    assert {name: operators for name, operators in specifiers.items() if operators != ["=="]} == {}


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_every_dependency_is_pinned(extra: str) -> None:
    texts = PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]

    named = {canonicalize_name(Requirement(text).name) for text in texts}

    assert named - pins().keys() == set()


def test_lightning_is_the_release_that_was_looked_at() -> None:
    assert str(pins()["pytorch-lightning"].specifier) == "==2.6.6"


def test_every_command_of_the_readme_is_a_target_of_make() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S607 - whichever make runs us
    targets = set(re.findall(r"^ *make ([\w-]+)", listed, flags=re.MULTILINE))

    named = set(re.findall(r"(?:^|`)make ([\w-]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))

    assert named
    assert named <= targets


def test_every_failure_code_says_what_to_do() -> None:
    tree = ast.parse((ROOT / "trainer_core/contract/errors.py").read_text())
    [codes] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "FailureCode"]

    bare = [
        member[0] for member in zip(codes.body, [*codes.body[1:], ast.Pass()], strict=True) if not is_documented(member)
    ]

    assert [ast.unparse(statement) for statement in bare] == []

"""`docs/settings.md` tells every variable that a program hears, with the default that it has."""

import re

from handbook.settings import PAGE, with_tables
from tests.project import PACKAGES, ROOT

NAME = re.compile(r"TUNEYARD_[A-Z][A-Z_]*[A-Z]")


def test_its_tables_are_those_of_the_settings() -> None:
    page = PAGE.read_text()

    assert page == with_tables(page), "python -m handbook.settings writes them"


def test_every_variable_that_the_programs_name_is_told() -> None:
    sources = [path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    named = {name for source in sources for name in NAME.findall(source)}

    assert {"TUNEYARD_URL", "TUNEYARD_DATABASE_URL"} <= named
    assert named - set(NAME.findall(PAGE.read_text())) == set()


def test_every_variable_that_the_documents_and_deployments_name_is_told() -> None:
    files = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("docker-compose*.yml"), ROOT / "README.md", ROOT / "Dockerfile"]
    named = {name for file in files for name in NAME.findall(file.read_text())}

    assert named - set(NAME.findall(PAGE.read_text())) == set()

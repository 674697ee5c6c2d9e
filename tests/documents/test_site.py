"""The site is built from the repository: every page is in it, no link leads nowhere, nothing is from elsewhere."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from handbook import references
from handbook.schemas import reached
from tests.documents.blocks import DOCS, ROOT, pages
from trainer_core.contract.spec import Hyperparameters, JobSpec

SITE = ROOT / "site"
REFERENCE = DOCS / "reference"
LOADED = re.compile(r"<(?:script|link|img|source|iframe)\b[^>]*?\b(?:src|href)=[\"']?(https?://[^\"' >]+)")


def build(root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site() -> Path:
    done = subprocess.run([sys.executable, "-m", "handbook"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return SITE


@pytest.fixture(scope="module")
def document() -> Mapping[str, Any]:
    return references.openapi()


def test_every_page_is_built(site: Path) -> None:
    expected = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}

    assert {path for path in expected if not (site / path).is_file()} == set()


def test_every_page_is_in_the_order_of_reading() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    listed = sorted(name for name in _files(nav) if not name.startswith("reference/"))

    assert listed == [str(path.relative_to(DOCS)) for path in pages() if path.is_relative_to(DOCS)]


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    loaded = {path.name: LOADED.findall(path.read_text()) for path in site.rglob("*.html")}

    assert {name: urls for name, urls in loaded.items() if urls} == {}


@pytest.mark.parametrize("link", ["nowhere.md", "index.md#nowhere"])
def test_a_link_that_leads_nowhere_fails(tmp_path: Path, link: str) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n[a link]({link})\n")

    done = build(tmp_path)

    assert done.returncode != 0
    assert "does not exist" in done.stdout + done.stderr


def test_every_field_of_a_spec_says_what_it_means(document: Mapping[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name in [references.SPEC, *reached(schemas[references.SPEC], schemas)]
        for field, one in schemas[name]["properties"].items()
        if field not in {"type", "version"} and not {"description", "$ref", "oneOf"} & set(one)
    ]

    assert silent == []


@pytest.mark.usefixtures("site")
def test_the_reference_of_the_spec_has_every_field_with_its_default() -> None:
    told = (REFERENCE / "spec.md").read_text()

    for fields in (JobSpec.model_fields, Hyperparameters.model_fields):
        for name, field in fields.items():
            assert f"| `{name}` |" in told
            if isinstance(field.default, int | float):
                assert re.search(rf"\| `{name}` \| [^|]+ \| `{json.dumps(field.default)}` \|", told), name


@pytest.mark.usefixtures("site")
def test_every_route_is_in_a_reference(document: Mapping[str, Any]) -> None:
    told = (REFERENCE / "rest.md").read_text() + (REFERENCE / "v1.md").read_text()

    routes = [f"### `{method.upper()} {path}`" for path, found in document["paths"].items() for method in found]
    assert [route for route in routes if route not in told] == []


def _files(nav: Any) -> Iterator[str]:
    """Files that an order of reading names, however deep."""
    if isinstance(nav, str):
        yield nav
    for one in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _files(one)

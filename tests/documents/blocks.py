"""The fenced blocks of the README and of the pages of `docs`, each with what a comment before it says.

`<!-- not run: WHY -->` before a block says why no test can run it. `<!-- given: a running job -->` says which job
stands where the block writes `ftjob-…`. Neither is seen by a reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_PAGES = ("adr", "reference")
"""Folders of `docs`: decisions are of their day, and references are written by `make docs`."""
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
_GIVEN = re.compile(r"<!-- given: (.+?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    place: str
    """File and line, as editors open it."""
    language: str
    """What stands behind the fence; empty for output and drawings."""
    text: str
    exempt: str | None
    """Why it is not run."""
    given: str | None
    """What it wants to be there."""


def pages() -> list[Path]:
    """Everything that is read as documentation."""
    found = [path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in NOT_PAGES]
    return [ROOT / "README.md", *sorted(found)]


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page with code or data, in order."""
    said = ""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence" and (language := token.info.strip()):
            assert token.map is not None
            place = f"{page.relative_to(ROOT)}:{token.map[0] + 1}"
            yield Block(place, language, token.content, _found(_NOT_RUN, said), _found(_GIVEN, said))
        said = token.content if token.type == "html_block" else ""


def _found(pattern: re.Pattern[str], said: str) -> str | None:
    match = pattern.search(said)
    return " ".join(match[1].split()) if match else None

"""The pages below `docs/reference`: what routes, a job's spec and the decisions say of themselves."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from api.app import create_app
from api.openai.errors import is_for_openai
from api.settings import Settings
from handbook import routes
from handbook.schemas import reached, section, table

SPEC = "JobSpec"
_ABOUT_SPEC = """What `POST /jobs` takes, field by field. Unknown keys are refused by name; so are numbers outside of
their bounds. The same schema is at `/openapi.json` of a running service, and [methods](../methods.md) says which fields
go together."""
_ABOUT_REST = """Every route outside of `/v1`. Requests carry `Authorization: Bearer ty_…`; admin keys may name a
project in the header `Tuneyard-Project`. What is refused is a problem by RFC 9457 (`4XX`, see
[ProblemDetails](#problemdetails) below) with a stable [code](../troubleshooting.md). A running service shows the same
at `/docs`, where requests can be tried."""
_ABOUT_V1 = """The routes below `/v1`, which OpenAI's clients use as they are; [OpenAI's API](../openai.md) says what is
the same, what is added and what differs."""


def write(folder: Path) -> None:
    """Write them all; the folder is made if need be."""
    folder.mkdir(exist_ok=True)
    document = openapi()
    schemas = document["components"]["schemas"]
    of_spec = [SPEC, *reached(schemas[SPEC], schemas)]
    elsewhere = dict.fromkeys(of_spec, "spec.md")
    ours = {path: one for path, one in document["paths"].items() if not is_for_openai(path)}
    openais = {path: one for path, one in document["paths"].items() if is_for_openai(path)}
    sections = "\n\n".join(section(name, schemas[name], {}) for name in of_spec)
    (folder / "spec.md").write_text(f"# The spec of a job\n\n{_ABOUT_SPEC}\n\n{sections}\n")
    (folder / "rest.md").write_text(routes.page("The API", _ABOUT_REST, ours, schemas, elsewhere))
    (folder / "v1.md").write_text(routes.page("Routes of OpenAI's API", _ABOUT_V1, openais, schemas, elsewhere))
    (folder / "decisions.md").write_text(decisions(folder.parent / "adr"))
    changes = (folder.parents[1] / "CHANGELOG.md").read_text()
    (folder / "changelog.md").write_text(changes.replace("](docs/", "](../"))


def openapi() -> Mapping[str, Any]:
    """The document of a service that is not started."""
    with tempfile.TemporaryDirectory() as folder:
        nowhere = Settings(
            database_url=f"sqlite:///{folder}/tuneyard.db", broker_url="redis://127.0.0.1/0", storage_root=folder
        )
        return create_app(nowhere).openapi()


def decisions(adr: Path) -> str:
    """A table of the decisions, by number."""
    return f"# Decisions\n\nWhy things are as they are.\n\n{table(('', 'decision'), _decisions(adr))}\n"


def _decisions(adr: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(adr.glob("*.md")):
        number, _, title = path.read_text().partition("\n")[0].removeprefix("# ").partition(". ")
        yield number, f"[{title}](../adr/{path.name})"

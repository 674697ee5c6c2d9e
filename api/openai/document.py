"""/v1/openapi.json: the part of the service's schema that is OpenAI's, as a document of its own."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request

from api.openai.errors import is_for_openai

router = APIRouter()

_SCHEMAS = "#/components/schemas/"


@router.get("/v1/openapi.json", include_in_schema=False)
def read_document(request: Request) -> dict[str, Any]:
    """Paths below `/v1`, and the schemas that they need."""
    whole = request.app.openapi()
    paths = {path: one for path, one in whole["paths"].items() if is_for_openai(path)}
    components = whole["components"]
    needed = _needed(paths, components["schemas"])
    schemas = {name: one for name, one in components["schemas"].items() if name in needed}
    return {**whole, "paths": paths, "components": {**components, "schemas": schemas}}


def _needed(paths: Any, schemas: dict[str, Any]) -> set[str]:
    needed: set[str] = set()
    found = set(_named(paths))
    while new := found - needed:
        needed |= new
        found = {name for one in new for name in _named(schemas[one])}
    return needed


def _named(part: Any) -> Iterator[str]:
    """Names of the schemas that a part of a document refers to."""
    if isinstance(part, list):
        for one in part:
            yield from _named(one)
    if isinstance(part, dict):
        for key, one in part.items():
            if key == "$ref" and isinstance(one, str) and one.startswith(_SCHEMAS):
                yield one.removeprefix(_SCHEMAS)
            else:
                yield from _named(one)

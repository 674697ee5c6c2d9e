"""Routes of an OpenAPI document as Markdown: what each does, takes and answers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handbook.schemas import Schemas, in_json, in_words, reached, section, table

Operation = tuple[str, str, Mapping[str, Any]]
"""Method, path, and what the document says of the two."""
_OF_EVERY_ROUTE, _REFUSED = "tuneyard-project", "4XX"
"""A parameter and an answer of every route, which the page tells once."""


def page(title: str, about: str, paths: Mapping[str, Any], schemas: Schemas, elsewhere: Mapping[str, str]) -> str:
    """A page of routes by subject, and behind them the schemas that they need.

    Args:
        title: Of the page.
        about: What stands below it.
        paths: Of the document, those that belong here.
        schemas: All of the document.
        elsewhere: Pages of schemas that are told on another page, by name.
    """
    needed = sorted(name for name in reached(paths, schemas) if name not in elsewhere)
    parts = [f"# {title}", about, *_subjects(paths, elsewhere), "## Schemas"]
    return "\n\n".join([*parts, *(section(name, schemas[name], elsewhere) for name in needed)]) + "\n"


def _subjects(paths: Mapping[str, Any], elsewhere: Mapping[str, str]) -> Iterator[str]:
    by_subject: dict[str, list[Operation]] = {}
    for path, methods in paths.items():
        for method, operation in methods.items():
            by_subject.setdefault(operation.get("tags", ["other"])[0], []).append((method.upper(), path, operation))
    for subject, operations in by_subject.items():
        yield f"## {subject.removeprefix('openai: ').capitalize()}"
        yield from (_route(operation, elsewhere) for operation in operations)


def _route(operation: Operation, elsewhere: Mapping[str, str]) -> str:
    method, path, told = operation
    parts = [
        f"### `{method} {path}`",
        told.get("description", ""),
        _parameters(told.get("parameters", ()), elsewhere),
        _body(told.get("requestBody", {}), elsewhere),
        _answers(told["responses"], elsewhere),
    ]
    return "\n\n".join(part for part in parts if part)


def _parameters(parameters: Iterable[Mapping[str, Any]], elsewhere: Mapping[str, str]) -> str:
    rows = [
        (
            f"`{one['name']}`",
            one["in"],
            in_words(one["schema"], elsewhere),
            f"`{in_json(default)}`" if (default := one["schema"].get("default")) is not None else "",
            " ".join(one.get("description", "").split()),
        )
        for one in parameters
        if one["name"] != _OF_EVERY_ROUTE
    ]
    return table(("parameter", "in", "type", "default", "meaning"), rows) if rows else ""


def _body(body: Mapping[str, Any], elsewhere: Mapping[str, str]) -> str:
    kinds = [f"{_content(one['schema'], elsewhere)} as `{kind}`" for kind, one in body.get("content", {}).items()]
    return f"Body: {' or '.join(kinds)}." if kinds else ""


def _answers(responses: Mapping[str, Any], elsewhere: Mapping[str, str]) -> str:
    told = [_answer(status, one, elsewhere) for status, one in sorted(responses.items()) if status != _REFUSED]
    return f"Answers: {'; '.join(told)}."


def _answer(status: str, told: Mapping[str, Any], elsewhere: Mapping[str, str]) -> str:
    kinds = [
        f"{_content(one['schema'], elsewhere)} as `{kind}`" if one.get("schema") else f"`{kind}`"
        for kind, one in told.get("content", {}).items()
    ]
    return f"{status} {' or '.join(kinds)}".rstrip()


def _content(schema: Mapping[str, Any], elsewhere: Mapping[str, str]) -> str:
    return "bytes" if schema.get("format") == "binary" else in_words(schema, elsewhere)

"""Schemas of an OpenAPI document as Markdown: a heading and a table of fields each, linked to each other."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
PREFIX = "#/components/schemas/"
_BOUNDS = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("exclusiveMaximum", "< {}"),
    ("minLength", "≥ {} characters"),
    ("maxLength", "≤ {} characters"),
    ("minItems", "≥ {} of them"),
    ("maxItems", "≤ {} of them"),
    ("pattern", "`{}`"),
    ("format", "{}"),
)
"""What a schema may say about values, and how it is told."""


def reached(part: Any, schemas: Schemas) -> list[str]:
    """Names of all schemas that a part of the document comes to, each behind one that names it."""
    found = dict.fromkeys(_named(part))
    for name in (queue := list(found)):
        new = [other for other in dict.fromkeys(_named(schemas[name])) if other not in found]
        found.update(dict.fromkeys(new))
        queue.extend(new)
    return list(found)


def section(name: str, schema: Schema, elsewhere: Mapping[str, str]) -> str:
    """A schema with its heading.

    Args:
        name: Its name in the document.
        schema: What is said of it.
        elsewhere: Pages of schemas that are not on the same page, by name.
    """
    about = schema.get("description", "")
    parts = [
        f"### {shown(name)} {{ #{anchor(name)} }}",
        about,
        fields(schema, elsewhere) or in_words(schema, elsewhere),
    ]
    return "\n\n".join(part for part in parts if part)


def fields(schema: Schema, elsewhere: Mapping[str, str]) -> str:
    """The table of an object's fields; empty for other schemas."""
    properties = schema.get("properties", {})
    rows = [
        (f"`{name}`", in_words(one, elsewhere), _default(name, one, schema), _line(one.get("description", "")))
        for name, one in properties.items()
    ]
    return table(("field", "type", "default", "meaning"), rows) if rows else ""


def in_words(schema: Schema, elsewhere: Mapping[str, str]) -> str:
    """The type of a value: `integer, > 0` or `null` or a link to another schema."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        return f"[{shown(name)}]({elsewhere.get(name, '')}#{anchor(name)})"
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(in_words(one, elsewhere) for one in choices))
    if "const" in schema:
        return f"`{in_json(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{in_json(one)}`" for one in schema["enum"])
    bounds = [told.format(_number(schema[key])) for key, told in _BOUNDS if key in schema]
    return ", ".join([_kind(schema, elsewhere), *bounds])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heads = list(head)
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def in_json(value: Any) -> str:
    """A value as it is written in JSON, words without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def anchor(name: str) -> str:
    """Where a schema stands on its page."""
    return name.lower()


def shown(name: str) -> str:
    """A schema's name without the module that tells it from another of that name."""
    return re.sub(r"^(?:[a-z_]+__)+", "", name)


def _named(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _named(one)
    if isinstance(part, Mapping):
        for key, one in part.items():
            if key == "$ref" and isinstance(one, str):
                yield one.removeprefix(PREFIX)
            elif key != "mapping":  # of discriminators: the same references once more, not as such
                yield from _named(one)


def _kind(schema: Schema, elsewhere: Mapping[str, str]) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {in_words(schema.get('items', {}), elsewhere)}"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, Mapping):
        return f"object of {in_words(values, elsewhere)}"
    return str(kind)


def _default(name: str, schema: Schema, owner: Schema) -> str:
    if "default" in schema:
        is_told_there = isinstance(schema["default"], dict) and len(schema["default"]) > 1
        return "its own" if is_told_there else f"`{in_json(schema['default'])}`"
    return "required" if name in owner.get("required", ()) else ""


def _number(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _line(text: str) -> str:
    return " ".join(text.split())

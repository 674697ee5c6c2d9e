import pytest

from handbook.schemas import fields, in_words, reached, section

REFERENCE = {"$ref": "#/components/schemas/api__views__Job"}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (
            {"type": "integer", "exclusiveMinimum": 0.0, "exclusiveMaximum": 2147483648.0},
            "integer, > 0, < 2,147,483,648",
        ),
        ({"type": "number", "minimum": 0.0, "maximum": 0.5}, "number, ≥ 0, ≤ 0.5"),
        ({"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]}, "string, ≤ 9 characters or null"),
        ({"enum": ["cosine", "linear"], "type": "string"}, "`cosine`, `linear`"),
        ({"const": "epoch", "type": "string"}, "`epoch`"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list of string, ≥ 1 of them"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        (REFERENCE, "[Job](#api__views__job)"),
        ({}, "anything"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, object], words: str) -> None:
    assert in_words(schema, {}) == words


def test_a_schema_of_another_page_is_linked_there() -> None:
    assert in_words(REFERENCE, {"api__views__Job": "rest.md"}) == "[Job](rest.md#api__views__job)"


def test_a_field_has_its_default_and_its_meaning() -> None:
    properties = {"rank": {"type": "integer", "default": 16, "description": "Width\nof it."}, "id": {"type": "string"}}

    told = fields({"properties": properties, "required": ["id"]}, {}).splitlines()

    assert told[2:] == ["| `rank` | integer | `16` | Width of it. |", "| `id` | string | required |  |"]


@pytest.mark.parametrize(
    ("default", "words"),
    [(None, "`null`"), (True, "`true`"), ("auto", "`auto`"), ({"type": "full"}, '`{"type": "full"}`')],
)
def test_a_default_is_written_as_in_json(default: object, words: str) -> None:
    assert f"| {words} |" in fields({"properties": {"a": {"type": "string", "default": default}}}, {})


def test_a_bar_in_a_meaning_makes_no_column() -> None:
    assert "a \\| b |" in fields({"properties": {"a": {"type": "string", "description": "a | b"}}}, {})


def test_a_schema_without_fields_is_told_by_its_type() -> None:
    told = section("Status", {"enum": ["queued"], "description": "Of a job."}, {})

    assert told == "### Status { #status }\n\nOf a job.\n\n`queued`"


def test_schemas_are_found_that_others_name_even_in_a_circle() -> None:
    one, other = ({"properties": {"a": {"$ref": f"#/components/schemas/{name}"}}} for name in ("Other", "One"))

    assert reached({"items": [{"$ref": "#/components/schemas/One"}]}, {"One": one, "Other": other, "Third": {}}) == [
        "One",
        "Other",
    ]

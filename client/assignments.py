"""`NAME=VALUE`, as people type it."""

import json
from typing import Any

from client.errors import UnreadableInput


def split(given: str, form: str = "NAME=VALUE") -> tuple[str, str]:
    """The name, and what stands behind it.

    Raises:
        UnreadableInput: It is not of the form.
    """
    name, separator, value = given.partition("=")
    if not (name and separator and value):
        raise UnreadableInput(f"{given!r} is not of the form {form}")
    return name, value


def value_of(given: str) -> Any:
    """What was typed as JSON, `2e-4`, `true`; else as the word that it is."""
    try:
        return json.loads(given)
    except ValueError:
        return given

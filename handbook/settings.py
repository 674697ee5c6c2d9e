"""`python -m handbook.settings`: write the tables of `docs/settings.md` from the settings themselves."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined, to_json
from pydantic_settings import BaseSettings

from api.settings import Settings
from handbook.schemas import table
from store.settings import StoreSettings
from worker.settings import TrackingSettings, WorkerSettings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
BEGIN, END = "<!-- settings -->", "<!-- end -->"
_GROUPS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("API and worker", StoreSettings),
    ("API", Settings),
    ("Worker", WorkerSettings),
    ("Tracking", TrackingSettings),
)


def tables() -> str:
    """Every setting with its default and its meaning, by the program that hears it."""
    return "\n\n".join(f"## {title}\n\n{_table(settings)}" for title, settings in _GROUPS)


def with_tables(page: str) -> str:
    """A page with the tables between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def rows(settings: type[BaseSettings]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Each field's name, and its variable, its default and its meaning."""
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        default = field.default_factory or field.default
        meaning = " ".join((field.description or "").split())
        yield name, (f"`{prefix}{name.upper()}`", _in_words(default), meaning)


def _table(settings: type[BaseSettings]) -> str:
    shared = set() if settings is StoreSettings else set(StoreSettings.model_fields)
    own = [row for name, row in rows(settings) if name not in shared]
    return table(("variable", "default", "meaning"), own)


def _in_words(default: Any) -> str:
    """A default as it is written in an environment; what is found out at the start by the name of what finds it."""
    if default is PydanticUndefined:
        return "required"
    if callable(default):
        return f"`{default.__name__}()`"
    if default is None:
        return ""
    if default == math.inf:
        return "for ever"
    if isinstance(default, str):
        return f"`{default}`"
    if isinstance(default, tuple):
        default = tuple("python" if one == sys.executable else one for one in default)
    return f"`{to_json(default).decode()}`" if default not in ((), frozenset()) else "none"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))

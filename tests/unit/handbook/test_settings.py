import math

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from handbook.settings import BEGIN, END, rows, with_tables


class Deployed(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="X_", use_attribute_docstrings=True)

    url: str
    """Where it
    is."""
    factory: str = Field(default_factory=str)
    nothing: int | None = None
    form: str = "console"
    always: float = math.inf
    names: tuple[str, ...] = ()
    pair: tuple[str, ...] = ("a", "b")
    is_open: bool = False


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("url", ("`X_URL`", "required", "Where it is.")),
        ("factory", ("`X_FACTORY`", "`str()`", "")),
        ("nothing", ("`X_NOTHING`", "", "")),
        ("form", ("`X_FORM`", "`console`", "")),
        ("always", ("`X_ALWAYS`", "for ever", "")),
        ("names", ("`X_NAMES`", "none", "")),
        ("pair", ("`X_PAIR`", '`["a","b"]`', "")),
        ("is_open", ("`X_IS_OPEN`", "`false`", "")),
    ],
)
def test_a_setting_is_told_as_its_environment_has_it(name: str, row: tuple[str, str, str]) -> None:
    assert dict(rows(Deployed))[name] == row


def test_only_what_stands_between_the_marks_is_written() -> None:
    page = f"# Before\n{BEGIN}\nold\n{END}\nafter\n"

    written = with_tables(page)

    assert written.startswith(f"# Before\n{BEGIN}\n## API and worker\n")
    assert written.endswith(f"\n{END}\nafter\n")
    assert "old\n" not in written

"""The base of every type that crosses a process border: closed, frozen, strict."""

from pydantic import BaseModel, ConfigDict

from trainer_core.contract.titles import title_of


class Closed(BaseModel):
    """Refuses unknown keys by name, values of a wrong type, NaN and infinity; never changes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        field_title_generator=title_of,
    )

"""Parameters that FastAPI cannot judge by itself: those of forms, and those that only the records can refuse.

They are told as those are that it refuses: by name, with one status and one code. It knows no route.
"""

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError


class BadParameter(RequestValidationError):
    """A parameter has a value that it cannot have, or asks for what there is not."""

    def __init__(self, param: str | None, message: str) -> None:
        """Name the parameter; with None it is the body as a whole."""
        place = ("body",) if param is None else ("body", param)
        super().__init__([{"type": "value_error", "loc": place, "msg": message}])


def refused_by(error: ValidationError) -> RequestValidationError:
    """What pydantic has refused of a body that only a route could read."""
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])

"""Errors as OpenAI's clients read them: everything under `/v1` is answered so. It knows no exception.

`{"error": {"message", "type", "param", "code"}}`; the status decides which class of error a client raises. Clients ask
again by themselves after 409 and 429: where that changes nothing, `x-should-retry: false` stops them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

PREFIX = "/v1"
_TYPES: Mapping[HTTPStatus, str] = {
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.CONFLICT: "conflict_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
CODES: Mapping[str, tuple[HTTPStatus | None, str, str | None]] = {
    "missing_key": (None, "invalid_api_key", None),
    "invalid_key": (None, "invalid_api_key", None),
    "quota_exceeded": (None, "insufficient_quota", None),
    "invalid_request": (HTTPStatus.BAD_REQUEST, "invalid_value", None),
    "unknown_model": (HTTPStatus.NOT_FOUND, "model_not_found", "model"),
    "unknown_dataset": (HTTPStatus.BAD_REQUEST, "invalid_file", "training_file"),
    "invalid_dataset": (HTTPStatus.BAD_REQUEST, "invalid_file_format", "file"),
    "uncheckable_dataset": (HTTPStatus.BAD_REQUEST, "invalid_file_format", "file"),
    "invalid_url": (None, "invalid_url", "url"),
    "dataset_too_large": (None, "file_too_large", "file"),
}
"""For codes that OpenAI calls otherwise: the status, if it is another, the code, and the parameter at fault."""


class Fault(BaseModel):
    """What is wrong, as OpenAI has it."""

    message: str
    type: str
    param: str | None
    code: str | None


class Failed(BaseModel):
    """The body of whatever is refused under `/v1`."""

    error: Fault


def is_for_openai(path: str) -> bool:
    """True if a request's path is one of OpenAI's API."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def error(
    status: HTTPStatus,
    code: str,
    message: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A response that carries an error.

    Args:
        status: As it is told elsewhere.
        code: Likewise; see those of the problems.
        message: What is wrong, in words.
        param: Which parameter is at fault, if one is.
        headers: Of the response.
    """
    found, name, at = CODES.get(code, (None, code, None))
    status = found or (HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status)
    kept = dict(headers or {})
    if status == HTTPStatus.CONFLICT:
        kept["x-should-retry"] = "false"
    return JSONResponse(body(message, _type(status, name), param or at, name), status, headers=kept)


def body(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    """OpenAI's error object."""
    return Failed(error=Fault(message=message, type=kind, param=param, code=code)).model_dump()


def _type(status: HTTPStatus, code: str) -> str:
    if code == "insufficient_quota":
        return code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")

"""Why a chat gets no answer, in OpenAI's words: one table from errors to statuses, types and codes.

```
ChatRefused            told as `{"error": {"message", "type", "param", "code"}}`
├─ InvalidChat         the request is wrong, at `param`
├─ Unsupported         it asks for something that is not done here
├─ TooLarge            it has too many bytes
├─ UnknownModel        there is no such model for this project
└─ Unanswered          nobody answered, or not to the end
```
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from api.openai import errors
from trainer_core.contract.chat import RefusalCode, Refused

_RETRY_SECONDS = 10
_INVALID, _SERVER = "invalid_request_error", "server_error"


class ChatRefused(Exception):
    """A chat that gets no answer."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidChat(ChatRefused):
    """Something in the request is wrong."""


class Unsupported(ChatRefused):
    """A parameter asks for what is not done here; without it, the answer would be another than was meant."""


class TooLarge(ChatRefused):
    """The request has too many bytes."""


class UnknownModel(ChatRefused):
    """The caller's project has no such model."""


class Unanswered(ChatRefused):
    """A worker refused, or none was free."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message, _PARAMS.get(refused.code))
        self.code = refused.code


_PARAMS = {
    RefusalCode.CONTEXT_LENGTH_EXCEEDED: "messages",
    RefusalCode.INVALID_MESSAGES: "messages",
    RefusalCode.MODEL_UNUSABLE: "model",
}
CODES: Mapping[type[ChatRefused] | RefusalCode, tuple[HTTPStatus, str, str]] = {
    InvalidChat: (HTTPStatus.BAD_REQUEST, _INVALID, "invalid_value"),
    Unsupported: (HTTPStatus.BAD_REQUEST, _INVALID, "unsupported_parameter"),
    TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _INVALID, "request_too_large"),
    UnknownModel: (HTTPStatus.NOT_FOUND, _INVALID, "model_not_found"),
    RefusalCode.CONTEXT_LENGTH_EXCEEDED: (HTTPStatus.BAD_REQUEST, _INVALID, "context_length_exceeded"),
    RefusalCode.INVALID_MESSAGES: (HTTPStatus.BAD_REQUEST, _INVALID, "invalid_messages"),
    RefusalCode.MODEL_UNUSABLE: (HTTPStatus.BAD_REQUEST, _INVALID, "model_unusable"),
    RefusalCode.OUT_OF_MEMORY: (HTTPStatus.SERVICE_UNAVAILABLE, _SERVER, "out_of_memory"),
    RefusalCode.NO_FREE_SLOT: (HTTPStatus.SERVICE_UNAVAILABLE, _SERVER, "no_free_slot"),
    RefusalCode.BROKE_DOWN: (HTTPStatus.INTERNAL_SERVER_ERROR, _SERVER, "broke_down"),
}
"""For each error its status, OpenAI's type, and its code, which is never renamed."""


def refusal(_request: Request, error: Exception) -> JSONResponse:
    """The answer to a request."""
    assert isinstance(error, ChatRefused)
    status, _, code = CODES[_kind(error)]
    headers = {"Retry-After": str(_RETRY_SECONDS)} if code == RefusalCode.NO_FREE_SLOT else None
    return JSONResponse(body(error), status, headers=headers)


def body(error: ChatRefused) -> dict[str, Any]:
    """OpenAI's error object."""
    _, kind, code = CODES[_kind(error)]
    return errors.body(str(error), kind, error.param, code)


def _kind(error: ChatRefused) -> type[ChatRefused] | RefusalCode:
    return error.code if isinstance(error, Unanswered) else type(error)

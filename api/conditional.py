"""Answers that are sent only to whoever does not have them yet, by the ETag that they had before."""

import hashlib
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

IfNoneMatch = Annotated[str | None, Header(description="ETag of the answer that one has")]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed"}}


def etag_of(body: BaseModel) -> str:
    """What stands for a body."""
    return f'"{hashlib.sha256(body.model_dump_json().encode()).hexdigest()[:32]}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """True if whoever asks has this answer already; a proxy that compresses answers makes `W/"…"` of an ETag.

    Source: RFC 9110, 13.1.2.
    """
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in (if_none_match or "").split(","))


def told(body: BaseModel, etag: str, if_none_match: str | None) -> Response:
    """A body as JSON, or that it is what one has."""
    if is_known(etag, if_none_match):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    return Response(body.model_dump_json(), media_type="application/json", headers=headers)

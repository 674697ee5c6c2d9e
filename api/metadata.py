"""`metadata[name]=value` in a query: which jobs a list is of, by words of their owners. One grammar for both views."""

from typing import Annotated

from fastapi import Depends, Request

_NONE = "null"


def _pairs(request: Request) -> dict[str, str] | None:
    asked = request.query_params
    pairs = {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in asked.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    return pairs or ({} if asked.get("metadata") == _NONE else None)


MetadataDep = Annotated[dict[str, str] | None, Depends(_pairs)]
"""Pairs that jobs all have; empty if they must have none; None if it does not matter."""

"""Pictures of strangers as answers: whatever they hold, a browser draws them and does nothing else with them."""

import base64
import binascii
from http import HTTPStatus

from fastapi import Response
from starlette.exceptions import HTTPException

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
_RIFF, _WEBP = b"RIFF", b"WEBP"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "inline",
    "Cache-Control": "private, max-age=31536000, immutable",
}
PICTURED: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The image as it was uploaded",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/png", "image/jpeg", "image/webp")
        },
    }
}


def picture(content: bytes) -> Response:
    """An image, by what it holds and not by what it is called."""
    media_type = _media_type(content)
    if media_type is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this is no PNG, JPEG or WebP image")
    return Response(content, media_type=media_type, headers=_HEADERS)


def content_of(data_url: str) -> bytes:
    """What a data URL holds; nothing if it is none."""
    head, _, encoded = data_url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""


def _media_type(content: bytes) -> str | None:
    if content[:4] == _RIFF and content[8:12] == _WEBP:
        return "image/webp"
    return next((kind for beginning, kind in _KINDS if content.startswith(beginning)), None)

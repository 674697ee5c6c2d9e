"""The dashboard's one page at `/` and its files below `/dashboard`. Anybody may read them: they hold nothing of anyone.

What a page shows, its script asks of the same routes as everybody else. Where in the dashboard one is stands in the
fragment, so that this side knows one page only.
"""

from os import PathLike, stat_result
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PATH = "/dashboard"
_PAGE = "index.html"
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-cache",  # asked for by ETag each time, so that a new release is seen at once
}
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
"""Said here: what a host's own list says of them is up to that host, and scripts of another type are not run."""

router = APIRouter()


class Files(StaticFiles):
    """The folder `static`, told with the headers that keep a page from everything that is not ours."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, or that it is as the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        media_type = _MEDIA_TYPES.get(Path(full_path).suffix)
        if media_type and "content-type" in response.headers:
            response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
        return response


FILES = Files(directory=Path(__file__).parent / "static")


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def read_page(request: Request) -> Response:
    """The dashboard."""
    return await FILES.get_response(_PAGE, request.scope)

"""The cookie by which a browser carries a key; no script can read it."""

from fastapi import Request, Response

_NAME = "tuneyard_key"
_LIVES_SECONDS = 30 * 86_400


def key_in(request: Request) -> str | None:
    """The key that a request's cookie holds."""
    return request.cookies.get(_name(request))


def give(request: Request, response: Response, key: str) -> None:
    """Have the browser carry a key to this service from now on."""
    response.set_cookie(
        _name(request), key, max_age=_LIVES_SECONDS, httponly=True, samesite="strict", secure=_is_secure(request)
    )


def take(request: Request, response: Response) -> None:
    """Have the browser forget the key."""
    response.delete_cookie(_name(request), httponly=True, samesite="strict", secure=_is_secure(request))


def _name(request: Request) -> str:
    # Cookies know hosts but no ports: without the port in its name, two services of a host would take each other's.
    name = f"{_NAME}_{request.url.port}" if request.url.port else _NAME
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"

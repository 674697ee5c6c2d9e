# Made from client/aio/transport.py by `make client-sync`: change that file, not this one.
"""Requests and answers: what may be sent again is, within bounds, and problems become errors. It knows no job."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from client.errors import ApiError, ConnectionBroken, UnreadableInput
from client.http import CONNECT_SECONDS, DIRECT, READ_SECONDS, elsewhere, has_never_arrived, is_passing, told

_PAGE_SIZE = 100


class Transport:
    """A connection to the service at a URL."""

    def __init__(self, url: str, api_key: str | None = None, *, patience_seconds: float) -> None:
        if not url.startswith(("http://", "https://")):
            raise UnreadableInput(f"the URL of a service begins with http:// or https://, unlike {url!r}")
        self.url = url
        self._patience_seconds = patience_seconds
        self._http = httpx2.Client(
            base_url=url,
            headers={} if api_key is None else {"Authorization": f"Bearer {api_key}"},
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            mounts=dict.fromkeys(DIRECT, httpx2.HTTPTransport()),
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        patience_seconds: float | None = None,
    ) -> httpx2.Response:
        """Read something; asked again for `patience_seconds` if the service is away."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        sent = self._http.build_request("GET", path, params=given, headers=headers)
        return self._retrying(patience_seconds, repeats=True)(self._send, sent)

    def pages(self, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Everything of a list that is told in pages."""
        while True:
            page = (self.get(path, params={"limit": _PAGE_SIZE, **asked})).json()
            for one in page["data"]:
                yield one
            if not page["has_more"]:
                return
            asked["after"] = page["last_id"]

    def ask(self, verb: str, path: str, *, repeats: bool = False, **content: Any) -> httpx2.Response:
        """Ask for something. It is asked again only if it `repeats` harmlessly or never reached the service."""

        def send() -> httpx2.Response:
            return self._send(self._http.build_request(verb, path, **content))

        return self._retrying(None, repeats=repeats)(send)

    @contextmanager
    def stream(
        self,
        path: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        patience_seconds: float | None = None,
    ) -> Iterator[httpx2.Response]:
        """Read something long; a connection that breaks while it is read is the reader's to answer."""
        sent = {"Accept-Encoding": "identity", **headers}
        request = self._http.build_request("GET", path, params=params, headers=sent)
        response: httpx2.Response = self._retrying(patience_seconds, repeats=True)(self._send, request, stream=True)
        if response.has_redirect_location:
            response.close()
            there = elsewhere(response)
            response = self._retrying(patience_seconds, repeats=True)(self._send, there, stream=True, auth=None)
        try:
            yield response
        except httpx2.TransportError as error:
            raise ConnectionBroken(self.url, error) from error
        finally:
            response.close()

    def _send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        try:
            response = self._http.send(request, **how)
            if response.is_error:
                response.read()
        except httpx2.TransportError as error:
            raise told(error, request, self.url) from error
        if response.is_error:
            raise ApiError.of(response)
        return response

    def _retrying(self, patience_seconds: float | None, *, repeats: bool) -> Retrying:
        return Retrying(
            retry=retry_if_exception(is_passing if repeats else has_never_arrived),
            wait=wait_random_exponential(multiplier=0.1, max=3),
            stop=stop_after_delay(self._patience_seconds if patience_seconds is None else patience_seconds),
            reraise=True,
        )

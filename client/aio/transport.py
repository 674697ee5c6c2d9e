"""Requests and answers: what may be sent again is, within bounds, and problems become errors. It knows no job."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from client.errors import ApiError, ConnectionBroken, UnreadableInput
from client.http import CONNECT_SECONDS, DIRECT, READ_SECONDS, elsewhere, has_never_arrived, is_passing, told

_PAGE_SIZE = 100


class AsyncTransport:
    """A connection to the service at a URL."""

    def __init__(self, url: str, api_key: str | None = None, *, patience_seconds: float) -> None:
        if not url.startswith(("http://", "https://")):
            raise UnreadableInput(f"the URL of a service begins with http:// or https://, unlike {url!r}")
        self.url = url
        self._patience_seconds = patience_seconds
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers={} if api_key is None else {"Authorization": f"Bearer {api_key}"},
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            mounts=dict.fromkeys(DIRECT, httpx2.AsyncHTTPTransport()),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def get(
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
        return await self._retrying(patience_seconds, repeats=True)(self._send, sent)

    async def pages(self, path: str, **asked: Any) -> AsyncIterator[dict[str, Any]]:
        """Everything of a list that is told in pages."""
        while True:
            page = (await self.get(path, params={"limit": _PAGE_SIZE, **asked})).json()
            for one in page["data"]:
                yield one
            if not page["has_more"]:
                return
            asked["after"] = page["last_id"]

    async def ask(self, verb: str, path: str, *, repeats: bool = False, **content: Any) -> httpx2.Response:
        """Ask for something. It is asked again only if it `repeats` harmlessly or never reached the service."""

        async def send() -> httpx2.Response:
            return await self._send(self._http.build_request(verb, path, **content))

        return await self._retrying(None, repeats=repeats)(send)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        patience_seconds: float | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """Read something long; a connection that breaks while it is read is the reader's to answer."""
        sent = {"Accept-Encoding": "identity", **headers}
        request = self._http.build_request("GET", path, params=params, headers=sent)
        response: httpx2.Response = await self._retrying(patience_seconds, repeats=True)(
            self._send, request, stream=True
        )
        if response.has_redirect_location:
            await response.aclose()
            there = elsewhere(response)
            response = await self._retrying(patience_seconds, repeats=True)(self._send, there, stream=True, auth=None)
        try:
            yield response
        except httpx2.TransportError as error:
            raise ConnectionBroken(self.url, error) from error
        finally:
            await response.aclose()

    async def _send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        try:
            response = await self._http.send(request, **how)
            if response.is_error:
                await response.aread()
        except httpx2.TransportError as error:
            raise told(error, request, self.url) from error
        if response.is_error:
            raise ApiError.of(response)
        return response

    def _retrying(self, patience_seconds: float | None, *, repeats: bool) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(is_passing if repeats else has_never_arrived),
            wait=wait_random_exponential(multiplier=0.1, max=3),
            stop=stop_after_delay(self._patience_seconds if patience_seconds is None else patience_seconds),
            reraise=True,
        )

"""Images from their addresses, where the operator allows it: every redirect is an address of its own (`egress.py`)."""

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

import anyio
import httpx2

from api.egress import AddressRefused, Egress
from trainer_core.contract.dataset import MAX_IMAGE_BYTES, fetched_name

_MAX_REDIRECTS = 3
_MAX_SECONDS = 10
"""For one image, redirects included."""
_AT_ONCE = 16
_HTTPS = 443


class Unfetchable(Exception):
    """The address gave no image."""


class Fetcher:
    """Fetches images by https.

    Args:
        is_allowed: Which addresses of the network may be reached; tests reach what is not public.
        port: The one that is asked.
        tls: Which certificates are trusted.
    """

    def __init__(
        self,
        is_allowed: Callable[[str], bool] | None = None,
        port: int = _HTTPS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._egress = Egress(is_allowed, tls=tls)
        self._port = port

    async def fetch_all(self, urls: Iterable[str], folder: Path) -> None:
        """Write what each address gives into `folder`, or why it gives nothing, under its `fetched_name`."""
        slots = anyio.CapacityLimiter(_AT_ONCE)
        async with self._egress.client(_MAX_SECONDS) as client, anyio.create_task_group() as tasks:
            for url in urls:
                tasks.start_soon(self._keep, client, slots, url, folder / fetched_name(url))

    async def _keep(self, client: httpx2.AsyncClient, slots: anyio.CapacityLimiter, url: str, path: Path) -> None:
        async with slots:
            try:
                with anyio.fail_after(_MAX_SECONDS):
                    content = await self._fetch(client, url)
            except (Unfetchable, AddressRefused, httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
                reason = str(error) or f"no answer within {_MAX_SECONDS} s"
                await anyio.Path(path.with_suffix(".reason")).write_text(f"the address was not fetched: {reason}")
            else:
                await anyio.Path(path).write_bytes(content)

    async def _fetch(self, client: httpx2.AsyncClient, url: str) -> bytes:
        address = httpx2.URL(url)
        for _ in range(_MAX_REDIRECTS + 1):
            if address.scheme != "https" or (address.port or _HTTPS) != self._port:
                raise AddressRefused("only https addresses without a port are fetched")
            response = await self._egress.send(client, "GET", address)
            try:
                if response.has_redirect_location:
                    address = address.join(response.headers["Location"])
                    continue
                return await _body(response)
            finally:
                await response.aclose()
        raise Unfetchable(f"more than {_MAX_REDIRECTS} redirects")


async def _body(response: httpx2.Response) -> bytes:
    if response.status_code != httpx2.codes.OK:
        raise Unfetchable(f"it answered {response.status_code}")
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_IMAGE_BYTES:
            raise Unfetchable(f"it is larger than {MAX_IMAGE_BYTES} bytes")
    return bytes(content)

"""Images from their addresses, where the operator allows it: each address is checked, and what it leads to as well.

An address that a stranger wrote must not reach what only this machine can reach. One parser reads it; all that its host
resolves to must be public; the connection goes to what was checked, and every redirect is an address of its own.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path

import anyio
import httpx2

from trainer_core.contract.dataset import MAX_IMAGE_BYTES, fetched_name

_MAX_REDIRECTS = 3
_MAX_SECONDS = 10
"""For one image, redirects included."""
_AT_ONCE = 16
_HTTPS = 443
_WITH_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Whose last four bytes are an IPv4 address: behind NAT64, and of old."""


class Unfetchable(Exception):
    """The address is not allowed, or gave no image."""


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
        self._is_allowed = is_allowed or is_public
        self._port = port
        self._tls = tls or ssl.create_default_context()

    async def fetch_all(self, urls: Iterable[str], folder: Path) -> None:
        """Write what each address gives into `folder`, or why it gives nothing, under its `fetched_name`."""
        slots = anyio.CapacityLimiter(_AT_ONCE)
        async with self._client() as client, anyio.create_task_group() as tasks:
            for url in urls:
                tasks.start_soon(self._keep, client, slots, url, folder / fetched_name(url))

    async def _keep(self, client: httpx2.AsyncClient, slots: anyio.CapacityLimiter, url: str, path: Path) -> None:
        async with slots:
            try:
                with anyio.fail_after(_MAX_SECONDS):
                    content = await self._fetch(client, url)
            except (Unfetchable, httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError, UnicodeError) as error:
                reason = str(error) or f"no answer within {_MAX_SECONDS} s"
                await anyio.Path(path.with_suffix(".reason")).write_text(f"the address was not fetched: {reason}")
            else:
                await anyio.Path(path).write_bytes(content)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=_MAX_SECONDS)

    async def _fetch(self, client: httpx2.AsyncClient, url: str) -> bytes:
        address = httpx2.URL(url)
        for _ in range(_MAX_REDIRECTS + 1):
            pinned = await self._pinned(address)
            request = client.build_request(
                "GET", pinned, headers={"Host": address.host}, extensions={"sni_hostname": address.host}
            )
            response = await client.send(request, stream=True)
            try:
                if response.has_redirect_location:
                    address = address.join(response.headers["Location"])
                    continue
                return await _body(response)
            finally:
                await response.aclose()
        raise Unfetchable(f"more than {_MAX_REDIRECTS} redirects")

    async def _pinned(self, address: httpx2.URL) -> httpx2.URL:
        """The address with what its host resolves to in place of its name."""
        if address.scheme != "https" or (address.port or _HTTPS) != self._port or address.userinfo or not address.host:
            raise Unfetchable("only https addresses without a port and a password are fetched")
        found = await anyio.getaddrinfo(address.host, self._port, type=socket.SOCK_STREAM)
        numbers = [str(sockaddr[0]) for *_, sockaddr in found]
        if not numbers or not all(self._is_allowed(number) for number in numbers):
            raise Unfetchable(f"{address.host} is not a public address")
        return address.copy_with(host=numbers[0])


def is_public(number: str) -> bool:
    """True if an IP address, and whatever IPv4 address is wrapped in it, is one of the public internet."""
    address = ip_address(number.partition("%")[0])
    return all(one.is_global and not one.is_multicast for one in (address, *_wrapped(address)))


def _wrapped(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    last = IPv4Address(int(address) & 0xFFFFFFFF) if any(address in one for one in _WITH_IPV4) else None
    found = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()), last)
    return [one for one in found if one is not None]


async def _body(response: httpx2.Response) -> bytes:
    if response.status_code != httpx2.codes.OK:
        raise Unfetchable(f"it answered {response.status_code}")
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_IMAGE_BYTES:
            raise Unfetchable(f"it is larger than {MAX_IMAGE_BYTES} bytes")
    return bytes(content)

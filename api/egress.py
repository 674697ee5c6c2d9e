"""The way out to addresses that a stranger wrote: none may reach what only this machine, or its network, can reach.

One parser reads an address; all that its host resolves to must be public; the connection goes to what was checked, so
that a name which resolves to something else a moment later leads nowhere. It knows nothing of what is sent.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx2
from anyio import CapacityLimiter, to_thread

_MAX_LOOKUPS = 256
"""Threads that wait for name servers."""
_PORTS = {"http": 80, "https": 443}
_WITH_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Whose last four bytes are an IPv4 address: behind NAT64, and of old."""


class AddressRefused(Exception):
    """The address is not one that is asked."""


class Egress:
    """Sends to public addresses.

    Args:
        is_allowed: Which addresses of the network may be reached; tests reach what is not public.
        private_hosts: Names that the operator trusts, wherever they lead, and without TLS if somebody asks for that.
        tls: Which certificates are trusted.
    """

    def __init__(
        self,
        is_allowed: Callable[[str], bool] | None = None,
        private_hosts: frozenset[str] = frozenset(),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._is_allowed = is_allowed or is_public
        self._private_hosts = private_hosts
        self._tls = tls or _trusted()
        self._lookups = CapacityLimiter(_MAX_LOOKUPS)

    def client(self, max_seconds: float) -> httpx2.AsyncClient:
        """Asks one address at a time: no proxy of the environment, no redirects, no connection used twice.

        A connection that stays open is known by the number it leads to, not by the name that its certificate was
        checked for: it must not serve another name of the same number.
        """
        return httpx2.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            timeout=max_seconds,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def send(
        self,
        client: httpx2.AsyncClient,
        method: str,
        address: httpx2.URL,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx2.Response:
        """What the address answers, its body unread; whoever asks closes it.

        Raises:
            AddressRefused: Its host is not public.
            httpx2.HTTPError, OSError, UnicodeError: It gave no answer.
        """
        name = address.raw_host.decode("ascii")
        request = client.build_request(
            method,
            address.copy_with(host=await self.number_of(address)),
            headers={**(headers or {}), "Host": address.netloc.decode("ascii")},
            content=content,
            extensions={"sni_hostname": name},
        )
        return await client.send(request, stream=True)

    async def number_of(self, address: httpx2.URL) -> str:
        """The number that the host of an address resolves to.

        Raises:
            AddressRefused: It is none that is asked, or one of those that it resolves to is not public.
            OSError, UnicodeError: It resolves to none.
        """
        is_trusted = address.host in self._private_hosts
        if address.scheme not in ({"https", "http"} if is_trusted else {"https"}) or not address.host:
            raise AddressRefused("only https addresses are asked")
        if address.userinfo:
            raise AddressRefused("an address with a user or a password is not asked")
        port = address.port or _PORTS[address.scheme]
        numbers = await self._look_up(address.raw_host.decode("ascii"), port)
        if not is_trusted and not all(self._is_allowed(number) for number in numbers):
            raise AddressRefused(f"{address.host} is not a public address")
        return numbers[0]

    async def _look_up(self, name: str, port: int) -> list[str]:
        # Not the event loop's own: it has a handful of threads, which a few names that nobody answers for would hold.
        found = await to_thread.run_sync(
            lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._lookups,
        )
        return [str(sockaddr[0]) for *_, sockaddr in found]


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


@cache
def _trusted() -> ssl.SSLContext:
    """What this machine trusts, read once a process: there are a hundred certificates and more."""
    return ssl.create_default_context()

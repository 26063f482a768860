"""Where the house may call: outbound addresses are allowed by policy, whatever a name resolves to.

The policy is asked about the very address that is then connected to. A name that answers differently the second
time (DNS rebinding), an odd spelling of 127.0.0.1 or a redirect to a metadata service gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import httpcore
import httpx

from sereno.kernel.errors import DeliveryError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

CONNECT_SECONDS = 5.0
LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
"""Where AWS, Alibaba, Azure and Oracle keep what a machine may know of itself, outside the link-local range."""


class Refused(DeliveryError):
    """The policy does not let us call there."""

    code = "egress"

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)
        self.hint = "allow it with the setting `allowed_hosts` if you mean it"


@dataclass(frozen=True, slots=True)
class Policy:
    """Public addresses are allowed, unless `public` is off; others only by name (`hosts`), by range (`networks`) or
    all (`allow_private`).

    Link-local addresses and the others where clouds keep their metadata are never allowed by `allow_private` alone.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    allow_private: bool = False
    public: bool = True

    @staticmethod
    def of(allowed: Iterable[str], *, allow_private: bool = False, public: bool = True) -> Policy:
        """The policy that allows these host names, addresses and CIDR ranges beside what is public."""
        hosts, networks = set(), []
        for entry in allowed:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower().rstrip("."))
        return Policy(frozenset(hosts), tuple(networks), allow_private, public)

    def allows(self, host: str, address: str) -> bool:
        """Whether `host`, having resolved to `address`, may be called."""
        if host.lower().rstrip(".") in self.hosts:
            return True
        try:
            found = _embedded(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if any(found in network for network in self.networks):
            return True
        if found.is_multicast or found.is_unspecified or found.is_link_local:
            return False
        if found in _METADATA or found in _NAT64_LOCAL:
            return False
        return self.public if found.is_global else self.allow_private


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, as the system resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only where the policy allows, to the address that was judged."""

    def __init__(self, policy: Policy, resolve: Resolve = resolve_host) -> None:
        self._policy = policy
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first allowed address of `host` that answers. Raises Refused if none is allowed."""
        try:
            async with asyncio.timeout(timeout or CONNECT_SECONDS):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name does not resolve") from None
        allowed = [address for address in addresses if self._policy.allows(host, address)]
        if not allowed:
            raise Refused("the address is private, local or reserved, and calling it is not allowed")
        failure: Exception = httpcore.ConnectError("no address")
        for address in allowed:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Sockets in the file system are not the network: refused."""
        raise Refused("calling a unix socket is not allowed")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a guarded network. Certificates are checked against the name, as ever."""

    def __init__(self, policy: Policy, resolve: Resolve = resolve_host, limits: httpx.Limits = LIMITS) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(policy, resolve),
        )


def guarded_client(policy: Policy, *, timeout_seconds: float, resolve: Resolve = resolve_host) -> httpx.AsyncClient:
    """A client that follows no redirects, uses no proxy of the environment and calls only where `policy` allows."""
    return httpx.AsyncClient(
        transport=GuardedTransport(policy, resolve),
        timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, CONNECT_SECONDS)),
        follow_redirects=False,
        trust_env=False,
    )

"""Who sent a request, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

UNKNOWN = "unknown"
_FORWARDED_LENGTH_MAX = 2_000
_NAT64 = int(IPv6Address("64:ff9b::")) >> 32
"""The network of 96 bits in which NAT64 shows addresses of IPv4 (RFC 6052)."""


class Caller:
    """A request, the same under ASGI and WSGI.

    Args:
        path: as it was asked for.
        client: the address at the other end of the connection; empty if there is none.
        header: looks a header up by its name in lower case.
        raw: ASGI's scope or WSGI's environ, for what else is known, such as who is logged in.
    """

    __slots__ = ("client", "header", "path", "raw")

    def __init__(self, path: str, client: str, header: Callable[[str], str | None], raw: Mapping[str, Any]) -> None:
        self.path, self.client, self.header, self.raw = path, client, header, raw


Key = Callable[[Caller], str | None]
"""Whose quota a request uses; None where it does not say, and the client's address is used."""


def by_client(proxies: int = 0, header: str = "x-forwarded-for") -> Key:
    """The address of the client; of IPv6 the network of 64 bits, for one customer has all of that.

    Args:
        proxies: how many of our own proxies add to the header. The address is believed that the outermost of them
            saw: so many entries from the right, for everything further left the client may have written itself.
        header: to which they add.
    """
    if proxies < 0:
        raise ValueError(f"proxies must not be negative, not {proxies}")
    name = header.lower()

    def address(caller: Caller) -> str:
        if proxies:
            # What was added last is at the end, so a client that sends megabytes cuts off only its own words.
            entries = (caller.header(name) or "")[-_FORWARDED_LENGTH_MAX:].split(",")
            if len(entries) >= proxies:
                found = _network(entries[-proxies])
                if found:
                    return found
        return _network(caller.client) or UNKNOWN

    return address


def by_header(name: str) -> Key:
    """What the header `name` says, such as an API key. Whoever may invent its values is limited by nothing:
    check them before, or limit addresses too.
    """
    name = name.lower()
    return lambda caller: caller.header(name) or None


def caller_of_scope(scope: Mapping[str, Any]) -> Caller:
    """The caller of an ASGI request."""
    client = scope.get("client")

    def header(name: str) -> str | None:
        wanted = name.encode("latin-1")
        found = [value for key, value in scope["headers"] if key == wanted]
        return b", ".join(found).decode("latin-1") if found else None

    return Caller(scope["path"], client[0] if client else "", header, scope)


def caller_of_environ(environ: Mapping[str, Any]) -> Caller:
    """The caller of a WSGI request."""

    def header(name: str) -> str | None:
        found = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return found if isinstance(found, str) else None

    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return Caller(path, str(environ.get("REMOTE_ADDR", "")), header, environ)


def _network(text: str) -> str:
    """The address in `text`, without port; of IPv6 its first 64 bits; nothing if there is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    embedded = address.ipv4_mapped or address.sixtofour
    if int(address) >> 32 == _NAT64:
        embedded = IPv4Address(int(address) & 0xFFFFFFFF)
    if embedded is not None:
        return str(embedded)  # All of IPv4 is one network of 64 bits behind NAT64; one of 6to4's has 65,536 of them.
    return str(IPv6Address(int(address) >> 64 << 64)) + "/64"

"""Reads where the kits of a service's replicas are looked at and overridden: the key `kit` of a service.

```yaml
kit:
  admin: [http://10.0.4.11:9104/-/kit, http://10.0.4.12:9104/-/kit]    # one each replica; or:
  # admin: scrape                # /-/kit where `scrape` has its targets
  token: PAYMENTS_KIT_TOKEN      # the environment variable that has the token; SERENO_KIT_TOKEN by default
```
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.model import KitAdmin, ScrapeJob
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

PATH = "/-/kit"
"""Where the kit answers unless it was told another path."""
REPLICAS_MAX = 200
_SCRAPE = "scrape"
_VARIABLE = re.compile(r"(?:[A-Z][A-Z0-9_]*_)?KIT_TOKEN(?:_[A-Z0-9_]+)?")


def kit(reading: Reading, node: Node, scrape: Iterable[ScrapeJob] = ()) -> KitAdmin | None:
    """Where the admin endpoints of a service are that is scraped as `scrape` says; None if that is not known."""
    fields = Fields(reading, node, "a kit", required=("admin",), optional=("token",))
    addresses = fields.read("admin", _admin) or ()
    token = fields.read("token", _variable)
    place = fields.value("admin")
    if place is not None and addresses == (_SCRAPE,):
        addresses = tuple(dict.fromkeys(_beside(target) for job in scrape for target in job.targets))
        if not addresses:
            reading.complain(
                "SER143", place, "`scrape` has no targets to derive addresses from", expected="a list of addresses"
            )
    if len(addresses) > REPLICAS_MAX and place is not None:
        reading.complain("SER143", place, "there are too many addresses", expected=f"at most {REPLICAS_MAX}")
    if not addresses:
        return None
    return KitAdmin(addresses, token) if token else KitAdmin(addresses)


def _beside(target: str) -> str:
    """The admin endpoint of the program that is scraped at `target`."""
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{PATH}"


def _admin(reading: Reading, node: Node) -> tuple[str, ...] | None:
    """Addresses, each once, or the word `scrape`."""
    if isinstance(node, Scalar) and node.value.strip() == _SCRAPE:
        return (_SCRAPE,)
    if isinstance(node, Mapping):
        expect(reading, node, "addresses of admin endpoints, or `scrape`")
        return None
    if isinstance(node, Sequence) and not node.items:
        reading.complain("SER023", node, "the list is empty", expected="addresses of admin endpoints, or `scrape`")
    found: dict[str, Node] = {}
    for item in node.items if isinstance(node, Sequence) else (node,):
        address = _address(reading, item)
        if address is None:
            continue
        if address in found:
            reading.complain_twice(item, found[address], f"address `{address}`")
        found.setdefault(address, item)
    return tuple(found)


def _address(reading: Reading, node: Node) -> str | None:
    """The address of one admin endpoint, without a slash at its end."""
    found = values.url(reading, node)
    if found is None:
        return None
    parts = urlsplit(found)
    if "@" in parts.netloc:
        return None  # reported already
    if parts.query or parts.fragment:
        reading.complain("SER143", node, "an address of a kit has neither `?` nor `#`", expected=f"…{PATH}")
        return None
    if parts.scheme == "http" and _is_public(parts.hostname or ""):
        reading.complain(
            "SER143", node, "the token would go over the open network for all to read", expected="https://…",
        )  # fmt: skip
        return None
    return found.rstrip("/") if parts.path.strip("/") else found.rstrip("/") + PATH


def _is_public(host: str) -> bool:
    """Whether `host` is written as an address of the public network; what names mean is judged when they are called."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_global
    return False


def _variable(reading: Reading, node: Node) -> str | None:
    """The name of an environment variable that is meant for a kit's token, never the token itself."""
    found = values.text(reading, node)
    if found is None or _VARIABLE.fullmatch(found):
        return found
    reading.complain(
        "SER144", node, "this is no environment variable of a kit's token",
        expected="a name with KIT_TOKEN in it, such as PAYMENTS_KIT_TOKEN",
        hint="put the token into that variable of Sereno's process; nothing else of its environment is ever sent",
        secret=True,
    )  # fmt: skip
    return None

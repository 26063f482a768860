"""Readers of the amounts, names and addresses that a cluster understands."""

from __future__ import annotations

import re
from decimal import Decimal

from sereno.spec import values
from sereno.spec.fields import Reader, expect
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar

DNS_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]{1,5}(?=/))?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)
_MOVING = frozenset(("latest", "stable", "edge", "main", "master", "nightly", "dev"))
_CPU = re.compile(r"[0-9]{1,6}m|[0-9]{1,3}(?:\.[0-9]{1,3})?")
_MEMORY = re.compile(r"[1-9][0-9]{0,6}(?:Ki|Mi|Gi|Ti|k|M|G|T)")
_PATH = re.compile(r"/[!-~]{0,500}")
_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
          "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}  # fmt: skip
DNS_WORDS = "letters a-z, digits and -, at most 63, beginning and ending with a letter or digit"


def dns_name(reading: Reading, node: Node) -> str | None:
    """A name that Kubernetes takes."""
    found = values.text(reading, node)
    if found is None or DNS_NAME.fullmatch(found):
        return found
    reading.complain("SER700", node, f"`{found[:80]}` cannot be a name in Kubernetes", expected=DNS_WORDS)
    return None


def image(reading: Reading, node: Node) -> str | None:
    """An image that stays the same: with a tag that says a version, or a digest."""
    found = values.text(reading, node)
    if found is None:
        return None
    parts = _IMAGE.fullmatch(found)
    expected = "registry.example/name:1.4.2, or name@sha256:…"
    if parts is None:
        reading.complain("SER701", node, f"`{found[:120]}` is not the name of an image", expected=expected)
        return None
    if not parts["digest"] and (parts["tag"] or "latest").lower() in _MOVING:
        what = f"the tag `{parts['tag']}` moves" if parts["tag"] else "without a tag it is `latest`, which moves"
        reading.complain("SER701", node, f"{what}: nobody could say what runs", expected=expected)
        return None
    return found


def whole_number(least: int, most: int, expected: str) -> Reader[int]:
    """A reader of whole numbers from `least` to `most`."""

    def read(reading: Reading, node: Node) -> int | None:
        written = node.value.strip() if isinstance(node, Scalar) else ""
        if re.fullmatch(r"[0-9]{1,10}", written) and least <= int(written) <= most:
            return int(written)
        if isinstance(node, Scalar) and node.kind != "null":
            reading.complain("SER702", node, f"`{written[:40]}` is not possible here", expected=expected)
        else:
            expect(reading, node, expected)
        return None

    return read


def share(expected: str = "a percentage above 0% and up to 100%, such as 70%") -> Reader[Decimal]:
    """A reader of percentages above 0 and up to 100."""

    def read(reading: Reading, node: Node) -> Decimal | None:
        written = node.value.strip() if isinstance(node, Scalar) else ""
        found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%", written)
        if found and 0 < Decimal(found[1]) <= 100:
            return Decimal(found[1]) / 100
        if isinstance(node, Scalar):
            reading.complain("SER702", node, f"`{written[:40]}` is not possible here", expected=expected)
        else:
            expect(reading, node, expected)
        return None

    return read


def positive(reading: Reading, node: Node) -> Decimal | None:
    """A number above 0."""
    written = node.value.strip() if isinstance(node, Scalar) else ""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", written) and Decimal(written) > 0:
        return Decimal(written)
    if isinstance(node, Scalar):
        reading.complain("SER702", node, f"`{written[:40]}` is not possible here", expected="a number above 0")
    else:
        expect(reading, node, "a number above 0")
    return None


def amount(quantity: str) -> Decimal:
    """A Kubernetes quantity as a number."""
    if quantity.endswith("m"):
        return Decimal(quantity[:-1]) / 1000
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity)
    assert found is not None
    return Decimal(found[1]) * _UNITS[found[2]]


def cpu(reading: Reading, node: Node) -> str | None:
    """An amount of CPU: cores, or thousandths."""
    found = values.text(reading, node)
    if found is None:
        return None
    if not _CPU.fullmatch(found) or not 0 < amount(found) <= 256:
        hint = f"write `{found}m` if thousandths are meant" if re.fullmatch("[0-9]{3,6}", found) else None
        message = f"`{found[:40]}` is not an amount of CPU"
        reading.complain("SER702", node, message, expected="cores such as 0.5, or thousandths such as 500m", hint=hint)
        return None
    return found


def memory(reading: Reading, node: Node) -> str | None:
    """An amount of memory, with its unit."""
    found = values.text(reading, node)
    if found is None or _MEMORY.fullmatch(found):
        return found
    loose = re.fullmatch(r"([0-9]{1,6})\s*([kKmMgG])[bB]?", found)
    hint = f"write `{loose[1]}{loose[2].upper()}i`" if loose else None
    message = f"`{found[:40]}` is not an amount of memory"
    reading.complain("SER702", node, message, expected="such as 512Mi or 2Gi", hint=hint)
    return None


def path(reading: Reading, node: Node) -> str | None:
    """The path of an address."""
    found = values.text(reading, node)
    if found is None or _PATH.fullmatch(found):
        return found
    reading.complain("SER703", node, f"`{found[:80]}` is not a path", expected="a path such as /health/live")
    return None


def host(reading: Reading, node: Node) -> str | None:
    """The name of a host; `*.` may stand before it."""
    found = values.text(reading, node)
    if found is None or (_HOST.fullmatch(found) and len(found) <= 253):
        return found
    reading.complain("SER703", node, f"`{found[:80]}` is not a host", expected="such as shop.example")
    return None


def cidr(reading: Reading, node: Node) -> str | None:
    """A range of addresses."""
    from ipaddress import ip_network  # slow to import, and rarely needed

    found = values.text(reading, node)
    if found is None:
        return None
    try:
        if "/" in found:
            return str(ip_network(found))
    except ValueError:
        pass
    reading.complain("SER710", node, f"`{found[:60]}` is not a range of addresses", expected="such as 203.0.113.0/24")
    return None

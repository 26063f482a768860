"""What documents of other dialects come to, before it is joined to the workspace."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from sereno.spec.model import DeclaredTier, Objective, Slo
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar

_DECIMAL = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?")

# 30 days, as the SRE workbook has them and Sloth generates them; the tier of factor 1 fires inside the budget.
PAGES = (
    DeclaredTier("page", timedelta(hours=1), timedelta(minutes=5), Decimal("14.4")),
    DeclaredTier("page", timedelta(hours=6), timedelta(minutes=30), Decimal(6)),
)
TICKETS = (DeclaredTier("ticket", timedelta(days=1), timedelta(hours=2), Decimal(3)),)


@dataclass(frozen=True, slots=True)
class Promise:
    """An objective of `service`; `team` is whom its labels name ("" for nobody), `place` where it stands."""

    service: str
    slo: Slo
    place: Node
    team: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """A service that a document describes."""

    name: str
    place: Node
    title: str = ""
    description: str = ""
    team: str = ""


@dataclass(slots=True)
class Gathered:
    """Everything that was read, in the order of files."""

    services: list[Described] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)


def text_of(node: Node | None) -> str:
    """The text of a scalar, nothing being empty."""
    return node.value if isinstance(node, Scalar) and node.kind != "null" else ""


def inside(node: Node | None, *keys: str) -> Node | None:
    """The value below `keys`, if there is one."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def absent(node: Node | None) -> bool:
    """Whether there is no value: the key is not there, or stands there empty."""
    return node is None or (isinstance(node, Scalar) and node.kind == "null")


def number(reading: Reading, node: Node) -> Decimal | None:
    """A number, exactly as it is written."""
    if isinstance(node, Scalar) and node.style == "plain" and _DECIMAL.fullmatch(node.value):
        return Decimal(node.value)
    reading.complain("SER155", node, "this is not a number", expected="a plain decimal number, such as 0.999")
    return None


def objective_of(ratio: Decimal) -> Objective:
    """The objective that is `ratio`, as a percentage."""
    percent = ratio.scaleb(2)
    text = f"{percent:f}"
    return Objective((text.rstrip("0").rstrip(".") if "." in text else text) + "%", ratio)


def slug(text: str) -> str:
    """`text` as a name; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:63].rstrip("-._")


def severities_of(reading: Reading) -> tuple[str, str]:
    """The severities of a fast and of a slow burn where nothing else is said."""
    scale = reading.severities.scale
    return scale[min(1, len(scale) - 1)].name, scale[min(2, len(scale) - 1)].name

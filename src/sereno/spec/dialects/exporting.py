"""Objectives written in other dialects: documents, and a sentence for everything that they cannot say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from sereno.kernel.duration import format_duration
from sereno.spec.model import Service, Slo, Spec

Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]
Document = dict[str, Value]
WINDOW = "{{.window}}"


@dataclass(slots=True)
class Exported:
    """Documents in the order of services, and what they do not say."""

    documents: list[Document] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def say(self, service: Service, slo: Slo, what: str) -> None:
        """Note something about one objective."""
        self.notes.append(f"{service.name}/{slo.name}: {what}")


def names_of(spec: Spec) -> dict[tuple[str, str], str]:
    """A name for each objective that no other has: its own where that is enough, after its service where it is not."""
    plain = {(s.name, slo.name): label(slo.name) for s in spec.services.values() for slo in s.slos}
    seen = Counter(plain.values())
    found: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for key, name in plain.items():
        wanted = name if seen[name] == 1 and name else label(f"{key[0]}-{key[1]}") or "slo"
        unique = next(n for n in (wanted, *(f"{wanted[:58]}-{i}" for i in range(2, 10_000))) if n not in taken)
        taken.add(unique)
        found[key] = unique
    return found


def label(name: str) -> str:
    """`name` as a DNS label."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-")


def number(value: Decimal) -> int | float:
    """`value` as a number of YAML, exactly. Raises ValueError if a double cannot hold its digits."""
    if value == value.to_integral_value() and abs(value) < 10**15:
        return int(value)
    found = float(value)
    if Decimal(repr(found)) != value:
        raise ValueError(f"{value} has more digits than a number of JSON holds")
    return found


def rate(selector: str) -> str:
    """The events a second that a counter counts."""
    return f"sum(rate({selector}[{WINDOW}]))"


def windowed(query: str) -> str:
    """A query of ours with the window as others write it."""
    return re.sub(r"\$window\b|\$\{window\}", WINDOW, query)


def percent(ratio: Decimal) -> Decimal:
    """A ratio as a percentage without trailing zeros."""
    found = ratio.scaleb(2).normalize()
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found


def within(seconds: Decimal) -> str:
    """Seconds as a duration."""
    return format_duration(timedelta(milliseconds=int(seconds.scaleb(3))))

"""What a dialect has no words for, kept in annotations of its documents (`sereno.dev/…`) and read back from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.labels import Labels
from sereno.spec.model import DeclaredTier, LowTraffic, Slo
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping as MappingNode
from sereno.spec.source import Node

PREFIX = "sereno.dev/"
_TIER = re.compile(r"(page|ticket) (\S+)/(\S+) ([0-9.]+)(?: for (\S+))?")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')


def annotations_of(slo: Slo, *, usual: Slo) -> dict[str, str]:
    """What of `slo` differs from `usual`, as far as it can stand in annotations."""
    found: dict[str, str] = {}
    for key, (field, write, _) in _KEPT.items():
        value = getattr(slo, field)
        if value != getattr(usual, field):
            found[PREFIX + key] = write(value)
    return found


def restored(reading: Reading, slo: Slo, annotations: Mapping[str, str], place: Node) -> Slo:
    """`slo` with what its annotations keep; one that cannot be read is reported and not used."""
    for key, (field, _, read) in _KEPT.items():
        text = annotations.get(PREFIX + key)
        if text is None:
            continue
        try:
            slo = replace(slo, **cast(dict[str, Any], {field: read(text)}))
        except (ValueError, ArithmeticError, OverflowError):
            reading.complain("SER162", place, f"the annotation `{PREFIX}{key}` cannot be read and is not used")
    return slo


def texts_of(node: Node | None) -> dict[str, str]:
    """The annotations in a document, unchecked."""
    if not isinstance(node, MappingNode):
        return {}
    return {key.value: str(getattr(value, "value", "")) for key, value in node.entries}


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError(text)
    return text


def _tiers(tiers: tuple[DeclaredTier, ...]) -> str:
    return "; ".join(
        f"{tier.kind} {format_duration(tier.long)}/{format_duration(tier.short)} {tier.factor:f}"
        + (f" for {format_duration(tier.for_)}" if tier.for_ else "")
        for tier in tiers
    )


def _read_tiers(text: str) -> tuple[DeclaredTier, ...]:
    found = []
    for part in text.split("; "):
        tier = _TIER.fullmatch(part)
        if tier is None or Decimal(tier[4]) <= 1:
            raise ValueError(text)
        kind = cast(Literal["page", "ticket"], tier[1])
        wait = parse_duration(tier[5]) if tier[5] else timedelta(0)
        found.append(DeclaredTier(kind, parse_duration(tier[2]), parse_duration(tier[3]), Decimal(tier[4]), wait))
        if found[-1].short >= found[-1].long:
            raise ValueError(text)
    return tuple(found)


def _low(low: LowTraffic | None) -> str:
    if low is None:
        return "none"
    parts = {"min_events": low.events_min, "min_failures": low.failures_min}
    words = [f"{key} {value:f}" for key, value in parts.items() if value is not None]
    return ", ".join([*words, *(["budget_fraction"] if low.budget_fraction else [])])


def _read_low(text: str) -> LowTraffic | None:
    if text == "none":
        return None
    found: dict[str, Any] = {}
    for part in text.split(", "):
        key, _, value = part.partition(" ")
        if key == "budget_fraction":
            found["budget_fraction"] = True
        else:
            found[{"min_events": "events_min", "min_failures": "failures_min"}.get(key, "")] = Decimal(value)
    if "" in found:
        raise ValueError(text)
    return LowTraffic(**found)


def _labels(labels: Labels) -> str:
    escaped = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in labels.items()}
    return ",".join(f'{key}="{value}"' for key, value in escaped.items())


def _read_labels(text: str) -> Labels:
    found = [(key, re.sub(r"\\(.)", r"\1", value)) for key, value in _LABEL.findall(text)]
    if _labels(Labels(found)) != text:
        raise ValueError(text)
    return Labels(found)


def _flag(value: bool) -> str:
    return "true" if value else "false"


_Kept = tuple[str, Callable[[Any], str], Callable[[str], Any]]
_KEPT: dict[str, _Kept] = {
    "name": ("name", str, _name),
    "title": ("title", str, str),
    "runbook": ("runbook", lambda value: value or "", lambda text: text or None),
    "severity": ("page_severity", str, _name),
    "ticket": ("ticket_severity", str, _name),
    "tiers": ("tiers", _tiers, _read_tiers),
    "unknown": ("unknown", str, _one_of("ignore", "bad", "good")),
    "maintenance": ("maintenance", str, _one_of("exclude", "good", "count")),
    "low-traffic": ("low_traffic", _low, _read_low),
    "keep-firing-for": ("keep_firing_for", format_duration, parse_duration),
    "alerting": ("alerting", _flag, lambda text: _one_of("true", "false")(text) == "true"),
    "labels": ("labels", _labels, _read_labels),
}

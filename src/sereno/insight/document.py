"""A backtest for machines: one JSON document, the same bytes for the same past.

Shares are decimal texts (1 is 100 %), durations seconds, instants ISO 8601 in UTC; null means that there is nothing
to say. `format` grows when the meaning of a key changes; new keys may come at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sereno.insight.compare import Comparison, Failure
from sereno.insight.model import Report, Tried
from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms, iso

FORMAT = 1
_LONG = {"lines"}
"""What only a plot wants."""


def document(
    report: Report, failures: Sequence[Failure], comparison: Comparison | None = None, *, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The report as plain values, in a fixed order."""
    return {
        "format": FORMAT,
        **plain(report),
        "warnings": list(warnings),
        "gate": {"passed": not failures, "failures": plain(failures)},
        "comparison": None if comparison is None else plain(comparison),
    }


def plain(value: Any) -> Any:
    """`value` as JSON has it. Fields `…_ms` lose the ending and become instants."""
    if isinstance(value, Tried):
        return _tried(value)
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_field(f.name, getattr(value, f.name)) for f in fields(value) if f.name not in _LONG)
    if isinstance(value, Labels):
        return dict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, float) and value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    return value


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_ms"):
        return name.removesuffix("_ms"), None if value is None else iso(from_ms(value))
    return name.rstrip("_"), plain(value)


def _tried(one: Tried) -> dict[str, Any]:
    variant = one.variant
    return {
        "number": one.number,
        "declared": variant.declared,
        "best": one.best,
        "objective": variant.objective.text,
        "for": format_duration(variant.for_),
        "tiers": [
            {"long": format_duration(t.long), "short": format_duration(t.short), "burn": f"{t.factor:f}"}
            for t in variant.tiers
        ],
        "score": plain(one.score),
        "spent": None if one.spent is None else f"{one.spent:f}",
    }

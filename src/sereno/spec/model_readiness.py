"""What a service must have before people rely on it, and what can be switched while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sereno.spec.model import Source

Checked = Literal["objectives", "alerts", "runbooks", "oncall", "dashboards", "backtest", "budget", "status"]
"""What Sereno can see for itself."""


@dataclass(frozen=True, slots=True)
class ReadinessItem:
    """One thing to have. `check` is what Sereno looks at itself; without it a person says, with `evidence`."""

    name: str
    title: str
    check: Checked | None = None
    required: bool = True
    owner: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """A list of things to have, for `services` (none named: all)."""

    name: str
    title: str
    items: tuple[ReadinessItem, ...]
    services: tuple[str, ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch. `default` and `values` are texts of its `type`; `share` of those who ask get `to` instead."""

    name: str
    title: str
    type: Literal["boolean", "string", "number"]
    default: str
    values: tuple[str, ...] = ()
    share: Decimal | None = None
    to: str = ""
    owner: str = ""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Flags:
    """Switches that belong together, of `services` (none named: all)."""

    name: str
    title: str
    flags: tuple[Flag, ...]
    services: tuple[str, ...] = ()
    source: Source | None = None

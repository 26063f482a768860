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


FlagOperation = Literal["is", "is_not", "starts_with", "ends_with", "above", "below", "at_least", "older_than"]
"""How an attribute is compared; `at_least` and `older_than` compare versions."""


@dataclass(frozen=True, slots=True)
class FlagTest:
    """What one attribute of whoever asks must be: one of `values` for `is`, none for `is_not`, the one otherwise."""

    attribute: str
    operation: FlagOperation
    values: tuple[str | bool | Decimal, ...]


@dataclass(frozen=True, slots=True)
class FlagRule:
    """Who passes all of `when` gets `to` (the flag's, if empty); only a `share` of them, if there is one."""

    when: tuple[FlagTest, ...]
    to: str = ""
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch. `default` and `values` are texts of its `type`.

    `to` is for `users`, then for whom a rule says so, then for a `share` of everybody else who is known.
    """

    name: str
    title: str
    type: Literal["boolean", "string", "number"]
    default: str
    values: tuple[str, ...] = ()
    share: Decimal | None = None
    to: str = ""
    owner: str = ""
    expires: date | None = None
    users: tuple[str, ...] = ()
    rules: tuple[FlagRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Flags:
    """Switches that belong together, of `services` (none named: all)."""

    name: str
    title: str
    flags: tuple[Flag, ...]
    services: tuple[str, ...] = ()
    source: Source | None = None

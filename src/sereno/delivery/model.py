"""Switches as they are overridden while services run, and why somebody gets what they get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sereno.spec.model_readiness import Flag

State = Literal["on", "off", "share"]
"""What an override makes of a switch: everybody gets `to`; nobody does; a share of those who are known does."""
Because = Literal["override", "user", "rule", "share", "default", "unknown_user"]


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody said of a switch at run time. `flag` is `SET/NAME`; without `expires_at` it stands until reset."""

    flag: str
    state: State
    share: Decimal | None
    reason: str
    author: str
    at: datetime
    expires_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether it counts at `now`."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch as it stands: what is declared, and the override that counts, if there is one."""

    id: str
    set: str
    flag: Flag
    services: tuple[str, ...]
    override: Override | None = None

    def overdue(self, today: date) -> bool:
        """Whether it should have been taken out."""
        return self.flag.expires is not None and self.flag.expires < today


@dataclass(frozen=True, slots=True)
class Explanation:
    """What somebody gets, and why: which rule (from 1), at which place of the division, of which share."""

    flag: str
    value: Any
    variant: str | None
    reason: str
    because: Because
    rule: int | None = None
    place: Decimal | None = None
    share: Decimal | None = None
    override: Override | None = None


Document = Mapping[str, Any]
"""Definitions in the form of flagd, as JSON has them."""

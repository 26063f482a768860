"""Reads the burn-rate tiers of an objective, for those who do not want the ones that follow from its window.

```yaml
tiers:                     # of an objective; `sereno backtest --what-if` finds good ones
  - {long: 1h, short: 5m, burn: 14.4}
  - {long: 6h, short: 30m, burn: 6, for: 2m}
  - {long: 3d, short: 6h, burn: 1.5, kind: ticket}
```
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import DeclaredTier
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar

_LONG = values.duration_within("2m", "90d")
_SHORT = values.duration_within("1m", "30d")
_WAIT = values.duration_within("0s", "1d")
_FACTOR = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,12})?")
_KIND = values.one_of("page", "ticket")


def tiers(reading: Reading, node: Node) -> tuple[DeclaredTier, ...] | None:
    """The tiers in `node`; those that mean nothing by themselves are reported."""
    found = values.items(_tier, what="tiers")(reading, node)
    seen: dict[timedelta, DeclaredTier] = {}
    for tier, place in found or ():
        if tier.long in seen:
            reading.complain("SER012", place, "another tier has the same `long`", expected="a window of its own")
        elif tier.short >= tier.long:
            reading.complain(
                "SER111", place, "the short window is not shorter than the long one", expected="about a twelfth of it"
            )
        seen.setdefault(tier.long, tier)
    return tuple(tier for tier, _ in found) if found is not None else None


def _tier(reading: Reading, node: Node) -> tuple[DeclaredTier, Node] | None:
    fields = Fields(reading, node, "a tier", required=("long", "short", "burn"), optional=("for", "kind"))
    long, short, factor = fields.read("long", _LONG), fields.read("short", _SHORT), fields.read("burn", _factor)
    wait = fields.read("for", _WAIT) or timedelta(0)
    kind = cast(Literal["page", "ticket"], fields.read("kind", _KIND) or "page")
    if long is None or short is None or factor is None:
        return None
    return DeclaredTier(kind, long, short, factor, wait), node


def _factor(reading: Reading, node: Node) -> Decimal | None:
    written = node.value.strip() if isinstance(node, Scalar) else ""
    if _FACTOR.fullmatch(written) and Decimal(written) > 1:
        return Decimal(written)
    reading.complain(
        "SER111", node, "a burn of 1 or less is inside the budget, and alerts on nothing",
        expected="a number above 1, such as 14.4",
    )  # fmt: skip
    return None

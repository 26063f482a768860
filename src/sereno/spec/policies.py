"""Reads what is done as a budget goes, and what is planned.

```yaml
policy: standard
title: What we do when a budget goes      # optional, the name by default
steps:                                    # in the order in which budgets go
  - at: 80%                               # of the budget consumed
    do: [Only changes that make it safer]
    notify: [shop]                        # teams and people
  - at: 100%
    do: [No releases]
    freeze: true                          # releases stop
    override: [ana]                       # but for these
---
maintenance: weekly-db
title: Databases are tended to            # optional, the name by default
description: …                            # optional
services: [database]                      # none: all
start: 2026-01-04T02:00                   # local time in `zone`
duration: 2h
zone: America/Lima                        # optional, UTC by default
rrule: FREQ=WEEKLY;BYDAY=SU               # again and again, by RFC 5545; without it once
```
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import Maintenance, Policy, PolicyStep
from sereno.spec.reading import Reading
from sereno.spec.recurrence import rrule, warn_of_start
from sereno.spec.source import Node, Scalar

_AT = values.share_within("0%", "1000%")
_LENGTH = values.duration_within("1m", "30d")


def policy(reading: Reading, node: Node) -> Policy:
    """The error-budget policy declared by the document `node`."""
    fields = Fields(reading, node, "a policy", required=("policy", "steps"), optional=("title",))
    name = fields.read("policy", values.name) or ""
    steps = fields.read("steps", values.items(_step, what="steps")) or ()
    for (before, _), (after, place) in pairwise(steps):
        if before.consumed >= after.consumed > 0:
            reading.complain(
                "SER121", place, "this step does not come after the one before it", expected="steps that go up",
            )  # fmt: skip
    return Policy(
        name=name,
        title=fields.read("title", values.text) or name,
        steps=tuple(step for step, _ in steps),
        source=reading.source(node),
    )


def _step(reading: Reading, node: Node) -> tuple[PolicyStep, Node]:
    fields = Fields(
        reading, node, "a step of a policy", required=("at", "do"), optional=("notify", "freeze", "override")
    )
    freeze = fields.read("freeze", values.flag) or False
    override = fields.key("override")
    if override is not None and not freeze and fields.value("freeze") is None:
        reading.complain("SER121", override, "nothing is frozen that could be let through", expected="`freeze: true`")
    step = PolicyStep(
        consumed=fields.read("at", _AT) or Decimal(0),
        do=fields.read("do", values.one_or_more(values.text, what="things to do")) or (),
        notify=fields.read("notify", values.one_or_more(somebody, what="teams and people")) or (),
        freeze=freeze,
        override=fields.read("override", values.one_or_more(somebody, what="teams and people")) or (),
    )
    return step, fields.value("at") or node


def somebody(reading: Reading, node: Node) -> str | None:
    """The name of a team or a person."""
    found = values.text(reading, node)
    if found is None:
        return None
    for kind in ("team", "person"):
        if found in reading.names[kind]:
            reading.used[kind].add(found)
            return found
    if not reading.partial:
        known = sorted({*reading.names["team"], *reading.names["person"]})
        reading.complain(
            "SER125",
            node,
            f"there is no team or person `{found[:80]}`",
            expected=f"one of {', '.join(known)}"[:200] if known else "a team or a person",
            hint=reading.closest(found, known),
        )
    return None


def maintenance(reading: Reading, node: Node) -> Maintenance:
    """The planned work declared by the document `node`."""
    fields = Fields(
        reading,
        node,
        "a maintenance",
        required=("maintenance", "start", "duration"),
        optional=("title", "description", "services", "zone", "rrule"),
    )
    name = fields.read("maintenance", values.name) or ""
    start = fields.read("start", values.local_time)
    rule = fields.read("rrule", rrule)
    place = fields.value("start")
    if start is not None and rule and isinstance(place, Scalar):
        warn_of_start(reading, place, start, rule)
    services = values.items(reading.reference("service"), what="services", empty=True)
    return Maintenance(
        name=name,
        title=fields.read("title", values.text) or name,
        services=fields.read("services", services) or (),
        start=start or datetime(1970, 1, 1),  # noqa: DTZ001 -- local wall time; its zone stands beside it
        duration=fields.read("duration", _LENGTH) or timedelta(hours=1),
        zone=fields.read("zone", values.zone) or "UTC",
        rrule=rule or "",
        description=fields.read("description", values.text) or "",
        source=reading.source(node),
    )

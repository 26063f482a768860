"""Reads who is asked and when: teams, people, schedules and escalations.

```yaml
team: payments
title: Payments            # optional
escalation: shop
zone: America/Lima         # optional, UTC by default
---
person: juan
title: Juan Pérez          # optional, the name by default
zone: America/Lima         # optional, UTC by default
language: es               # es or en; optional, en by default
contacts:                  # tried in this order
  - email: juan@shop.example
  - slack: env:SLACK_JUAN  # any address may be env:NAME
  - webhook: https://hooks.shop.example/juan
  - terminal: true         # or a path
  - phone: +51 999 000 111 # spoken; sms: a short text. Both, and push, leave through gateways (see the settings)
  - sms: env:SMS_JUAN
  - push: device-7f3a      # whatever the gateway knows the device by
---
schedule: shop
zone: America/Lima
handover: monday 09:00     # local time; Spanish weekdays too
start: 2026-01-05          # a hand-over at which people[0] takes roles[0]
people: [juan, maria, carlos]
roles: [primary, secondary, backup]   # optional, [primary] by default
---
escalation: shop
schedule: shop             # optional if every target is a person
steps:                     # a target is a role of the schedule, or a person
  - page: primary
  - {page: [secondary], after: 5m}
  - {page: backup, after: 15m, via: [phone, sms]}   # these at once; by default contacts one after the other
repeat_every: 15m          # after the last step; optional, 15m by default
```
"""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import pairwise
from typing import cast

from sereno.kernel.duration import format_duration
from sereno.kernel.message import Channel
from sereno.spec import values
from sereno.spec.fields import Fields, Reader
from sereno.spec.model import Contact, Escalation, Person, Schedule, Step, Team
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Node, Scalar

_CHANNELS: dict[Channel, Reader[str]] = {
    "email": values.email,
    "slack": values.secret_url,
    "webhook": values.secret_url,
    "terminal": values.terminal,
    "sms": values.telephone,
    "phone": values.telephone,
    "push": values.device,
}
_INTERVAL = values.duration_within("1s", "7d")
_CHANNEL = values.one_of(*_CHANNELS)


def team(reading: Reading, node: Node) -> Team:
    """The team declared by the document `node`."""
    fields = Fields(reading, node, "a team", required=("team", "escalation"), optional=("title", "zone"))
    name = fields.read("team", values.name) or ""
    return Team(
        name=name,
        escalation=fields.read("escalation", reading.reference("escalation")) or "",
        title=fields.read("title", values.text) or name,
        zone=fields.read("zone", values.zone) or "UTC",
        source=reading.source(node),
    )


def person(reading: Reading, node: Node) -> Person:
    """The person declared by the document `node`."""
    fields = Fields(reading, node, "a person", required=("person", "contacts"), optional=("title", "zone", "language"))
    name = fields.read("person", values.name) or ""
    return Person(
        name=name,
        title=fields.read("title", values.text) or name,
        contacts=fields.read("contacts", values.items(_contact, what="contacts")) or (),
        zone=fields.read("zone", values.zone) or "UTC",
        language=fields.read("language", values.language) or "en",
        source=reading.source(node),
    )


def _contact(reading: Reading, node: Node) -> Contact | None:
    fields = Fields(reading, node, "a contact", optional=tuple(_CHANNELS))
    fields.exactly_one(*_CHANNELS)
    for channel, reader in _CHANNELS.items():
        address = fields.read(channel, reader)
        if address is None:
            continue
        if channel == "slack" and not address.startswith("env:"):
            place = fields.value(channel)
            assert place is not None
            reading.complain(
                "SER080", place, "this address is a secret", hint="write env:NAME and keep it there", secret=True
            )
        return Contact(channel, address)
    return None


def schedule(reading: Reading, node: Node) -> Schedule:
    """The schedule declared by the document `node`."""
    fields = Fields(
        reading,
        node,
        "a schedule",
        required=("schedule", "zone", "handover", "start", "people"),
        optional=("roles",),
    )
    people = fields.read("people", values.items(reading.reference("person"), what="people")) or ()
    roles = fields.read("roles", values.items(values.name, what="roles")) or ("primary",)
    handover = fields.read("handover", values.handover)
    start = fields.read("start", values.day)
    _warn_of_repeats(reading, fields.value("people"))
    _warn_of_repeats(reading, fields.value("roles"))
    if handover and start and start.weekday() != handover[0]:
        _complain_of_start(reading, fields, start, handover[0])
    ring = values.scalars(fields.value("people"))
    if ring and len(set(roles)) > len(ring):
        place = fields.value("roles") or fields.value("people")
        assert place is not None
        reading.complain("SER074", place, f"{len(roles)} roles for {len(ring)} of people: someone holds two at once")
    return Schedule(
        name=fields.read("schedule", values.name) or "",
        zone=fields.read("zone", values.zone) or "UTC",
        people=people,
        roles=roles,
        start=start or date(1970, 1, 5),
        handover=handover[1] if handover else time(0),
        source=reading.source(node),
    )


def _complain_of_start(reading: Reading, fields: Fields, start: date, weekday: int) -> None:
    wanted = values.WEEKDAY_NAMES[weekday]
    place = fields.value("start")
    assert place is not None
    back = (start.weekday() - weekday) % 7
    try:
        hint = (
            f"the {wanted} before is {start - timedelta(days=back)}, the one after {start + timedelta(days=7 - back)}"
        )
    except OverflowError:
        hint = None
    reading.complain(
        "SER070",
        place,
        f"{start} is a {values.WEEKDAY_NAMES[start.weekday()]}, but hand-overs are on {wanted}",
        expected=f"the date of a {wanted}",
        hint=hint,
    )


def _warn_of_repeats(reading: Reading, node: Node | None) -> None:
    seen: set[str] = set()
    for item in values.scalars(node):
        if item.value in seen:
            reading.complain("SER078", item, f"`{item.value}` is listed more than once")
        seen.add(item.value)


def escalation(reading: Reading, node: Node) -> Escalation:
    """The escalation declared by the document `node`."""
    fields = Fields(
        reading, node, "an escalation", required=("escalation", "steps"), optional=("schedule", "repeat_every")
    )
    schedule_name = fields.read("schedule", reading.reference("schedule"))
    roles = reading.roles.get(schedule_name or "")
    known = roles is not None or not fields.has("schedule")

    def target(reading: Reading, node: Node) -> str | None:
        return _target(reading, node, roles or (), known=known)

    def step(reading: Reading, node: Node) -> tuple[Step, Node, bool]:
        return _step(reading, node, target)

    steps = fields.read("steps", values.items(step, what="steps")) or ()
    if steps and steps[0][0].after > timedelta(0):
        reading.complain("SER077", steps[0][1], "nobody is paged until the first step's `after` has passed")
    for (before, _, before_read), (after, place, after_read) in pairwise(steps):
        if before_read and after_read and after.after <= before.after:
            reading.complain(
                "SER071",
                place,
                "this step does not come after the one before it",
                expected=f"an `after` longer than {format_duration(before.after)} (all count from the page's opening)",
            )
    return Escalation(
        name=fields.read("escalation", values.name) or "",
        schedule=schedule_name,
        steps=tuple(step for step, _, _ in steps),
        repeat_every=fields.read("repeat_every", _INTERVAL) or timedelta(minutes=15),
        source=reading.source(node),
    )


def _step(reading: Reading, node: Node, target: Reader[str]) -> tuple[Step, Node, bool]:
    """A step, the place to complain of its moment, and whether that moment could be read."""
    fields = Fields(reading, node, "a step", required=("page",), optional=("after", "via"))
    targets = fields.read("page", values.one_or_more(target, what="roles or people")) or ()
    after = fields.read("after", values.duration)
    understood = after is not None or not fields.has("after")
    via = fields.read("via", values.one_or_more(_CHANNEL, what="channels")) or ()
    step = Step(targets, after or timedelta(0), cast("tuple[Channel, ...]", via))
    return step, fields.value("after") or node, understood


def _target(reading: Reading, node: Node, roles: tuple[str, ...], *, known: bool) -> str | None:
    """A role of the schedule or a person. Nothing is said when the schedule itself is unknown."""
    found = values.text(reading, node)
    if found is None:
        return None
    assert isinstance(node, Scalar)
    people = reading.names["person"]
    if found in people:
        reading.used["person"].add(found)
        if found in roles:
            reading.complain("SER075", node, f"`{found}` is both a role and a person", hint="rename the role")
        return found
    if found in roles:
        return found
    if known and not reading.partial:
        choices = [*roles, *sorted(people)]
        reading.complain(
            "SER057",
            node,
            f"`{found[:80]}` is neither a role nor a person",
            expected=f"one of {', '.join(choices)}"[:200] if choices else "a person, or a role of the `schedule`",
            hint=closest(found, choices),
        )
    return None

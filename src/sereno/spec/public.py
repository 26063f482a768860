"""Reads how bad is bad, and what the public sees.

```yaml
severities:                # worst first; without this document SEV1 … SEV4 hold
  - name: P1
    page: always           # always, working_hours or never
    incident: true         # whether one is opened by itself
    acknowledge_within: 5m
    update_every: 15m
    status: major_outage   # what the component shows
    description: Down, or money is being lost
    aliases: [critical, SEV1]
---
status_page: public
title: The shop
description: How we are
language: es
zone: America/Lima
components:                # in the order shown; services attach themselves by their `status`
  - component: Payments
    description: Cards and wallets
  - Search                 # a name alone will do
```
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, cast

from sereno.kernel.severity import ComponentState, Severities, Severity
from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import Component, StatusPage
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_TIME = values.duration_within("1s", "30d")
_PAGE = values.one_of("always", "working_hours", "never")
_STATE = values.one_of("operational", "degraded", "partial_outage", "major_outage")


def severities(reading: Reading, node: Node) -> Severities | None:
    """The scale declared by the document `node`."""
    fields = Fields(reading, node, "the scale of severities", required=("severities",))
    scale = fields.read("severities", values.items(_severity, what="severities"))
    if not scale:
        return None
    taken: dict[str, Scalar] = {}
    for _, places in scale:
        for place in places:
            if place.value.lower() in taken:
                reading.complain_twice(place, taken[place.value.lower()], f"severity or alias `{place.value}`")
            taken.setdefault(place.value.lower(), place)
    return Severities(tuple(severity for severity, _ in scale))


def _severity(reading: Reading, node: Node) -> tuple[Severity, list[Scalar]]:
    """A severity, and the places of its names."""
    fields = Fields(
        reading,
        node,
        "a severity",
        required=("name",),
        optional=("page", "incident", "acknowledge_within", "update_every", "status", "description", "aliases"),
    )
    severity = Severity(
        name=fields.read("name", values.name) or "",
        page=cast(Literal["always", "working_hours", "never"], fields.read("page", _PAGE) or "always"),
        incident=fields.read("incident", values.flag) or False,
        acknowledge_within=fields.read("acknowledge_within", _TIME) or timedelta(minutes=5),
        update_every=fields.read("update_every", _TIME) or timedelta(minutes=15),
        status=cast(ComponentState, fields.read("status", _STATE) or "degraded"),
        description=fields.read("description", values.text) or "",
        aliases=fields.read("aliases", values.items(values.name, what="other names", empty=True)) or (),
    )
    return severity, values.scalars(fields.value("name")) + values.scalars(fields.value("aliases"))


def status_page(reading: Reading, node: Node) -> StatusPage:
    """The status page declared by the document `node`; what services feed it is not known yet."""
    fields = Fields(
        reading,
        node,
        "a status page",
        required=("status_page", "components"),
        optional=("title", "description", "language", "zone"),
    )
    name = fields.read("status_page", values.name) or ""
    seen: dict[str, Scalar] = {}
    for place in component_names(fields.value("components")):
        if place.value.strip() in seen:
            reading.complain_twice(place, seen[place.value.strip()], f"component `{place.value}`")
        seen.setdefault(place.value.strip(), place)
    return StatusPage(
        name=name,
        title=fields.read("title", values.text) or name,
        components=fields.read("components", values.items(_component, what="components")) or (),
        description=fields.read("description", values.text) or "",
        language=fields.read("language", values.language) or "en",
        zone=fields.read("zone", values.zone) or "UTC",
        source=reading.source(node),
    )


def _component(reading: Reading, node: Node) -> Component | None:
    if isinstance(node, Scalar):
        name = values.text(reading, node)
        return None if name is None else Component(name, ())
    fields = Fields(reading, node, "a component", required=("component",), optional=("description",))
    return Component(fields.read("component", values.text) or "", (), fields.read("description", values.text) or "")


def component_names(node: Node | None) -> list[Scalar]:
    """Where the components of a page are named."""
    named = []
    for item in node.items if isinstance(node, Sequence) else ():
        name = item.get("component") if isinstance(item, Mapping) else item
        if isinstance(name, Scalar):
            named.append(name)
    return named

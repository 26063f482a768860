"""Reads what a service must have before people rely on it, and its switches.

```yaml
readiness: production
title: Ready for customers       # optional, the name by default
services: [api]                  # none: all
items:
  - {name: runbooks, title: Every alert has a runbook, check: runbooks}
  - {name: restore, title: A backup was restored, owner: shop, evidence: https://wiki.shop.example/restore}
  - {name: dashboards, title: There is a dashboard, check: dashboards, required: false}
---
flags: checkout
services: [api]                  # none: all
define:
  - {name: new-checkout, type: boolean, default: false, share: 10%, to: true, owner: shop, expires: 2026-06-01}
  - {name: theme, type: string, values: [light, dark], default: light}
```
"""

from __future__ import annotations

from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.model_readiness import Checked, Flag, Flags, Readiness, ReadinessItem
from sereno.spec.policies import somebody
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_CHECK = values.one_of("objectives", "alerts", "runbooks", "oncall", "dashboards", "backtest", "budget", "status")
_TYPE = values.one_of("boolean", "string", "number")
_SHARE = values.share_within("0%", "100%")


def readiness(reading: Reading, node: Node) -> Readiness:
    """The list declared by the document `node`."""
    fields = Fields(reading, node, "a readiness", required=("readiness", "items"), optional=("title", "services"))
    name = fields.read("readiness", values.name) or ""
    services = values.items(reading.reference("service"), what="services", empty=True)
    _complain_of_repeats(reading, fields.value("items"), "item")
    return Readiness(
        name=name,
        title=fields.read("title", values.text) or name,
        items=fields.read("items", values.items(_item, what="items")) or (),
        services=fields.read("services", services) or (),
        source=reading.source(node),
    )


def _item(reading: Reading, node: Node) -> ReadinessItem:
    fields = Fields(
        reading,
        node,
        "an item of readiness",
        required=("name", "title"),
        optional=("check", "required", "owner", "evidence"),
    )
    required = fields.read("required", values.flag)
    return ReadinessItem(
        name=fields.read("name", values.name) or "",
        title=fields.read("title", values.text) or "",
        check=cast(Checked | None, fields.read("check", _CHECK)),
        required=required is not False,
        owner=fields.read("owner", somebody) or "",
        evidence=fields.read("evidence", values.url) or "",
    )


def flags(reading: Reading, node: Node) -> Flags:
    """The switches declared by the document `node`."""
    fields = Fields(reading, node, "the flags", required=("flags", "define"), optional=("title", "services"))
    name = fields.read("flags", values.name) or ""
    services = values.items(reading.reference("service"), what="services", empty=True)
    _complain_of_repeats(reading, fields.value("define"), "flag")
    return Flags(
        name=name,
        title=fields.read("title", values.text) or name,
        flags=fields.read("define", values.items(_flag, what="flags")) or (),
        services=fields.read("services", services) or (),
        source=reading.source(node),
    )


def _flag(reading: Reading, node: Node) -> Flag:
    fields = Fields(
        reading,
        node,
        "a flag",
        required=("name", "type", "default"),
        optional=("title", "values", "share", "to", "owner", "expires"),
    )
    kind = fields.read("type", _TYPE)

    def value(reading: Reading, node: Node) -> str | None:
        return _value(reading, node, kind)

    choices = fields.read("values", values.items(value, what="values")) or ()
    default, to = fields.read("default", value) or "", fields.read("to", value) or ""
    for key, found in (("default", default), ("to", to)):
        place = fields.value(key)
        if choices and found and found not in choices and place is not None:
            reading.complain("SER138", place, f"`{found[:40]}` is none of `values`", expected=", ".join(choices)[:200])
    for key, other in (("share", "to"), ("to", "share")):
        there = fields.key(key)
        if there is not None and not fields.has(other):
            reading.complain(
                "SER138", there, f"`{key}` needs `{other}`", expected="who gets what: share: 10%, to: true"
            )
    name = fields.read("name", values.name) or ""
    return Flag(
        name=name,
        title=fields.read("title", values.text) or name,
        type=cast(Literal["boolean", "string", "number"], kind or "string"),
        default=default,
        values=choices,
        share=fields.read("share", _SHARE),
        to=to,
        owner=fields.read("owner", somebody) or "",
        expires=fields.read("expires", values.day),
    )


def _value(reading: Reading, node: Node, kind: str | None) -> str | None:
    """A value of the flag's type, as it is written."""
    if not isinstance(node, Scalar) or node.kind == "null":
        expect(reading, node, f"a {kind or 'value'}")
        return None
    written = node.value.strip()
    if kind in ("boolean", "number") and node.kind != kind:
        reading.complain("SER138", node, f"`{written[:40]}` is not a {kind}", expected=f"a {kind}")
        return None
    if kind == "string":
        return values.text(reading, node)
    return written.lower() if kind == "boolean" else written


def _complain_of_repeats(reading: Reading, node: Node | None, what: str) -> None:
    seen: dict[str, Scalar] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        name = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(name, Scalar):
            if name.value in seen:
                reading.complain_twice(name, seen[name.value], f"{what} `{name.value}`")
            seen.setdefault(name.value, name)

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
  - name: express
    type: boolean
    default: false
    to: true                       # what those get whom the next lines choose
    users: [ana, bo]               # these, whatever else is said
    rules:                         # then the first rule that fits
      - {when: {country: [PE, CL], app: {at_least: "2.1"}}, share: 50%}
      - {when: {email: {ends_with: "@shop.example"}}}
    share: 5%                      # then of everybody else who is known
```
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Literal, cast, get_args

from sereno.spec import values
from sereno.spec.fields import Fields, expect, takes
from sereno.spec.model_readiness import (
    Checked,
    Flag,
    FlagOperation,
    FlagRule,
    Flags,
    FlagTest,
    Readiness,
    ReadinessItem,
)
from sereno.spec.policies import somebody
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_CHECK = values.one_of("objectives", "alerts", "runbooks", "oncall", "dashboards", "backtest", "budget", "status")
_TYPE = values.one_of("boolean", "string", "number")
_OPERATIONS: tuple[str, ...] = get_args(FlagOperation)
_SHARE_ABOVE = values.share_within("0%", "100%")


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
        optional=("title", "values", "share", "to", "users", "rules", "owner", "expires"),
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
    for key, others in (("share", ("to",)), ("users", ("to",)), ("to", ("share", "users", "rules"))):
        there = fields.key(key)
        if there is not None and not any(fields.has(other) for other in others):
            reading.complain(
                "SER138",
                there,
                f"`{key}` needs `{'` or `'.join(others)}`",
                expected="who gets what: share: 10%, to: true",
            )

    def rule(reading: Reading, node: Node) -> FlagRule:
        return _rule(reading, node, kind, choices, to)

    name = fields.read("name", values.name) or ""
    return Flag(
        name=name,
        title=fields.read("title", values.text) or name,
        type=cast(Literal["boolean", "string", "number"], kind or "string"),
        default=default,
        values=choices,
        share=fields.read("share", _share),
        to=to,
        owner=fields.read("owner", somebody) or "",
        expires=fields.read("expires", values.day),
        users=fields.read("users", values.items(values.text, what="users")) or (),
        rules=fields.read("rules", values.items(takes(rule, "mapping", "a rule of a flag"), what="rules")) or (),
    )


def _rule(reading: Reading, node: Node, kind: str | None, choices: tuple[str, ...], to: str) -> FlagRule:
    def value(reading: Reading, node: Node) -> str | None:
        return _value(reading, node, kind)

    fields = Fields(reading, node, "a rule of a flag", required=("when",), optional=("to", "share"))
    own = fields.read("to", value) or ""
    place = fields.value("to")
    if choices and own and own not in choices and place is not None:
        reading.complain("SER138", place, f"`{own[:40]}` is none of `values`", expected=", ".join(choices)[:200])
    if not own and not to and not fields.has("to"):
        reading.complain("SER138", node, "nothing says what they get", expected="`to`, of the rule or of the flag")
    return FlagRule(when=fields.read("when", _when) or (), to=own, share=fields.read("share", _share))


def _share(reading: Reading, node: Node) -> Decimal | None:
    """A percentage, of which 0% is nobody yet; it is exact to a thousandth of a percent."""
    if isinstance(node, Scalar) and node.value.strip() == "0%":
        return Decimal(0)
    found = _SHARE_ABOVE(reading, node)
    if found is not None and (scaled := found.scaleb(5)) != scaled.to_integral_value():
        reading.complain("SER138", node, "a share is exact to a thousandth of a percent", expected="such as 12.5%")
        return None
    return found


def _when(reading: Reading, node: Node) -> tuple[FlagTest, ...] | None:
    if not isinstance(node, Mapping) or not node.entries:
        expect(reading, node, "attributes and what they must be, such as {country: PE, plan: [pro, team]}")
        return None
    return tuple(test for key, found in node.entries for test in _tests(reading, key, found))


def _tests(reading: Reading, key: Scalar, node: Node) -> tuple[FlagTest, ...]:
    if not isinstance(node, Mapping):
        return _test(reading, key.value, "is", node)
    found: list[FlagTest] = []
    for operation, operand in node.entries:
        if operation.value not in _OPERATIONS:
            expected = f"one of {', '.join(_OPERATIONS)}"
            reading.complain("SER138", operation, f"there is no test `{operation.value[:40]}`", expected=expected)
            continue
        found += _test(reading, key.value, cast(FlagOperation, operation.value), operand)
    return tuple(found)


def _test(reading: Reading, attribute: str, operation: FlagOperation, node: Node) -> tuple[FlagTest, ...]:
    """One test of an attribute; nothing if what it compares with is wrong, which is reported."""
    many = isinstance(node, Sequence) and operation in ("is", "is_not")
    operands = [_operand(reading, one) for one in (node.items if isinstance(node, Sequence) and many else (node,))]
    wrong = operation in ("above", "below") and any(not isinstance(one, Decimal) for one in operands)
    if wrong and None not in operands:
        reading.complain("SER138", node, f"`{operation}` compares numbers", expected="a number, such as 18")
    if wrong or None in operands or not operands:
        return ()
    return (FlagTest(attribute, operation, tuple(one for one in operands if one is not None)),)


def _operand(reading: Reading, node: Node) -> str | bool | Decimal | None:
    if not isinstance(node, Scalar) or node.kind == "null":
        expect(reading, node, "a text, a number, true or false")
        return None
    if node.kind == "boolean":
        return node.value.strip().lower() == "true"
    if node.kind == "number":
        with suppress(InvalidOperation):
            if (number := Decimal(node.value.strip())).is_finite():
                return number
    return node.value.strip()


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

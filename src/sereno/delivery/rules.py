"""Switches decided: pure, from the spec, the overrides and the moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sereno.delivery.model import Because, Document, Explanation, Override, Switch
from sereno.kernel.errors import NotFound, UsageError
from sereno.spec.model import Spec
from sereno.spec.model_readiness import Flag, FlagRule
from sereno_kit.flags.cohorts import bucket
from sereno_kit.flags.compact import PARTS, condition
from sereno_kit.flags.compact import flag as compiled
from sereno_kit.flags.definitions import build
from sereno_kit.flags.logic import Compiler
from sereno_kit.flags.loose import truthy


def switches(spec: Spec, overrides: Iterable[Override], now: datetime) -> tuple[Switch, ...]:
    """Every switch of `spec`, by its set and name, with the override that counts at `now`."""
    standing = {one.flag: one for one in overrides if one.stands(now)}
    return tuple(
        Switch(name := f"{group.name}/{flag.name}", group.name, flag, group.services, standing.get(name))
        for group in sorted(spec.flags.values(), key=lambda group: group.name)
        for flag in sorted(group.flags, key=lambda flag: flag.name)
    )


def of_service(found: Iterable[Switch], service: str) -> tuple[Switch, ...]:
    """Those that concern `service`, and those of all services; all, if `service` is empty."""
    return tuple(one for one in found if not service or not one.services or service in one.services)


def the_switch(found: Iterable[Switch], key: str) -> Switch:
    """The one called `key`: `SET/NAME`, or the name alone where it is no other's.

    Raises:
        NotFound: there is none.
        UsageError: there are several of that name.
    """
    matching = [one for one in found if key in (one.id, one.flag.name)]
    exact = [one for one in matching if one.id == key]
    if not matching:
        raise NotFound(f"there is no flag {key[:80]!r}", hint="see `sereno flags list`")
    if len(matching) > 1 and not exact:
        raise UsageError(f"several flags are called {key!r}", hint=f"say which: {', '.join(o.id for o in matching)}")
    return (exact or matching)[0]


def document(found: Iterable[Switch]) -> Document:
    """Definitions for whoever evaluates. Where sets share a name, the first one counts (`sereno check` says so)."""
    flags: dict[str, Any] = {}
    for one in found:
        flags.setdefault(one.flag.name, definition(one))
    return {"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": flags, "metadata": {"source": "sereno"}}


def body_of(made: Document) -> tuple[bytes, str]:
    """The definitions as they travel, one line, always the same for the same; and their ETag."""
    body = json.dumps(made, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def definition(one: Switch) -> dict[str, Any]:
    """One switch in flagd's form, as it stands."""
    flag, override = one.flag, one.override
    short = _short(flag)
    if override is not None and override.state == "share":
        short["share"] = override.share
    made = compiled(short)
    metadata = {"flagSetId": one.set, **made.get("metadata", {})}
    if override is None:
        return {**made, "metadata": metadata}
    metadata["override"] = override.state
    if override.state != "share":
        made.pop("targeting", None)
        made["defaultVariant"] = _fixed(flag, override.state, made)
    return {**made, "metadata": metadata}


def _fixed(flag: Flag, state: str, made: Mapping[str, Any]) -> str:
    """The variant that everybody gets while a switch is on or off: true or false; `to` or the default."""
    if flag.type == "boolean":
        return state
    if state == "off":
        return str(made["defaultVariant"])
    only_to = compiled({"name": flag.name, "type": flag.type, "default": flag.to, "values": list(flag.values)})
    wanted = only_to["variants"][only_to["defaultVariant"]]
    return next(str(name) for name, value in made["variants"].items() if value == wanted)


def _short(flag: Flag) -> dict[str, Any]:
    """The switch in the kit's short form."""
    short: dict[str, Any] = {"name": flag.name, "type": flag.type, "default": flag.default}
    for key, value in (("values", list(flag.values)), ("to", flag.to), ("users", list(flag.users))):
        if value:
            short[key] = value
    if flag.share is not None:
        short["share"] = flag.share
    if flag.type == "boolean" and not flag.to:
        short["to"] = "false" if flag.default == "true" else "true"
    if flag.rules:
        short["rules"] = [_rule(rule) for rule in flag.rules]
    if flag.title and flag.title != flag.name:
        short["title"] = flag.title
    for name, said in (("owner", flag.owner), ("expires", flag.expires)):
        if said:
            short[name] = str(said)
    return short


def _rule(rule: FlagRule) -> dict[str, Any]:
    made: dict[str, Any] = {"when": _when(rule)}
    if rule.to:
        made["to"] = rule.to
    if rule.share is not None:
        made["share"] = rule.share
    return made


def _when(rule: FlagRule) -> dict[str, Any]:
    tests: dict[str, Any] = {}
    for test in rule.when:
        values = [_plain(value) for value in test.values]
        several = test.operation in ("is", "is_not") and len(values) > 1
        tests.setdefault(test.attribute, {})[test.operation] = values if several else values[0]
    return tests


def _plain(value: str | bool | Decimal) -> str | bool | int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def settable(one: Switch, state: str, share: Decimal | None) -> None:
    """Refuse what a switch cannot be made. Raises UsageError."""
    if (state == "share") != (share is not None):
        raise UsageError("a share is said with the state `share`, and with no other")
    if share is not None and (
        not share.is_finite() or not 0 <= share <= 1 or (share * PARTS) != (share * PARTS).to_integral_value()
    ):
        raise UsageError("a share goes from 0% to 100%, and is exact to a thousandth of a percent")
    if state != "off" and one.flag.type != "boolean" and not one.flag.to:
        raise UsageError(f"{one.id} has no `to`: nothing says what they would get", hint="declare `to` in the spec")


def explain(one: Switch, user: str, attributes: Mapping[str, Any], now: datetime) -> Explanation:
    """What `user` with `attributes` gets at `now`, and why."""
    context = {**attributes, **({"targetingKey": user} if user else {})}
    name, moment = one.flag.name, now.timestamp
    made = build([{"flags": {name: definition(one)}}], now=moment).evaluate(name, context)
    because, rule, share = _because(one, context)
    place = None
    if user and not _whole(share):
        place = Decimal(bucket(name + user, PARTS)) / PARTS
    return Explanation(one.id, made.value, made.variant, made.reason, because, rule, place, share, one.override)


def _because(one: Switch, context: Mapping[str, Any]) -> tuple[Because, int | None, Decimal | None]:
    flag, override, user = one.flag, one.override, context.get("targetingKey")
    if override is not None and override.state != "share":
        return "override", None, None
    if user is not None and user in flag.users:
        return "user", None, None
    for number, rule in enumerate(flag.rules, 1):
        if truthy(Compiler(flag.name, {}, lambda: 0).compile(condition(_when(rule)))(context)):
            return ("rule" if user or _whole(rule.share) else "unknown_user"), number, rule.share
    share = flag.share if override is None else override.share
    if share is None:
        return "default", None, None
    return ("share" if user or _whole(share) else "unknown_user"), None, share


def _whole(share: Decimal | None) -> bool:
    """Whether a share divides nobody: whoever is not known gets the same as everybody else."""
    return share is None or share in (0, 1)


def remarks(spec: Spec, now: datetime) -> tuple[tuple[str, str, Switch], ...]:
    """What is worth saying of the switches: which are past their date, and which share a name that some service
    would read twice. Code, message and switch."""
    said: list[tuple[str, str, Switch]] = []
    seen: dict[str, list[Switch]] = {}
    for one in switches(spec, (), now):
        if one.overdue(now.date()):
            said.append(("SER139", f"the flag `{one.flag.name}` was to be taken out by {one.flag.expires}", one))
        for other in seen.get(one.flag.name, ()):
            if not one.services or not other.services or set(one.services) & set(other.services):
                said.append(("SER142", f"the flag `{one.flag.name}` is also declared by `{other.set}`", one))
        seen.setdefault(one.flag.name, []).append(one)
    return tuple(said)

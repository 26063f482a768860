"""`sereno flags`: the flags as they stand, and what operators make of them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from cyclopts import App

from sereno.app.cli.client import Client, print_json, print_line, print_table
from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import UsageError

app = App(name="flags", help="See feature flags, turn them on, off or up, explain them.", result_action="return_value")


@app.command(name="list")
def list_flags(*, json: bool = False) -> int:
    """Every flag as it stands.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    found = Client().get("/flags")
    if json:
        print_json(found)
        return 0
    rows: list[list[object]] = [
        [one["id"], _stands(one), _declared(one), one["owner"], _until(one), ", ".join(one["services"]) or "all"]
        for one in found
    ]
    columns = ["id", "now", "declared", "owner", "expires", "services"]
    print_table("Flags", columns, rows, empty="The spec declares no flags.")
    return 0


@app.command(name="set")
def set_flag(flag: str, to: str, *, reason: str, for_: str | None = None, json: bool = False) -> int:
    """Turn a flag on or off for everybody, or give it to a share of users, on all replicas at once.

    Parameters
    ----------
    flag
        Its name, or SET/NAME.
    to
        on, off, or a share such as 10%.
    reason
        Why; it is kept in the audit log.
    for_
        After so long it is as declared again, such as 2h; without, it stands until it is reset.
    json
        Print JSON for machines.
    """
    body: dict[str, object] = {"reason": reason, **_wanted(to)}
    if for_ is not None:
        body["minutes"] = _minutes(for_)
    made = Client().post(_place(flag, "override"), body)
    print_json(made) if json else print_line(f"{made['id']} is {_stands(made)}")
    return 0


@app.command
def reset(flag: str, *, reason: str) -> int:
    """Let a flag be as it is declared again.

    Parameters
    ----------
    flag
        Its name, or SET/NAME.
    reason
        Why; it is kept in the audit log.
    """
    made = Client().post(_place(flag, "reset"), {"reason": reason})
    print_line(f"{made['flag']} is as declared")
    return 0


@app.command
def explain(flag: str, *, user: str = "", attribute: list[str] | None = None, json: bool = False) -> int:
    """What somebody gets, and why.

    Parameters
    ----------
    flag
        Its name, or SET/NAME.
    user
        Who asks; without, somebody who is not known.
    attribute
        What rules may ask of, as NAME=VALUE; again for each.
    json
        Print JSON for machines.
    """
    body = {"user": user, "attributes": dict(map(_attribute, attribute or ()))}
    found = Client().post(_place(flag, "explain"), body)
    print_json(found) if json else print_line(f"{_value(found['value'])}: {_because(found)}")
    return 0


def _place(flag: str, deed: str) -> str:
    """Where a deed on NAME, or on SET/NAME, is asked for."""
    group, _, name = flag.rpartition("/")
    asked = f"?set={quote(group, safe='')}" if group else ""
    return f"/flags/{quote(name, safe='')}/{deed}{asked}"


def _attribute(written: str) -> tuple[str, object]:
    name, equals, value = written.partition("=")
    if not name or not equals:
        raise UsageError(f"{written[:40]!r} is no attribute", hint="such as country=PE")
    if value in ("true", "false"):
        return name, value == "true"
    try:
        number = Decimal(value)
    except InvalidOperation:
        return name, value
    if not number.is_finite():
        return name, value
    return name, int(number) if number == number.to_integral_value() and abs(number) < 2**53 else float(number)


def _wanted(to: str) -> dict[str, object]:
    if to in ("on", "off"):
        return {"state": to}
    try:
        share = Decimal(to.removesuffix("%")) / 100 if to.endswith("%") else Decimal("NaN")
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 <= share <= 1:
        raise UsageError(f"{to[:40]!r} is not on, off or a share", hint="a share is such as 10%")
    return {"state": "share", "share": f"{share:f}"}


def _minutes(written: str) -> int:
    try:
        seconds = parse_duration(written).total_seconds()
    except ValueError:
        raise UsageError(f"{written[:40]!r} is no duration", hint="such as 30m or 2h") from None
    if seconds < 60 or seconds % 60:
        raise UsageError("an override lasts whole minutes", hint="such as 30m or 2h")
    return int(seconds // 60)


def _percent(share: str) -> str:
    return f"{(Decimal(share) * 100).normalize():f}%"


def _stands(one: dict[str, Any]) -> str:
    found = one["override"]
    if found is None:
        return "as declared"
    state = f"for {_percent(found['share'])}" if found["state"] == "share" else f"{found['state']} for everybody"
    until = f" until {found['expires_at']}" if found["expires_at"] else ""
    return f"{state}{until} ({found['author']}: {found['reason']})"


def _declared(one: dict[str, Any]) -> str:
    parts = [f"{one['default']} by default"]
    if one["share"] is not None:
        parts.append(f"{one['to']} for {_percent(one['share'])}")
    parts += [
        f"{one[what]} {what.removesuffix('s') if one[what] == 1 else what}" for what in ("users", "rules") if one[what]
    ]
    return ", ".join(parts)


def _until(one: dict[str, Any]) -> str:
    return f"{one['expires']}{' (overdue)' if one['overdue'] else ''}" if one["expires"] else ""


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _because(found: dict[str, Any]) -> str:
    place = f"place {_percent(found['place'])} of a share up to {_percent(found['share'])}" if found["place"] else ""
    match found["because"]:
        case "override":
            return f"{found['override']['author']} set it for everybody: {found['override']['reason']}"
        case "user":
            return "this user is named"
        case "rule":
            return f"rule {found['rule']}{f', {place}' if place else ''}"
        case "share":
            return place or "the share is for all or nobody"
        case "unknown_user":
            return "nobody knows who asks: without a user nobody is in a share"
        case _:
            return "the default"

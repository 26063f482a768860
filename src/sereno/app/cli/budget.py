"""`sereno budget`: where every objective stands, when its budget ends, and corrections to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

from cyclopts import App

from sereno.app.cli.client import Client, print_json, print_line, print_table
from sereno.kernel.language import percent

app = App(name="budget", help="Error budgets: how much is left, how fast it goes.", result_action="return_value")
_BARS = "▁▂▃▄▅▆▇█"
_TREND_BARS = 24


@app.default
def budget(service: str | None = None, *, json: bool = False) -> int:
    """Error budgets: how much is left, how fast it goes, when it ends. Exits 1 when one is exhausted.

    Parameters
    ----------
    service
        Only this one's, with the trend, the sum behind the date, the policy and the corrections of each objective.
    json
        Print JSON for machines.
    """
    client = Client()
    budgets = [b for b in client.get("/budgets") if service in (None, b["service"])]
    if json:
        print_json([_whole(client, one) for one in budgets] if service else budgets)
    else:
        names = ["service", "slo", "objective", "sli", "remaining", "burn_rate", "exhausts_at", "coverage", "state"]
        rows: list[list[object]] = [[*(_shown(name, b[name]) for name in names), _policy(b)] for b in budgets]
        print_table("Error budgets", [*names, "policy"], rows, empty="No objectives are declared.")
        if service:
            for one in budgets:
                _tell(_whole(client, one))
    return 1 if any(b["state"] == "exhausted" for b in budgets) else 0


@app.command
def correct(
    service: str, slo: str | None = None, *, start: str, end: str, reason: str, json: bool = False
) -> int:  # fmt: skip
    """Leave a past time out of a budget, with a reason; the ledger keeps who did it and what it changed.

    Parameters
    ----------
    service
        The service.
    slo
        One of its objectives; all of them if none is named.
    start
        When it began, with its zone: 2026-03-02T03:00:00Z or 2026-03-01T22:00:00-05:00.
    end
        When it ended.
    reason
        Why it should not count.
    json
        Print JSON for machines.
    """
    body = {"slo": slo, "start": start, "end": end, "reason": reason}
    made = Client().post(f"/budgets/{quote(service, safe='')}/corrections", body)
    if json:
        print_json(made)
        return 0
    print_line(f"Correction {made['id']} of {service}, {made['start']} to {made['end']}, is in the ledger.")
    for effect in made["effects"]:
        print_line(f"- {effect['slo']}: {_share(effect['before'])} was left, {_share(effect['after'])} is")
    return 0


@app.command
def corrections(service: str | None = None, *, json: bool = False) -> int:
    """The ledger of corrections, newest first, those withdrawn included.

    Parameters
    ----------
    service
        Only this one's.
    json
        Print JSON for machines.
    """
    found = Client().get("/budgets/corrections", service=service)
    if json:
        print_json(found)
    else:
        names = ["id", "service", "slo", "start", "end", "reason", "author", "at", "withdrawn"]
        rows: list[list[object]] = [
            [*(one[name] for name in names[:2]), one["slo"] or "all", *(one[name] for name in names[3:8]), _undone(one)]
            for one in found
        ]
        print_table("Corrections", names, rows, empty="Nothing was corrected.")
    return 0


@app.command
def withdraw(correction: str, *, reason: str, json: bool = False) -> int:
    """Let a correction count no more; it stays in the ledger, with who withdrew it and why.

    Parameters
    ----------
    correction
        Its id, as `sereno budget corrections` shows it.
    reason
        Why it was a mistake.
    json
        Print JSON for machines.
    """
    found = Client().post(f"/budgets/corrections/{quote(correction, safe='')}/withdraw", {"reason": reason})
    print_json(found) if json else print_line(f"Correction {found['id']} counts no more.")
    return 0


def _whole(client: Client, one: dict[str, Any]) -> dict[str, Any]:
    """A budget with its trend and its corrections."""
    name = f"{quote(one['service'], safe='')}/{quote(one['slo'], safe='')}"
    entries = client.get("/budgets/corrections", service=one["service"])
    mine = [entry for entry in entries if entry["slo"] in (None, one["slo"])]
    return {**one, "trend": client.get(f"/budgets/{name}/trend"), "corrections": mine}


def _tell(one: dict[str, Any]) -> None:
    print_line("")
    print_line(f"{one['service']}/{one['slo']}")
    lines = {
        "trend": _trend(one["trend"]["remaining"]),
        "counted": _counted(one),
        "ends": one["exhaustion"],
        "period": one["projection"],
        "excluded": f"{one['excluded_seconds'] / 3600:g} h do not count" if one["excluded_seconds"] else None,
    }
    lines |= {f"part {part['service']}/{part['slo']}": _part(part) for part in one["parts"]}
    for title, text in lines.items():
        if text:
            print_line(f"- {title}: {text}")
    for line in (one["policy"] or {}).get("told", ()):
        print_line(f"- policy: {line}")
    for line in one["quiet"]:
        print_line(f"- low traffic: {line}")
    for entry in one["corrections"]:
        undone = " (withdrawn)" if entry["withdrawn_at"] else ""
        print_line(f"- correction {entry['id']}{undone}: {entry['start']} to {entry['end']}, {entry['reason']}")


def _counted(one: dict[str, Any]) -> str | None:
    if one["total"] is None or one["allowed"] is None:
        return None
    what = {"ratios": "slices in proportion"}.get(one["counts"], one["counts"])
    bad, total, allowed = (Decimal(one[name]) for name in ("bad", "total", "allowed"))
    return f"{bad.normalize():,f} bad of {total.normalize():,f} {what}; {allowed:,.1f} may be"


def _part(part: dict[str, Any]) -> str:
    if part["bad"] is None:
        return "takes no part: nothing happened, or nothing is known"
    return f"{percent(Decimal(part['bad']), 'en', 3)} bad, weight {Decimal(part['weight']):.3f}, " + (
        f"burn {Decimal(part['burn']):,.2f}"
    )


def _trend(remaining: list[str | None]) -> str:
    """What was left, first to last, as bars; a dot where nobody was watching."""
    step = max(1, -(-len(remaining) // _TREND_BARS))
    chosen = remaining[::-1][::step][::-1]
    return "".join("·" if value is None else _BARS[_height(Decimal(value))] for value in chosen)


def _height(value: Decimal) -> int:
    return min(len(_BARS) - 1, max(0, int(value * (len(_BARS) - 1))))


def _policy(one: dict[str, Any]) -> str:
    found = one["policy"]
    if not found:
        return ""
    if not found["known"]:
        return "unknown"
    steps = found["steps"]
    if not steps:
        return "nothing yet"
    return f"{_share(steps[-1]['consumed'], 0)} step" + (", frozen" if found["frozen"] else "")


def _undone(one: dict[str, Any]) -> str:
    return f"{one['withdrawn_at']} by {one['withdrawn_by']}: {one['withdrawn_why']}" if one["withdrawn_at"] else ""


def _share(value: str | None, decimals: int = 2) -> str:
    return "an unknown part" if value is None else percent(Decimal(value), "en", decimals)


def _shown(name: str, value: str | None) -> str:
    """A figure of a budget for people: shares as percentages, rounded down; all the digits are in the JSON."""
    if name == "exhausts_at":
        return value or ""
    if value is None:
        return "unknown"
    if name == "objective":
        return f"{(Decimal(value) * 100).normalize():f}%"
    if name in ("sli", "remaining", "coverage"):
        return percent(Decimal(value), "en")
    return f"{Decimal(value):,.2f}" if name == "burn_rate" else value

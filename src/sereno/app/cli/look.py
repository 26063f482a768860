"""Looking at a running control plane: `sereno status`, `alerts`, `oncall`."""

from __future__ import annotations

from sereno.app.cli.client import Client, print_json, print_table


def status(*, json: bool = False) -> int:
    """What is wrong now, and who is on it. Exits 1 when something is wrong or unknown.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    client = Client()
    pages = client.get("/pages", unclosed="true")
    incidents = client.get("/incidents", unresolved="true")
    blind = [t for t in client.get("/targets") if t["health"] != "up"]
    if json:
        print_json({"pages": pages, "incidents": incidents, "targets_not_up": blind})
    else:
        rows = [["incident", i["number"], i["severity"], i["service"], i["title"], i["phase"]] for i in incidents]
        rows += [["page", p["id"], p["severity"], p["service"], p["summary"], p["state"]] for p in pages]
        rows += [["target", t["job"], "", t["url"], t["error"], t["health"]] for t in blind]
        print_table("Now", ["what", "id", "severity", "service", "summary", "state"], rows, empty="All calm.")
    return 1 if pages or incidents or blind else 0


def alerts(*, json: bool = False) -> int:
    """Alerts that are pending or firing. Exits 1 when one fires.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    found = Client().get("/alerts")
    active = [a for a in found if a["state"] != "resolved"]
    if json:
        print_json(active)
    else:
        rows = [[a["state"], a["alert"], a["severity"], a["service"], a["value"], a["active_at"]] for a in active]
        names = ["state", "alert", "severity", "service", "value", "since"]
        print_table("Alerts", names, rows, empty="No alert is pending or firing.")
    return 1 if any(a["state"] == "firing" for a in active) else 0


def oncall(*, json: bool = False) -> int:
    """Who is on call now.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    found = Client().get("/oncall")
    if json:
        print_json(found)
    else:
        rows = [[schedule["name"], role, person] for schedule in found for role, person in schedule["now"].items()]
        print_table("On call now", ["schedule", "role", "person"], rows, empty="No schedule is declared.")
    return 0

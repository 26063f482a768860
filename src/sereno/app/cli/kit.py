"""`sereno kit`: how the kits of running services stand, and what operators command of them."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from cyclopts import App

from sereno.app.cli.client import Client, print_json, print_line, print_table
from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import UsageError

app = App(name="kit", help="See and override breakers and features of running services.", result_action="return_value")


@app.command(name="list")
def list_kits(*, json: bool = False) -> int:
    """Every replica that the spec names, and how its breakers stand.

    Parameters
    ----------
    json
        Print JSON for machines.
    """
    found = Client().get("/kits")
    if json:
        print_json(found)
        return 0
    rows = [[kits["service"], *_replica(one)] for kits in found for one in kits["replicas"]]
    columns = ["service", "replica", "answers", "not closed", "log level", "flags"]
    print_table("Kits", columns, rows, empty="No service says where its kits are: the key `kit` of the spec does.")
    return 0


@app.command
def show(service: str, *, json: bool = False) -> int:
    """The pipelines and features of one service, at each replica.

    Parameters
    ----------
    service
        Its name.
    json
        Print JSON for machines.
    """
    found = Client().get(f"/kits/{quote(service, safe='')}")
    if json:
        print_json(found)
        return 0
    pipelines, features = _pipelines(found["replicas"]), _features(found["replicas"])
    columns = ["pipeline", "replica", "policy", "state", "failures", "in use", "queued", "retries left"]
    print_table(f"Pipelines of {service}", columns, pipelines, empty="No pipelines.")
    if features:
        print_table("Features", ["feature", "replica", "state", "override"], features, empty="")
    return 0


@app.command(name="open")
def force_open(
    service: str, pipeline: str, *, reason: str, for_: str | None = None, replica: list[str] | None = None,
    policy: str = "circuit_breaker", json: bool = False,
) -> int:  # fmt: skip
    """Force a breaker open: its calls are rejected at once, without asking the dependency.

    Parameters
    ----------
    service
        The service's name.
    pipeline
        The pipeline's name.
    reason
        Why; it is kept in the audit log and told to the service.
    for_
        After so long it is reset by itself, such as 30m; without, it stands until it is reset.
    replica
        The address of a replica, as the spec has it; again for each. Without, all of them are told.
    policy
        Which policy, where the pipeline has several breakers: an index from 0.
    json
        Print JSON for machines.
    """
    return _override(service, pipeline, "force_open", reason, for_, replica, policy, json)


@app.command
def isolate(
    service: str, pipeline: str, *, reason: str, for_: str | None = None, replica: list[str] | None = None,
    policy: str = "circuit_breaker", json: bool = False,
) -> int:  # fmt: skip
    """Cut a dependency off: the same as open, by the name that some know it by.

    Parameters
    ----------
    service
        The service's name.
    pipeline
        The pipeline's name.
    reason
        Why; it is kept in the audit log and told to the service.
    for_
        After so long it is reset by itself, such as 30m; without, it stands until it is reset.
    replica
        The address of a replica, as the spec has it; again for each. Without, all of them are told.
    policy
        Which policy, where the pipeline has several breakers: an index from 0.
    json
        Print JSON for machines.
    """
    return _override(service, pipeline, "isolate", reason, for_, replica, policy, json)


@app.command
def close(
    service: str, pipeline: str, *, reason: str, for_: str | None = None, replica: list[str] | None = None,
    policy: str = "circuit_breaker", json: bool = False,
) -> int:  # fmt: skip
    """Force a breaker closed: its calls pass, however many fail.

    Parameters
    ----------
    service
        The service's name.
    pipeline
        The pipeline's name.
    reason
        Why; it is kept in the audit log and told to the service.
    for_
        After so long it is reset by itself, such as 30m; without, it stands until it is reset.
    replica
        The address of a replica, as the spec has it; again for each. Without, all of them are told.
    policy
        Which policy, where the pipeline has several breakers: an index from 0.
    json
        Print JSON for machines.
    """
    return _override(service, pipeline, "force_closed", reason, for_, replica, policy, json)


@app.command
def reset(
    service: str, pipeline: str, *, reason: str, replica: list[str] | None = None, policy: str = "circuit_breaker",
    json: bool = False,
) -> int:  # fmt: skip
    """Let a breaker decide by itself again: closed, with nothing counted.

    Parameters
    ----------
    service
        The service's name.
    pipeline
        The pipeline's name.
    reason
        Why; it is kept in the audit log and told to the service.
    replica
        The address of a replica, as the spec has it; again for each. Without, all of them are told.
    policy
        Which policy, where the pipeline has several breakers: an index from 0.
    json
        Print JSON for machines.
    """
    return _override(service, pipeline, "reset", reason, None, replica, policy, json)


@app.command
def feature(
    service: str, name: str, state: Literal["enabled", "degraded", "disabled", "clear"], *, reason: str,
    for_: str | None = None, replica: list[str] | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Switch a feature, or let its flag and its breaker decide again.

    Parameters
    ----------
    service
        The service's name.
    name
        The feature's name.
    state
        enabled, degraded or disabled; clear takes what was said back.
    reason
        Why; it is kept in the audit log and told to the service.
    for_
        After so long it is cleared by itself, such as 30m; without, it stands until it is cleared.
    replica
        The address of a replica, as the spec has it; again for each. Without, all of them are told.
    json
        Print JSON for machines.
    """
    return _override(service, name, state, reason, for_, replica, None, json)


def _override(
    service: str, target: str, verb: str, reason: str, for_: str | None, replica: list[str] | None,
    policy: str | None, json: bool,
) -> int:  # fmt: skip
    """Command, and tell what each replica did; 1 unless all obeyed."""
    body: dict[str, object] = {"kind": "feature", "target": target, "command": verb, "reason": reason}
    if policy is not None:
        body |= {"kind": "pipeline", "policy": policy}
    if for_ is not None:
        body["minutes"] = _minutes(for_)
    if replica:
        body["replicas"] = replica
    found = Client().post(f"/kits/{quote(service, safe='')}/override", body)
    if json:
        print_json(found)
    else:
        rows = [[one["address"], one["outcome"], one["state"] or one["said"]] for one in found["replicas"]]
        print_line(f"{found['obeyed']} of {found['asked']} replicas obeyed: {verb} {target}")
        print_table("", ["replica", "outcome", "now"], rows, empty="")
    return 0 if found["obeyed"] == found["asked"] else 1


def _minutes(written: str) -> int:
    try:
        seconds = parse_duration(written).total_seconds()
    except (ValueError, OverflowError):
        raise UsageError(f"{written[:40]!r} is no duration", hint="such as 30m or 2h") from None
    if seconds < 60 or seconds % 60:
        raise UsageError("an override lasts whole minutes", hint="such as 30m or 2h")
    return int(seconds // 60)


def _replica(one: dict[str, Any]) -> list[object]:
    view = one["view"]
    if view is None:
        return [one["address"], f"unknown: {one['trouble']}", "unknown", "unknown", "unknown"]
    return [one["address"], "yes", _not_closed(view), view["log_level"], _flags(view["flags"])]


def _flags(flags: dict[str, Any] | None) -> str:
    if not flags:
        return "unknown"
    stale = " (stale)" if flags["stale"] else ""
    return "none" if flags["source"] == "none" else f"{flags['count']} from {flags['source']}{stale}"


def _not_closed(view: dict[str, Any]) -> str:
    found = [
        f"{pipeline['name']} {policy['state'] or 'unknown'}"
        for pipeline in view["pipelines"]
        for policy in pipeline["policies"]
        if policy["kind"] == "circuit_breaker" and policy["state"] != "closed"
    ]
    return ", ".join(found) or "none"


def _pipelines(replicas: list[dict[str, Any]]) -> list[list[object]]:
    rows: list[list[object]] = []
    for one in replicas:
        if one["view"] is None:
            rows.append(["", one["address"], "", f"unknown: {one['trouble']}", "", "", "", ""])
            continue
        for pipeline in one["view"]["pipelines"]:
            for policy in pipeline["policies"]:
                rows.append([pipeline["name"], one["address"], policy["kind"], *_stands(policy)])
    return rows


def _stands(policy: dict[str, Any]) -> list[object]:
    breaks = policy["kind"] == "circuit_breaker"
    ratio, used, limit = policy["failure_ratio"], policy["in_use"], policy["limit"]
    failures = "" if ratio is None else f"{ratio:.1%} of {policy['calls']}"
    in_use = "" if used is None else f"{used}" if limit is None else f"{used} of {limit}"
    left = "" if policy["budget_left"] is None else f"{policy['budget_left']:.1f}"
    return [(policy["state"] or "unknown") if breaks else "", failures, in_use, policy["queued"], left]


def _features(replicas: list[dict[str, Any]]) -> list[list[object]]:
    return [
        [
            found["name"],
            one["address"],
            found["state"] or "unknown",
            f"{found['by']}: {found['reason']}" if found["by"] else "",
        ]
        for one in replicas
        if one["view"] is not None
        for found in one["view"]["features"]
    ]

"""A board in the shape of Statuspage's read API (`/api/v2/*.json`), which many clients read.

Keys are present even when null, identities are 12 characters of base 36, instants are ISO 8601 with milliseconds
and the page's offset. Statuspage has no word for unknown: it becomes `degraded_performance`, never `operational`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sereno.kernel.severity import ComponentState
from sereno.status.model import Board, ComponentBoard, PublicIncident, PublicUpdate
from sereno.status.rules import worst

Json = dict[str, object]

COMPONENT_STATUS: dict[ComponentState, str] = {
    "operational": "operational",
    "degraded": "degraded_performance",
    "partial_outage": "partial_outage",
    "major_outage": "major_outage",
    "maintenance": "under_maintenance",
    "unknown": "degraded_performance",
}
IMPACT: dict[ComponentState, str] = {
    "operational": "none",
    "degraded": "minor",
    "partial_outage": "major",
    "major_outage": "critical",
    "maintenance": "maintenance",
    "unknown": "minor",
}
DESCRIPTION: dict[ComponentState, str] = {
    "operational": "All Systems Operational",
    "degraded": "Partially Degraded Service",
    "partial_outage": "Partial System Outage",
    "major_outage": "Major Service Outage",
    "maintenance": "Service Under Maintenance",
    "unknown": "No Data for Some Systems",
}
INCIDENT_STATUS = {
    # A triaged incident has people at work; that they found the cause is not known, so it is not claimed.
    "detected": "investigating",
    "triaged": "investigating",
    "mitigated": "monitoring",
    "resolved": "resolved",
    "reviewed": "postmortem",
}


def public_id(identity: str) -> str:
    """12 characters of base 36, always the same for the same identity."""
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest()) % 36**12
    digits = ""
    for _ in range(12):
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def summary(board: Board, address: str) -> Json:
    """`summary.json`: everything that matters now. `address` is where the page is served, without a final slash."""
    return {
        "page": _page(board, address),
        "components": _components(board),
        "incidents": _incidents(board, address, unresolved=True),
        "scheduled_maintenances": [],
        "status": _status(board),
    }


def status(board: Board, address: str) -> Json:
    """`status.json`."""
    return {"page": _page(board, address), "status": _status(board)}


def components(board: Board, address: str) -> Json:
    """`components.json`."""
    return {"page": _page(board, address), "components": _components(board)}


def incidents(board: Board, address: str) -> Json:
    """`incidents.json`: the 50 newest."""
    newest = sorted(_incidents(board, address), key=lambda i: str(i["created_at"]), reverse=True)
    return {"page": _page(board, address), "incidents": newest[:50]}


def unresolved(board: Board, address: str) -> Json:
    """`incidents/unresolved.json`."""
    return {"page": _page(board, address), "incidents": _incidents(board, address, unresolved=True)}


def maintenances(board: Board, address: str) -> Json:
    """`scheduled-maintenances.json`, and those upcoming and active: none can be declared yet."""
    return {"page": _page(board, address), "scheduled_maintenances": []}


DOCUMENTS: dict[str, Callable[[Board, str], Json]] = {
    "summary": summary,
    "status": status,
    "components": components,
    "incidents": incidents,
    "incidents/unresolved": unresolved,
    "scheduled-maintenances": maintenances,
    "scheduled-maintenances/upcoming": maintenances,
    "scheduled-maintenances/active": maintenances,
}


def _page(board: Board, address: str) -> Json:
    changes = [c.since for c in board.components if c.since] + [i.changed_at for i in board.incidents]
    return {
        "id": public_id(board.page.name),
        "name": board.page.title,
        "url": address,
        "time_zone": board.page.zone,
        "updated_at": _time(board, max(changes, default=board.at)),
    }


def _status(board: Board) -> Json:
    overall = worst(c.state for c in board.components)
    return {"indicator": IMPACT[overall], "description": DESCRIPTION[overall]}


def _components(board: Board) -> list[Json]:
    return [_component(board, position, component) for position, component in enumerate(board.components, start=1)]


def _component(board: Board, position: int, component: ComponentBoard) -> Json:
    born = component.known_since or component.since or board.at
    return {
        "id": public_id(f"{board.page.name}/{component.name}"),
        "name": component.name,
        "status": COMPONENT_STATUS[component.state],
        "created_at": _time(board, born),
        "updated_at": _time(board, component.since or born),
        "position": position,
        "description": component.description or None,
        "showcase": True,
        "start_date": born.astimezone(ZoneInfo(board.page.zone)).date().isoformat(),
        "group_id": None,
        "page_id": public_id(board.page.name),
        "group": False,
        "only_show_if_degraded": False,
    }


def _incidents(board: Board, address: str, *, unresolved: bool = False) -> list[Json]:
    return [_incident(board, address, i) for i in board.incidents if not (unresolved and i.resolved_at)]


def _incident(board: Board, address: str, incident: PublicIncident) -> Json:
    identity = public_id(incident.id)
    return {
        "id": identity,
        "name": incident.title,
        "status": INCIDENT_STATUS[incident.phase],
        "created_at": _time(board, incident.opened_at),
        "updated_at": _time(board, incident.changed_at),
        "monitoring_at": _time(board, incident.mitigated_at),
        "resolved_at": _time(board, incident.resolved_at),
        "impact": IMPACT[incident.impact],
        "shortlink": f"{address}#i-{identity}",
        "started_at": _time(board, incident.started_at),
        "page_id": public_id(board.page.name),
        "incident_updates": [_update(board, identity, update) for update in incident.updates],
        "components": [
            _component(board, position, component)
            for position, component in enumerate(board.components, start=1)
            if component.name in incident.components
        ],
        "reminder_intervals": None,
    }


def _update(board: Board, incident_id: str, update: PublicUpdate) -> Json:
    at = _time(board, update.at)
    return {
        "id": public_id(update.id),
        "status": INCIDENT_STATUS[update.status],
        "body": update.text,
        "incident_id": incident_id,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": None,
        "deliver_notifications": False,
        "custom_tweet": None,
        "tweet_id": None,
    }


def _time(board: Board, instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(ZoneInfo(board.page.zone)).isoformat(timespec="milliseconds")


def newest_first(updates: Sequence[PublicUpdate]) -> tuple[PublicUpdate, ...]:
    """`updates` as Statuspage lists them."""
    return tuple(sorted(updates, key=lambda u: u.at, reverse=True))

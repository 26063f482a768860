"""A board as our own JSON and as an Atom feed."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from html import escape
from xml.etree import ElementTree as Xml

from sereno.kernel.inert import inert
from sereno.kernel.message import Language
from sereno.kernel.moment import EPOCH, iso
from sereno.status.model import Board, ComponentBoard, PublicIncident
from sereno.status.rules import floor_ratio, worst
from sereno.status.statuspage import Json, public_id
from sereno.status.views import page_view

_ATOM = "http://www.w3.org/2005/Atom"


def document(board: Board) -> Json:
    """Everything the page shows, for machines. Ratios are exact decimals rounded down, as text; null is unknown."""
    return {
        "page": board.page.name,
        "title": board.page.title,
        "description": board.page.description,
        "zone": board.page.zone,
        "at": iso(board.at),
        "state": worst(c.state for c in board.components),
        "generated_history": any(c.generated for c in board.components),
        "components": [_component(c) for c in board.components],
        "incidents": [_incident(i) for i in board.incidents],
    }


def _component(component: ComponentBoard) -> Json:
    return {
        "name": component.name,
        "description": component.description,
        "state": component.state,
        "since": _iso(component.since),
        "generated_history": component.generated,
        "uptime": {
            "availability": _ratio(component.uptime.availability),
            "coverage": _ratio(component.uptime.coverage),
            "down_seconds": _ratio(component.uptime.down_seconds),
            "known_since": _iso(component.known_since),
        },
        "days": [
            {
                "day": day.day.isoformat(),
                "worst": day.worst,
                "availability": _ratio(day.availability),
                "coverage": _ratio(day.coverage),
            }
            for day in component.days
        ],
    }


def _incident(incident: PublicIncident) -> Json:
    return {
        "id": public_id(incident.id),
        "title": incident.title,
        "phase": incident.phase,
        "impact": incident.impact,
        "components": list(incident.components),
        "started_at": iso(incident.started_at),
        "opened_at": iso(incident.opened_at),
        "mitigated_at": _iso(incident.mitigated_at),
        "resolved_at": _iso(incident.resolved_at),
        "updates": [
            {"at": iso(u.at), "phase": u.status, "text": u.text, "next_at": _iso(u.next_at)} for u in incident.updates
        ],
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)


def _ratio(ratio: Fraction | None) -> str | None:
    return None if ratio is None else f"{floor_ratio(ratio, 6):f}"


def feed(board: Board, address: str, host: str, language: Language) -> bytes:
    """The incidents of `board` as Atom 1.0, newest first.

    `address` is where the page is served, `host` names it in identities that never change. The feed was updated when
    its newest entry was: not now, or readers would take silence for news.
    """
    view = page_view(board, language)
    root = Xml.Element("feed", {"xmlns": _ATOM, "xml:lang": language})
    Xml.SubElement(root, "id").text = f"tag:{host},2005:/{board.page.name}/history"
    Xml.SubElement(root, "title").text = inert(view.words["status_of"])
    Xml.SubElement(root, "updated").text = iso(max((i.changed_at for i in board.incidents), default=EPOCH))
    Xml.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": address})
    Xml.SubElement(root, "link", {"rel": "self", "href": f"{address}/history.atom"})
    author = Xml.SubElement(root, "author")
    Xml.SubElement(author, "name").text = inert(board.page.title)
    shown = {i.anchor: i for i in (*view.open, *view.past)}
    for incident in sorted(board.incidents, key=lambda i: i.opened_at, reverse=True):
        anchor = f"i-{public_id(incident.id)}"
        if anchor not in shown:
            continue
        entry = Xml.SubElement(root, "entry")
        Xml.SubElement(entry, "id").text = f"tag:{host},2005:Incident/{public_id(incident.id)}"
        Xml.SubElement(entry, "title").text = inert(incident.title)
        Xml.SubElement(entry, "published").text = iso(incident.opened_at)
        Xml.SubElement(entry, "updated").text = iso(incident.changed_at)
        Xml.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": f"{address}#{anchor}"})
        Xml.SubElement(entry, "content", {"type": "html"}).text = "".join(
            f"<p><small>{escape(u.time.text)}</small><br><strong>{escape(u.phase)}</strong>"
            f" - {escape(inert(u.text))}</p>"
            for u in shown[anchor].updates
        )
    body: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return body

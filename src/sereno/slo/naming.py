"""What every generated alert carries besides its own words: a name, an owner, and where to look."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.slo.links import Board, dashboard_url, runbook_url
from sereno.spec.model import Service, Spec


def camel(name: str) -> str:
    """`name` as a part of an alert's name: base-de-datos is BaseDeDatos, búsqueda is Busqueda."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(part[0].upper() + part[1:] for part in re.findall(r"[A-Za-z0-9]+", folded))


def inert(text: str) -> str:
    """`text` with nothing in it that a template would expand: titles are words, not programs."""
    return text.replace("{{", "{ {").replace("}}", "} }")


def annotated(spec: Spec, service: Service, rule: Rule, *, board: Board = "service", about: str = "") -> Rule:
    """`rule` with owner, runbook and dashboard, as far as they are known; what it says of them itself stands.

    The dashboard is that of `about` on `board`, or where there is no Grafana the console's page of the service.
    """
    addresses, told = spec.addresses, rule.annotations
    team = rule.labels.get("team") or service.team
    if not addresses.grafana or not about:
        board, about = "service", service.name
    known = {
        "owner": told.get("owner") or inert(spec.teams[team].title if team in spec.teams else "") or team,
        "runbook_url": runbook_url(addresses, told.get("runbook_url")),
        "dashboard_url": told.get("dashboard_url") or dashboard_url(addresses, board, about),
    }
    return replace(rule, annotations=Labels({**told, **{name: text for name, text in known.items() if text}}))

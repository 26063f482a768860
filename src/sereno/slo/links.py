"""Addresses and identities that alerts and dashboards share."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal
from urllib.parse import quote

from sereno.spec.model import Addresses

Board = Literal["overview", "service", "slo", "infrastructure", "business", "security", "integrations", "declared"]


def dashboard_uid(board: Board, name: str = "") -> str:
    """The identity of a generated dashboard, the same for ever: at most 40 of the characters that Grafana allows."""
    return f"sereno-{board}-{sha256(name.encode()).hexdigest()[:12]}" if name else f"sereno-{board}"


def dashboard_url(addresses: Addresses, board: Board, name: str = "") -> str:
    """Where the dashboard is seen: in Grafana, else in the console; "" where neither is known."""
    if addresses.grafana:
        return f"{addresses.grafana}/d/{dashboard_uid(board, name)}"
    if addresses.console:
        return f"{addresses.console}/services/{quote(name, safe='')}" if name else addresses.console
    return ""


def runbook_url(addresses: Addresses, runbook: str | None) -> str:
    """Where the runbook is read: its own address, or its path below that of the runbooks; "" where there is none."""
    if not runbook:
        return ""
    if "://" in runbook or not addresses.runbooks:
        return runbook
    return f"{addresses.runbooks}/{quote(runbook)}"

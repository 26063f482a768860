"""Alerts in the state store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import instant, upsert, us
from sereno.adapters.sql.tables import alert
from sereno.alerts.model import Alert
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

_ACTIVE = sa.select(alert).where(alert.c.state != "resolved").order_by(alert.c.active_us, alert.c.fingerprint)


class SqlAlerts:
    """Implements `alerts.ports.Alerts`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def active(self) -> tuple[Alert, ...]:
        """Pending and firing alerts, oldest first."""
        return tuple(_alert(row) for row in self._unit.connection.execute(_ACTIVE))

    def firing(self) -> tuple[Alert, ...]:
        """Firing alerts, oldest first."""
        return tuple(_alert(row) for row in self._unit.connection.execute(_ACTIVE.where(alert.c.state == "firing")))

    def find(self, fingerprint: str) -> Alert | None:
        """The alert of that fingerprint, in whatever state it is."""
        query = sa.select(alert).where(alert.c.fingerprint == fingerprint)
        row = self._unit.connection.execute(query).one_or_none()
        return None if row is None else _alert(row)

    def save(self, alerts: Iterable[Alert]) -> None:
        """Insert or replace by fingerprint."""
        # In one order in every transaction, so that two replicas cannot lock each other out.
        rows = sorted((_row(each) for each in alerts), key=lambda row: str(row["fingerprint"]))
        upsert(self._unit, alert, rows, key="fingerprint")

    def drop(self, fingerprints: Iterable[str]) -> None:
        """Forget (pending alerts whose expression is no longer true)."""
        rows = [{"gone": fingerprint} for fingerprint in sorted(fingerprints)]
        if rows:
            self._unit.connection.execute(sa.delete(alert).where(alert.c.fingerprint == sa.bindparam("gone")), rows)

    def resolved_since(self, since: datetime, limit: int = 100) -> tuple[Alert, ...]:
        """Alerts resolved at or after `since`, newest first."""
        query = (
            sa.select(alert)
            .where(alert.c.state == "resolved", alert.c.resolved_us >= to_us(since))
            .order_by(alert.c.resolved_us.desc(), alert.c.fingerprint)
            .limit(limit)
        )
        return tuple(_alert(row) for row in self._unit.connection.execute(query))


def _row(value: Alert) -> dict[str, Any]:
    return {
        "fingerprint": value.fingerprint,
        "rule": value.rule,
        "alert": value.alert,
        "service": value.service,
        "severity": value.severity,
        "state": value.state,
        "labels": dict(value.labels),
        "annotations": dict(value.annotations),
        "value": repr(float(value.value)),
        "active_us": to_us(value.active_at),
        "last_true_us": to_us(value.last_true_at),
        "evaluated_us": to_us(value.evaluated_at),
        "fired_us": us(value.fired_at),
        "resolved_us": us(value.resolved_at),
        "absent_us": us(value.absent_since),
    }


def _alert(row: Any) -> Alert:
    return Alert(
        fingerprint=row.fingerprint,
        rule=row.rule,
        alert=row.alert,
        service=row.service,
        severity=row.severity,
        state=row.state,
        labels=Labels(row.labels),
        annotations=Labels(row.annotations),
        value=float(row.value),
        active_at=from_us(row.active_us),
        last_true_at=from_us(row.last_true_us),
        evaluated_at=from_us(row.evaluated_us),
        fired_at=instant(row.fired_us),
        resolved_at=instant(row.resolved_us),
        absent_since=instant(row.absent_us),
    )

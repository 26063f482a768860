"""What is forgotten once it is old, and what never is, in both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.contract.values import T0, alert, entry, incident, interval, message, page

from sereno.adapters.sql.database import Database
from sereno.adapters.sql.unit import Unit
from sereno.kernel.events import PageClosed
from sereno.kernel.message import Message

NOW = T0 + timedelta(days=500)
BEFORE = NOW - timedelta(days=400)


def message_(name: str, **changes: Any) -> Message:
    return message(id=name, key=name, **changes)


def fill(unit: Unit) -> None:
    """A life of five hundred days: what is old, what is new, and what is old but not done with."""
    unit.pages.add(page("pg_open", severity="SEV1"))
    unit.pages.add(page("pg_closed", severity="SEV2", state="closed", due_at=None))
    unit.outbox.add(
        [
            message_("old_sent", page="pg_closed", state="sent", created_at=T0),
            message_("old_failed", page=None, state="failed", created_at=T0),
            message_("old_pending", page="pg_closed", created_at=T0),
            message_("of_an_open_page", page="pg_open", state="sent", created_at=T0),
            message_("new_sent", page="pg_closed", state="sent", created_at=NOW),
        ]
    )
    unit.ledger.add([PageClosed(at=when, page="pg_closed", service="api", reason="resolved") for when in (T0, T0, NOW)])
    for told in unit.ledger.unheard()[1:]:
        unit.ledger.handled(told.id)
    unit.alerts.save(
        [
            alert("Old", state="resolved", resolved_at=T0),
            alert("New", state="resolved", resolved_at=NOW),
            alert("OldAndFiring"),
        ]
    )
    unit.audit.write(T0, "ana", "old", "x")
    unit.audit.write(NOW, "ana", "new", "x")
    unit.incidents.add(incident())
    unit.incidents.append([entry("note:1")])
    unit.intervals.record(interval(end=60))


def left(unit: Unit) -> dict[str, object]:
    return {
        "messages": {one.id for one in unit.outbox.recent(99)},
        "events": len(unit.ledger.since(0, 99)),
        "unheard": len(unit.ledger.unheard()),
        "alerts": {one.alert for one in (*unit.alerts.active(), *unit.alerts.resolved_since(T0))},
        "audit": [deed.action for deed in unit.audit.recent()],
        "pages": len(unit.pages.recent()),
        "timeline": len(unit.incidents.timeline(unit.incidents.recent()[0].id)),
        "intervals": len(unit.intervals.between("public", T0, NOW)),
    }


async def test_what_is_old_and_done_with_goes_in_small_batches_and_nothing_else(database: Database) -> None:
    await database.write(fill)
    rounds = 0
    while keys := await database.read(lambda unit: unit.retention.expired(BEFORE, 1)):
        assert all(len(some) == 1 for some in keys.values())
        assert await database.write(lambda unit, keys=keys: unit.retention.forget(keys, BEFORE)) == len(keys)
        rounds += 1
    assert rounds == 2, "two old messages, one at a time"
    assert await database.read(left) == {
        "messages": {"old_pending", "of_an_open_page", "new_sent"},
        "events": 2,
        "unheard": 1,
        "alerts": {"New", "OldAndFiring"},
        "audit": ["new"],
        "pages": 2,
        "timeline": 1,
        "intervals": 1,
    }


async def test_what_came_to_life_between_looking_and_forgetting_stays(database: Database) -> None:
    await database.write(lambda unit: unit.alerts.save([alert("Back", state="resolved", resolved_at=T0)]))
    keys = await database.read(lambda unit: unit.retention.expired(BEFORE, 9))
    await database.write(lambda unit: unit.alerts.save([alert("Back")]))
    assert await database.write(lambda unit: unit.retention.forget(keys, BEFORE)) == 0

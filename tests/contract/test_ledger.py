"""The ledger, duties and small things, in both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contract.values import T0, at

from sereno.adapters.sql.accounts import Session, Token, User
from sereno.adapters.sql.database import Database
from sereno.adapters.sql.ledger import Unreadable
from sereno.adapters.sql.tables import event
from sereno.kernel.errors import Conflict, NotFound
from sereno.kernel.events import AlertFired, Event, PageClosed

LEASE = timedelta(seconds=30)


def closed(number: int = 1) -> PageClosed:
    return PageClosed(at=at(seconds=number), page=f"pg_{number}", service="api", reason="resolved")


def fired(value: float = 1.0) -> AlertFired:
    return AlertFired(
        at=T0, fingerprint="aa", alert="ApiDown", service="api", severity="SEV1",
        labels={"x": "ñ"}, annotations={}, value=value, active_at=T0,
    )  # fmt: skip


async def test_events_come_out_in_the_order_they_went_in_and_only_until_they_are_handled(database: Database) -> None:
    told: list[Event] = [closed(3), fired(float("inf")), closed(1)]
    await database.write(lambda unit: unit.ledger.add(told))
    due = await database.write(lambda unit: unit.ledger.due(T0, 10))
    assert [entry.event for entry in due] == told
    assert await database.read(lambda unit: unit.ledger.pending_count(T0)) == 3
    await database.write(lambda unit: unit.ledger.handled(due[0].id))
    assert [entry.event for entry in await database.write(lambda unit: unit.ledger.due(T0, 10))] == told[1:]
    assert [entry.event for entry in await database.read(lambda unit: unit.ledger.since(due[0].id, 1))] == [told[1]]
    assert [entry.event for entry in await database.read(lambda unit: unit.ledger.unheard(PageClosed))] == [told[2]]


async def test_a_new_event_is_due_whatever_the_clock_says_later(database: Database) -> None:
    await database.write(lambda unit: unit.ledger.add([closed()]))
    assert len(await database.write(lambda unit: unit.ledger.due(at(hours=-1), 10))) == 1


async def test_a_failed_event_waits_and_counts(database: Database) -> None:
    await database.write(lambda unit: unit.ledger.add([closed()]))
    (entry,) = await database.write(lambda unit: unit.ledger.due(T0, 10))
    await database.write(lambda unit: unit.ledger.failed(entry.id, "boom", at(seconds=4)))
    assert await database.write(lambda unit: unit.ledger.due(at(seconds=3), 10)) == ()
    assert await database.read(lambda unit: unit.ledger.next_due()) == at(seconds=4)
    (parked,) = await database.read(lambda unit: unit.ledger.parked(T0))
    assert (parked.attempts, parked.error) == (1, "boom")


async def test_an_event_of_a_later_version_is_kept_for_it(database: Database) -> None:
    row = {"kind": "Unheard", "payload": "{}", "at_us": 1, "due_us": 0, "attempts": 0}
    await database.write(lambda unit: unit.connection.execute(event.insert(), [row]))
    (entry,) = await database.write(lambda unit: unit.ledger.due(T0, 10))
    assert isinstance(entry, Unreadable)
    assert await database.read(lambda unit: unit.ledger.unheard()) == ()


async def test_a_duty_is_done_by_one_at_a_time_and_an_older_holder_is_not_heard(database: Database) -> None:
    await database.write(lambda unit: unit.duties.ensure("d", T0))
    await database.write(lambda unit: unit.duties.ensure("d", at(hours=5)))
    assert await database.write(lambda unit: unit.duties.claim("d", "me", at(seconds=-1), LEASE)) is None
    mine = await database.write(lambda unit: unit.duties.claim("d", "me", T0, LEASE))
    assert mine is not None
    assert await database.write(lambda unit: unit.duties.claim("d", "you", at(seconds=29), LEASE)) is None
    yours = await database.write(lambda unit: unit.duties.claim("d", "you", at(seconds=30), LEASE))
    assert yours is not None
    assert yours.number > mine.number
    assert not await database.write(lambda unit: unit.duties.done(mine, at(minutes=1)))
    assert await database.write(lambda unit: unit.duties.done(yours, at(minutes=2)))
    assert await database.read(lambda unit: unit.duties.next_due("d")) == at(minutes=2)
    assert await database.write(lambda unit: unit.duties.claim("nothing", "me", T0, LEASE)) is None


async def test_a_duty_named_before_the_clock_went_back_is_due(database: Database) -> None:
    await database.write(lambda unit: unit.duties.ensure("d", at(hours=1)))
    period = timedelta(seconds=15)
    assert await database.write(lambda unit: unit.duties.claim("d", "me", T0, LEASE)) is None
    assert await database.write(lambda unit: unit.duties.claim("d", "me", T0, LEASE, period=period))


async def test_a_lease_made_before_the_clock_went_back_is_over(database: Database) -> None:
    await database.write(lambda unit: unit.duties.ensure("d", at(hours=-5)))
    assert await database.write(lambda unit: unit.duties.claim("d", "dead", at(hours=1), LEASE))
    assert await database.write(lambda unit: unit.duties.claim("d", "me", T0, LEASE))


async def test_users_sessions_and_tokens(database: Database) -> None:
    ana = User("ana", "hash", "responder", T0)
    await database.write(lambda unit: unit.accounts.add_user(ana))
    with pytest.raises(Conflict, match="ana"):
        await database.write(lambda unit: unit.accounts.add_user(ana))
    assert await database.read(lambda unit: unit.accounts.find_user("ana")) == ana
    await database.write(lambda unit: unit.accounts.set_password("ana", "new"))
    assert (await database.read(lambda unit: unit.accounts.users()))[0].password_hash == "new"
    with pytest.raises(NotFound):
        await database.write(lambda unit: unit.accounts.set_password("bo", "new"))

    signed_in = Session("h1", "ana", T0, T0, at(hours=8))
    await database.write(lambda unit: unit.accounts.add_session(signed_in))
    assert await database.write(lambda unit: unit.accounts.touch_session("h1", at(minutes=5)))
    found = await database.read(lambda unit: unit.accounts.find_session("h1"))
    assert found == Session("h1", "ana", T0, at(minutes=5), at(hours=8))
    assert await database.read(lambda unit: unit.accounts.sessions("ana")) == (found,)
    assert await database.write(lambda unit: unit.accounts.drop_session("h1"))
    assert not await database.write(lambda unit: unit.accounts.drop_session("h1"))

    token = Token("t1", "sereno_op_ab", "operator", "admin", T0)
    brief = Token("t2", "sereno_op_cd", "brief", "viewer", T0, at(minutes=1))
    await database.write(lambda unit: (unit.accounts.add_token(token), unit.accounts.add_token(brief)))
    assert await database.read(lambda unit: unit.accounts.find_token("t1")) == token
    assert await database.write(lambda unit: unit.accounts.drop_expired(at(minutes=1))) == 1
    assert await database.read(lambda unit: unit.accounts.tokens()) == (token,)


async def test_sessions_go_with_their_user(database: Database) -> None:
    await database.write(lambda unit: unit.accounts.add_user(User("ana", "hash", "admin", T0)))
    await database.write(lambda unit: unit.accounts.add_session(Session("h1", "ana", T0, T0, at(hours=8))))
    assert await database.write(lambda unit: unit.accounts.drop_user("ana"))
    assert await database.read(lambda unit: unit.accounts.find_session("h1")) is None


async def test_a_bucket_empties_and_fills(database: Database) -> None:
    async def take(**after: float) -> bool:
        return await database.write(lambda unit: unit.throttle.take("ana@1.2.3.4", at(**after), 5, 5))

    assert [await take() for _ in range(6)] == [True] * 5 + [False]
    assert not await take(seconds=11)
    assert await take(seconds=13)
    assert not await take(hours=-1)
    assert await database.write(lambda unit: unit.throttle.take("bo@1.2.3.4", T0, 5, 5))


async def test_the_audit_log_and_facts(database: Database) -> None:
    await database.write(lambda unit: unit.audit.write(T0, "ana", "acknowledge", "pg_1", {"via": "console"}))
    await database.write(lambda unit: unit.audit.write(at(seconds=1), "bo", "close", "pg_1"))
    deeds = await database.read(lambda unit: unit.audit.recent(5))
    assert [(d.actor, d.action, d.object, d.details) for d in deeds] == [
        ("bo", "close", "pg_1", {}),
        ("ana", "acknowledge", "pg_1", {"via": "console"}),
    ]
    await database.write(lambda unit: unit.facts.set("n", [1, {"a": None}], T0))
    await database.write(lambda unit: unit.facts.set("n", "two", T0))
    assert await database.read(lambda unit: unit.facts.get("n")) == "two"
    assert await database.write(lambda unit: unit.facts.drop("n"))
    assert await database.read(lambda unit: unit.facts.get("n")) is None

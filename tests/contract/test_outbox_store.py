"""Messages and their leases, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.contract.conftest import Write
from tests.contract.values import T0, at, message

LEASE = timedelta(seconds=30)


async def test_a_message_comes_back_exactly_as_it_was_added(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message()]))
    assert await write(lambda unit: unit.outbox.of_page("pg_1")) == (message(),)


async def test_the_same_key_is_written_once(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message(1)]))
    again = replace(message(2), key=message(1).key, text="other")
    await write(lambda unit: unit.outbox.add([again, message(3)]))
    assert [m.id for m in await write(lambda unit: unit.outbox.of_page("pg_1"))] == ["ms_1", "ms_3"]


async def test_a_claim_takes_what_is_due_and_no_more_than_asked(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message(n, due_at=at(seconds=n)) for n in (3, 1, 2, 9)]))
    claimed = await write(lambda unit: unit.outbox.claim("me", at(seconds=5), LEASE, 2))
    assert [m.id for m in claimed] == ["ms_1", "ms_2"]
    assert [(m.attempt, m.lease_owner, m.lease_until) for m in claimed] == [(1, "me", at(seconds=35))] * 2
    rest = await write(lambda unit: unit.outbox.claim("you", at(seconds=5), LEASE, 8))
    assert [m.id for m in rest] == ["ms_3"]
    assert await write(lambda unit: unit.outbox.claim("me", at(seconds=5), LEASE, 8)) == ()


async def test_an_expired_lease_means_try_again_and_the_first_holder_is_no_longer_heard(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message()]))
    (mine,) = await write(lambda unit: unit.outbox.claim("me", T0, LEASE, 8))
    assert await write(lambda unit: unit.outbox.claim("you", at(seconds=29), LEASE, 8)) == ()
    (yours,) = await write(lambda unit: unit.outbox.claim("you", at(seconds=30), LEASE, 8))
    assert yours.attempt == 2
    assert not await write(lambda unit: unit.outbox.sent(mine, at(seconds=31)))
    assert not await write(lambda unit: unit.outbox.retry(mine, at(seconds=31), "late"))
    assert not await write(lambda unit: unit.outbox.failed(mine, "late", at(seconds=31)))
    assert await write(lambda unit: unit.outbox.sent(yours, at(seconds=32)))
    (stored,) = await write(lambda unit: unit.outbox.of_page("pg_1"))
    assert (stored.state, stored.sent_at, stored.lease_owner, stored.lease_until) == (
        "sent",
        at(seconds=32),
        None,
        None,
    )


async def test_the_same_holder_is_fenced_from_its_own_older_claim(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message()]))
    (first,) = await write(lambda unit: unit.outbox.claim("me", T0, LEASE, 8))
    (second,) = await write(lambda unit: unit.outbox.claim("me", at(seconds=40), LEASE, 8))
    assert not await write(lambda unit: unit.outbox.sent(first, at(seconds=41)))
    assert await write(lambda unit: unit.outbox.sent(second, at(seconds=41)))


async def test_a_retry_waits_for_its_moment(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message()]))
    (claimed,) = await write(lambda unit: unit.outbox.claim("me", T0, LEASE, 8))
    assert await write(lambda unit: unit.outbox.retry(claimed, at(seconds=4), "503"))
    assert await write(lambda unit: unit.outbox.next_due()) == at(seconds=4)
    assert await write(lambda unit: unit.outbox.claim("me", at(seconds=3), LEASE, 8)) == ()
    (again,) = await write(lambda unit: unit.outbox.claim("me", at(seconds=4), LEASE, 8))
    assert (again.attempt, again.error) == (2, "503")


async def test_a_message_given_up_is_not_due_again(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message()]))
    (claimed,) = await write(lambda unit: unit.outbox.claim("me", T0, LEASE, 8))
    assert await write(lambda unit: unit.outbox.failed(claimed, "no such address", at(seconds=1)))
    assert await write(lambda unit: unit.outbox.next_due()) is None
    assert await write(lambda unit: unit.outbox.claim("me", at(days=1), LEASE, 8)) == ()
    (stored,) = await write(lambda unit: unit.outbox.of_page("pg_1"))
    assert (stored.state, stored.error) == ("failed", "no such address")


async def test_cancelling_spares_other_purposes_and_what_is_over(write: Write) -> None:
    messages = [message(1), message(2), message(3, purpose="closed"), message(4, page="pg_2")]
    await write(lambda unit: unit.outbox.add(messages))
    (sent,) = await write(lambda unit: unit.outbox.claim("me", T0, LEASE, 1))
    await write(lambda unit: unit.outbox.sent(sent, T0))
    assert await write(lambda unit: unit.outbox.cancel("pg_1", "page", T0, "acknowledged")) == 1
    states = {m.id: m.state for m in await write(lambda unit: unit.outbox.of_page("pg_1"))}
    assert states == {"ms_1": "sent", "ms_2": "cancelled", "ms_3": "pending"}
    assert (await write(lambda unit: unit.outbox.of_page("pg_2")))[0].state == "pending"


async def test_the_next_moment_is_that_of_a_free_message_or_the_end_of_a_lease(write: Write) -> None:
    assert await write(lambda unit: unit.outbox.next_due()) is None
    await write(lambda unit: unit.outbox.add([message(1), message(2, due_at=at(minutes=5))]))
    assert await write(lambda unit: unit.outbox.next_due()) == T0
    await write(lambda unit: unit.outbox.claim("me", T0, LEASE, 8))
    assert await write(lambda unit: unit.outbox.next_due()) == at(seconds=30)


async def test_the_leases_of_the_dead_can_be_ended_at_once(write: Write) -> None:
    await write(lambda unit: unit.outbox.add([message(1), message(2)]))
    await write(lambda unit: unit.outbox.claim("dead", T0, LEASE, 1))
    await write(lambda unit: unit.outbox.claim("alive", T0, LEASE, 1))
    assert await write(lambda unit: unit.outbox.release("dead")) == 1
    assert [m.id for m in await write(lambda unit: unit.outbox.claim("alive", T0, LEASE, 8))] == ["ms_1"]

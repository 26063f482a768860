"""The stores in memory have the manners that the simulator relies on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.peers.messages import NOON, a_message
from tests.stories.world import World

from sereno.adapters.memory.paging import MemoryOutbox
from sereno.kernel.errors import Conflict

LEASE = timedelta(seconds=30)


def test_a_transaction_that_fails_leaves_nothing() -> None:
    world = World()
    world.fire("ApiDown", "SEV1")
    before = (dict(world.store.pages.rows), dict(world.store.outbox.rows))
    page = world.store.pages.unclosed()[0]

    def half_a_change() -> None:
        with world.store.transaction() as store:
            store.pages.save(replace(page, version=1), seen=0)
            store.outbox.add([a_message()])
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        half_a_change()
    assert (world.store.pages.rows, world.store.outbox.rows) == before
    with world.store.transaction() as store:
        store.outbox.add([a_message()])
    assert a_message().id in world.store.outbox.rows


def test_the_slower_writer_is_told() -> None:
    world = World()
    world.fire("ApiDown", "SEV1")
    page = world.store.pages.unclosed()[0]
    assert world.store.pages.save(replace(page, version=page.version + 1), seen=page.version)
    assert not world.store.pages.save(replace(page, version=page.version + 1), seen=page.version)
    with pytest.raises(Conflict):
        world.store.pages.add(replace(page, id="another"))


def test_a_lease_that_runs_out_means_try_again() -> None:
    outbox = MemoryOutbox()
    outbox.add([a_message()])
    (first,) = outbox.claim("one", NOON, LEASE, 10)
    assert outbox.claim("two", NOON + LEASE / 2, LEASE, 10) == ()
    (second,) = outbox.claim("two", NOON + LEASE, LEASE, 10)
    assert (first.attempt, second.attempt) == (1, 2)
    assert not outbox.sent(first, NOON + LEASE)
    assert not outbox.failed(first, "too late", NOON + LEASE)
    assert outbox.sent(second, NOON + LEASE)
    assert outbox.next_due() is None


def test_a_key_is_written_once() -> None:
    outbox = MemoryOutbox()
    outbox.add([a_message(id="1"), a_message(id="2")])
    assert list(outbox.rows) == ["1"]


def test_what_was_cancelled_is_not_sent() -> None:
    outbox = MemoryOutbox()
    outbox.add([a_message()])
    (claimed,) = outbox.claim("one", NOON, LEASE, 10)
    assert outbox.cancel("pg_1", "page", NOON, "acknowledged") == 1
    assert not outbox.retry(claimed, NOON, "no answer")
    assert outbox.claim("two", NOON + 2 * LEASE, LEASE, 10) == ()
    assert outbox.cancel("pg_1", "page", NOON, "acknowledged") == 0


def test_release_frees_what_a_dead_process_held() -> None:
    outbox = MemoryOutbox()
    outbox.add([a_message()])
    outbox.claim("dead", NOON, LEASE, 10)
    assert outbox.release("other") == 0
    assert outbox.release("dead") == 1
    assert len(outbox.claim("new", NOON, LEASE, 10)) == 1

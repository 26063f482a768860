"""What the slice does when events come twice, late, or in the company of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.stories.world import MONDAY_NOON, World, a_person, a_spec

from sereno.kernel.errors import Conflict, NotFound
from sereno.kernel.events import AlertFired, MessageFailed
from sereno.kernel.message import Message
from sereno.oncall import service
from sereno.spec.model import Step

MINUTE = timedelta(minutes=1)


def hear(world: World, event: AlertFired | MessageFailed) -> list[object]:
    """One hearing, with nothing else going on."""
    hearer = service.alert_fired if isinstance(event, AlertFired) else service.message_failed
    store = world.store
    return list(hearer(store.pages, store.outbox, world.spec, event, world.now, world.ids, world.links))  # type: ignore[arg-type]


def a_firing(alert: str = "ApiDown", fingerprint: str = "f", later: timedelta = timedelta(0)) -> AlertFired:
    return AlertFired(
        at=MONDAY_NOON + later, fingerprint=fingerprint, alert=alert, service="checkout", severity="SEV1", labels={},
        annotations={}, value=1.0, active_at=MONDAY_NOON,
    )  # fmt: skip


def failed(world: World, message: Message) -> MessageFailed:
    """The message is given up, as the delivery loop would."""
    (claim,) = [m for m in world.store.outbox.claim("t", world.now, MINUTE, 99) if m.id == message.id] or [message]
    assert world.store.outbox.failed(claim, "refused", world.now)
    return MessageFailed(
        at=world.now, message=message.id, page=message.page, purpose="page", person=message.person,
        contact=message.contact, channel=message.channel, error="refused",
    )  # fmt: skip


def test_a_firing_heard_again_after_its_page_was_closed_opens_no_other() -> None:
    world = World(workers=False)
    hear(world, a_firing())
    service.close(
        world.store.pages, world.store.outbox, world.spec, "pg_000001", "bo", world.now, world.ids, world.links
    )
    assert hear(world, a_firing()) == []
    assert len(world.store.pages.rows) == 1
    assert hear(world, a_firing(later=-MINUTE)) != []  # another firing, on a clock that was put back


def test_a_firing_after_the_clock_was_put_back_counts_as_firing() -> None:
    world = World(workers=False)
    for event in (a_firing(), a_firing("Slow", "g")):
        hear(world, event)
    world.workers = True
    world.resolve("nothing", "SEV1")
    (page,) = world.store.pages.unclosed()
    page = replace(page, firing=("g",))
    world.store.pages.rows[page.id] = page
    hear(world, a_firing(later=-MINUTE))
    assert set(world.store.pages.rows[page.id].firing) == {"f", "g"}


def test_every_change_is_a_new_version_and_a_stale_one_is_refused() -> None:
    world = World(workers=False)
    hear(world, a_firing())
    stale = world.store.pages.rows["pg_000001"]
    hear(world, a_firing("Slow", "g"))
    assert world.store.pages.rows["pg_000001"].version == stale.version + 1
    with pytest.raises(Conflict, match="changed meanwhile"):
        service.advance_page(
            world.store.pages, world.store.outbox, world.spec, stale, world.now + 6 * MINUTE, world.ids, world.links
        )


def test_someone_with_an_address_left_is_waited_for() -> None:
    """Ana's only contact and Bo's first fail together; Bo's second has not been tried when Ana's failure is heard."""
    people = (a_person("ana", "slack"), a_person("bo", "slack", "email"), a_person("carla", "slack"))
    spec = a_spec(people, steps=(Step(("primary", "secondary"), timedelta(0)), Step(("backup",), 5 * MINUTE)))
    world = World(spec=spec, workers=False)
    hear(world, a_firing())
    claims = world.store.outbox.claim("t", world.now, MINUTE, 9)
    events = [failed(world, claim) for claim in claims]
    for event in events:
        assert hear(world, event) == []
    page = world.store.pages.rows["pg_000001"]
    assert page.due_at == MONDAY_NOON + 5 * MINUTE
    pending = world.store.outbox.pending(world.now)
    assert [(m.person, m.channel) for m in pending] == [("bo", "email")]
    (event,) = [failed(world, claim) for claim in world.store.outbox.claim("t", world.now, MINUTE, 9)]
    assert len(hear(world, event)) == 1  # now nobody is left: Carla's step
    assert hear(world, event) == []
    assert [m.person for m in world.store.outbox.pending(world.now)] == ["carla"]


def test_the_last_steps_failure_does_not_begin_a_round_at_once() -> None:
    spec = a_spec((a_person("ana", "slack"),), steps=(Step(("primary",), timedelta(0)),))
    world = World(spec=spec, workers=False)
    hear(world, a_firing())
    (event,) = [failed(world, claim) for claim in world.store.outbox.claim("t", world.now, MINUTE, 9)]
    assert hear(world, event) == []
    assert world.store.pages.rows["pg_000001"].due_at == MONDAY_NOON + 15 * MINUTE


def test_failures_that_concern_nobody() -> None:
    world = World(workers=False)
    hear(world, a_firing())
    (message,) = world.store.outbox.rows.values()
    event = failed(world, message)
    service.acknowledge(world.store.pages, world.store.outbox, "pg_000001", "bo", "console", world.now)
    for other in (event, replace(event, purpose="closed"), replace(event, page=None), replace(event, message="gone")):
        assert hear(world, other) == []
    assert len(world.store.outbox.rows) == 1


def test_answering_what_does_not_exist() -> None:
    world = World()
    with pytest.raises(NotFound):
        world.acknowledge("pg_nothing", "ana")
    with pytest.raises(NotFound):
        world.close("pg_nothing", "ana")

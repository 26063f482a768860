"""What the on-call slice hears, and what people ask of it: read, decide, write, in the caller's transaction.

Hearing an event twice changes nothing the second time. What is returned belongs in the ledger, in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sereno.kernel.clock import Ids
from sereno.kernel.errors import Conflict, NotFound
from sereno.kernel.events import (
    AlertFired,
    AlertResolved,
    Event,
    MessageFailed,
    PageAcknowledged,
    PageClosed,
    PageOpened,
)
from sereno.kernel.message import Message
from sereno.oncall import rules
from sereno.oncall.messages import Writer, step_of
from sereno.oncall.model import Page
from sereno.oncall.ports import Links, Outbox, Pages
from sereno.oncall.rules import Demand
from sereno.spec.model import Spec

REMEMBERED = 50
"""How many of the newest pages are asked whether they have already heard of an alert."""


def alert_fired(
    pages: Pages, outbox: Outbox, spec: Spec, event: AlertFired, now: datetime, ids: Ids, links: Links
) -> list[Event]:
    """Open a page for the alert's service and severity and page whoever is due, or add the alert to the open one.

    A severity that the scale does not know pages at once: better a page too many than one lost.
    """
    severity = spec.severities.find(event.severity)
    if severity is not None and severity.page == "never":
        return []
    name = severity.name if severity is not None else event.severity
    page = pages.unclosed_in(event.service, name)
    if page is not None:
        _save(pages, page, rules.add_alert(page, event))
        return []
    if _heard(pages, event):
        return []
    page = rules.open_page(event, name, rules.policy_of(spec, event.service, severity), now, ids.new("pg"))
    opened = PageOpened(
        at=now, page=page.id, service=page.service, severity=page.severity, summary=page.summary,
        alerts=page.alerts, incident_wanted=severity is None or severity.incident,
    )  # fmt: skip
    decision = rules.advance(page, spec, now)
    pages.add(decision.page)
    _post(outbox, Writer(decision.page, spec, now, ids, links), decision.demands)
    return [opened, *decision.events]


def alert_resolved(
    pages: Pages, outbox: Outbox, spec: Spec, event: AlertResolved, now: datetime, ids: Ids, links: Links
) -> list[Event]:
    """Note that the alert stopped; close the pages in which nothing fires any more."""
    events: list[Event] = []
    for page in pages.holding(event.fingerprint):
        after = rules.resolve_alert(page, event, now)
        _save(pages, page, after)
        if after.state == "closed":
            events.append(_closed(outbox, Writer(after, spec, now, ids, links)))
    return events


def advance_page(
    pages: Pages, outbox: Outbox, spec: Spec, page: Page, now: datetime, ids: Ids, links: Links
) -> list[Event]:
    """Take the steps of `page` that are due. Raises Conflict if the page has changed since it was read."""
    decision = rules.advance(page, spec, now)
    _save(pages, page, decision.page)
    _post(outbox, Writer(decision.page, spec, now, ids, links), decision.demands)
    return list(decision.events)


def message_failed(
    pages: Pages, outbox: Outbox, spec: Spec, event: MessageFailed, now: datetime, ids: Ids, links: Links
) -> list[Event]:
    """A page did not get through: try the person's next contact now, or, if nobody of the step is left, the next step.

    After the last step of a round nobody is left; then the next round comes at its own time.
    """
    page = pages.get(event.page) if event.page and event.purpose == "page" else None
    if page is None or page.state != "open" or event.person is None:
        return []
    told = outbox.of_page(page.id)
    failed = next((message for message in told if message.id == event.message), None)
    place = step_of(failed) if failed is not None else None
    if failed is None or place is None:
        return []
    step = [message for message in told if message.purpose == "page" and step_of(message) == place]
    own = [message for message in step if message.person == event.person]
    if any(message.state in ("pending", "sent") for message in own if message.id != event.message):
        return []
    untried = _untried(own, event.person, spec)
    if untried is not None:
        reason = str(failed.data.get("reason") or "opened")
        demand = Demand(event.person, place[0], place[1], reason, untried, failed.channel)
        _post(outbox, Writer(page, spec, now, ids, links), [demand])
        return []
    if _anyone_left(step, event.message, spec) or (page.round, page.step) != (place[0], place[1] + 1):
        return []
    return advance_page(pages, outbox, spec, _saved(pages, page, rules.hurry(page, now)), now, ids, links)


def acknowledge(pages: Pages, outbox: Outbox, page_id: str, by: str, via: str, now: datetime) -> list[Event]:
    """`by` answers the page: nobody else is paged. Raises NotFound, or Conflict naming who has answered already."""
    page = _existing(pages, page_id)
    _save(pages, page, rules.acknowledge(page, by, via, now))
    outbox.cancel(page_id, "page", now, "acknowledged")
    return [PageAcknowledged(at=now, page=page_id, service=page.service, by=by, via=via)]


def close(
    pages: Pages, outbox: Outbox, spec: Spec, page_id: str, by: str, now: datetime, ids: Ids, links: Links
) -> list[Event]:
    """`by` ends the page, whatever still fires. Raises NotFound, or Conflict if it is closed already."""
    page = _existing(pages, page_id)
    after = rules.close(page, "closed", now)
    after = _saved(pages, page, replace(after, details={**after.details, "closed_by": by}))
    return [_closed(outbox, Writer(after, spec, now, ids, links))]


def _closed(outbox: Outbox, writer: Writer) -> PageClosed:
    """Stop what has not been sent and tell those who had been paged that it is over."""
    page, now = writer.page, writer.now
    outbox.cancel(page.id, "page", now, page.closed_reason or "closed")
    told = {(m.person, m.contact): m for m in outbox.of_page(page.id) if m.purpose == "page" and _may_arrive(m)}
    last = {person: message for (person, _), message in told.items()}
    outbox.add([message for one in last.values() if (message := writer.closed_message(one)) is not None])
    return PageClosed(at=now, page=page.id, service=page.service, reason=page.closed_reason or "closed")


def _may_arrive(message: Message) -> bool:
    """Whether its reader has it, or may get it still: a message being sent when it was cancelled can arrive."""
    return message.state == "sent" or (message.state == "cancelled" and message.attempt > 0)


def _anyone_left(step: Iterable[Message], failed: str, spec: Spec) -> bool:
    """Whether someone of the step has a page, may get it, or has an address that was not tried yet."""
    return any(
        message.state in ("pending", "sent")
        or (message.state == "failed" and message.person is not None and _has_untried(message.person, step, spec))
        for message in step
        if message.id != failed
    )


def _has_untried(person: str, step: Iterable[Message], spec: Spec) -> bool:
    return _untried([message for message in step if message.person == person], person, spec) is not None


def _untried(told: Iterable[Message], person: str, spec: Spec) -> int | None:
    """The first contact of `person` that none of the messages `told` went to."""
    tried = {message.contact for message in told}
    contacts = len(spec.people[person].contacts) if person in spec.people else 0
    return next((contact for contact in range(contacts) if contact not in tried), None)


def _heard(pages: Pages, event: AlertFired) -> bool:
    """Whether a page that is closed by now was about this very firing."""
    return any(
        signal.fingerprint == event.fingerprint and signal.fired_at == event.at
        for page in pages.recent(REMEMBERED)
        if event.fingerprint in page.alerts
        for signal in page.signals
    )


def _existing(pages: Pages, page_id: str) -> Page:
    page = pages.get(page_id)
    if page is None:
        raise NotFound(f"there is no page {page_id}")
    return page


def _saved(pages: Pages, before: Page, after: Page) -> Page:
    """Write `after` over `before` as its next version, and return it as written."""
    if after == before:
        return before
    after = replace(after, version=before.version + 1)
    if not pages.save(after, seen=before.version):
        raise Conflict(f"page {before.id} has changed meanwhile")
    return after


def _save(pages: Pages, before: Page, after: Page) -> None:
    _saved(pages, before, after)


def _post(outbox: Outbox, writer: Writer, demands: Sequence[Demand]) -> None:
    messages = [writer.page_message(demand) for demand in demands]
    if messages:
        outbox.add(messages)

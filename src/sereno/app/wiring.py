"""Who hears what: one dictionary from what happened to who must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sereno.alerts.rules import fired
from sereno.app.dispatch import Hearer, Hearing
from sereno.incidents import service as incidents
from sereno.incidents.model import Incident
from sereno.incidents.rules import affecting
from sereno.kernel.events import (
    AlertFired,
    AlertResolved,
    Event,
    IncidentChanged,
    IncidentOpened,
    IncidentResolved,
    MessageFailed,
    MessageSent,
    PageAcknowledged,
    PageClosed,
    PageOpened,
    PageStepTaken,
    ServiceObserved,
    StatusChanged,
)
from sereno.oncall import service as oncall
from sereno.oncall.model import Page
from sereno.oncall.signing import sign
from sereno.spec.model import Spec
from sereno.status import service as status

if TYPE_CHECKING:
    from sereno.adapters.sql.incidents import SqlIncidents
    from sereno.adapters.sql.unit import Unit
    from sereno.app.control import Control
    from sereno.kernel.clock import Ids

ANSWERABLE = timedelta(days=7)
"""How long the link in a page can be used to answer it."""


class SignedLinks:
    """Addresses in messages: the console's, and the signed one by which the reader answers."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def page_url(self, page_id: str) -> str:
        """Where the page is seen in the console."""
        return f"{self._control.settings.address}/pages/{page_id}"

    def ack_url(self, page_id: str, person: str) -> str:
        """The signed link by which that person acknowledges the page."""
        token = sign(self._control.secret, page_id, person, self._control.clock.now() + ANSWERABLE)
        return f"{self._control.settings.address}/ack/{token}"


def hearers(control: Control) -> Mapping[type[Event], Sequence[Hearer]]:
    """Who hears each event, in order. Hearers run in the transaction that marks the event as heard."""
    links, settle = SignedLinks(control), control.settings.settle

    def alert_page(h: Hearing[AlertFired]) -> Sequence[Event]:
        return oncall.alert_fired(h.unit.pages, h.unit.outbox, h.spec, h.event, h.now, h.ids, links)

    def alert_over(h: Hearing[AlertResolved]) -> Sequence[Event]:
        return oncall.alert_resolved(h.unit.pages, h.unit.outbox, h.spec, h.event, h.now, h.ids, links)

    def next_contact(h: Hearing[MessageFailed]) -> Sequence[Event]:
        return oncall.message_failed(h.unit.pages, h.unit.outbox, h.spec, h.event, h.now, h.ids, links)

    def incident_for_page(h: Hearing[PageOpened]) -> Sequence[Event]:
        found = [h.unit.alerts.find(fingerprint) for fingerprint in h.event.alerts]
        began = [fired(alert, alert.fired_at or h.event.at) for alert in found if alert is not None]
        return incidents.page_opened(h.unit.incidents, h.spec, h.event, h.now, h.ids, began=began)

    def page_closed(h: Hearing[PageClosed]) -> Sequence[Event]:
        return incidents.page_closed(h.unit.incidents, h.event, h.now, settle=settle)

    def public(h: Hearing[IncidentOpened | IncidentChanged | IncidentResolved]) -> Sequence[Event]:
        return tell_public(h.unit, h.spec, h.now, h.event.incident)

    def observed(h: Hearing[ServiceObserved]) -> Sequence[Event]:
        return tell_public(h.unit, h.spec, h.now, h.event.reason)

    return {
        AlertFired: (alert_page, _timeline(incidents.alert_fired)),
        AlertResolved: (alert_over, _timeline(incidents.alert_resolved)),
        PageOpened: (incident_for_page,),
        PageStepTaken: (_timeline(incidents.page_step_taken),),
        PageAcknowledged: (_timeline(incidents.page_acknowledged),),
        PageClosed: (page_closed,),
        MessageSent: (_timeline(incidents.message_sent),),
        MessageFailed: (next_contact, _timeline(incidents.message_failed)),
        IncidentOpened: (public,),
        IncidentChanged: (public,),
        IncidentResolved: (public,),
        ServiceObserved: (observed,),
        StatusChanged: (_timeline(incidents.status_changed),),
    }


def _timeline(hear: Callable[[SqlIncidents, Any, datetime], Sequence[Event]]) -> Hearer:
    """A hearer that needs only the incidents, the event and the moment."""
    return lambda h: hear(h.unit.incidents, h.event, h.now)


def tell_public(unit: Unit, spec: Spec, now: datetime, cause: str) -> Sequence[Event]:
    """Bring the public components into the states that open incidents and missing data call for."""
    known = unit.facts.get("known") or {}
    unknown = [name for name in spec.services if not known.get(name)]
    return status.refresh(unit.intervals, affecting(unit.incidents.unresolved()), unknown, spec, now, cause)


def advance_page(control: Control) -> Callable[[Unit, Page, Spec, datetime, Ids], Sequence[Event]]:
    """What takes the steps of a page that are due."""
    links = SignedLinks(control)

    def advance(unit: Unit, page: Page, spec: Spec, now: datetime, ids: Ids) -> Sequence[Event]:
        return oncall.advance_page(unit.pages, unit.outbox, spec, page, now, ids, links)

    return advance


def advance_incident(unit: Unit, incident: Incident, spec: Spec, now: datetime, ids: Ids) -> Sequence[Event]:
    """Resolve an automatic incident that has stayed quiet."""
    return incidents.advance_incident(unit.incidents, incident, now)

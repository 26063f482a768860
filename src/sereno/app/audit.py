"""Promise 1, checked: no page is lost. What is broken is mended and counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sereno.adapters.sql.unit import Unit
from sereno.alerts.model import Alert
from sereno.alerts.rules import fired, resolved
from sereno.kernel.events import AlertFired
from sereno.oncall.model import Page
from sereno.spec.model import Spec

OVERDUE = timedelta(seconds=60)
_SLACK = timedelta(minutes=5)
_WORKING_GAP = timedelta(days=7)  # longer than any night, weekend or bridge between two working moments
_PAGE_MESSAGE_WAIT = timedelta(minutes=2)
_MESSAGE_WAIT = timedelta(minutes=15)
_EVENT_WAIT = timedelta(minutes=2)
NOTE = "repaired"


@dataclass(frozen=True, slots=True)
class Audit:
    """What one look found.

    `stalled_pages` were open with nothing to move them on; `unpaged_alerts` fired without a page; `unended_pages`
    still counted alerts that had ended; `distant_moments` waited for a moment that only a clock set back explains;
    all of these were mended. `overdue` moments are past by a minute or more and in nobody's hands: the loops are
    behind, or were down.
    """

    pages: int
    alerts: int
    stalled_pages: int = 0
    unpaged_alerts: int = 0
    unended_pages: int = 0
    distant_moments: int = 0
    overdue: int = 0

    @property
    def passed(self) -> bool:
        """Whether the promise held."""
        return not any(self.repairs().values())

    def repairs(self) -> dict[str, int]:
        """What was mended, by kind."""
        return {
            "stalled_pages": self.stalled_pages,
            "unpaged_alerts": self.unpaged_alerts,
            "unended_pages": self.unended_pages,
            "distant_moments": self.distant_moments,
        }


def audit_once(unit: Unit, spec: Spec, now: datetime) -> Audit:
    """Look at every open page and every firing alert at `now`, mend what is broken, and say what it was.

    The unit must read one state (`Database.write(…, snapshot=True)`): an event that is handed out between two
    reads would look lost.
    """
    unclosed = unit.pages.unclosed()
    firing = unit.alerts.firing()
    overdue = unit.pages.overdue(now - OVERDUE) + unit.outbox.overdue(now - OVERDUE, now)
    return Audit(
        pages=len(unclosed),
        alerts=len(firing),
        overdue=overdue + unit.ledger.overdue(now - OVERDUE),
        stalled_pages=_mend_pages(unit, unclosed, now),
        unpaged_alerts=_mend_alerts(unit, spec, unclosed, firing, now),
        unended_pages=_mend_endings(unit, unclosed, now),
        distant_moments=_mend_moments(unit, unclosed, now),
    )


def _mend_pages(unit: Unit, unclosed: Iterable[Page], now: datetime) -> int:
    """Open pages that no moment, no message and no event would ever move are due now."""
    stalled = [page for page in unclosed if page.state == "open" and page.due_at is None]
    if not stalled:
        return 0
    awaited = unit.outbox.pending_pages() | {getattr(entry.event, "page", None) for entry in unit.ledger.unheard()}
    return sum(_due_now(unit, page, now) for page in stalled if page.id not in awaited)


def _mend_alerts(unit: Unit, spec: Spec, unclosed: Iterable[Page], firing: Iterable[Alert], now: datetime) -> int:
    """Firing alerts that should page and that no page knows to fire are announced again."""
    held = {fingerprint for page in unclosed for fingerprint in page.firing}
    missing = [alert for alert in firing if alert.fingerprint not in held and _pages(spec, alert)]
    if not missing:
        return 0
    announced = {e.event.fingerprint for e in unit.ledger.unheard(AlertFired) if isinstance(e.event, AlertFired)}
    lost = [a for a in missing if a.fingerprint not in announced and not _put_aside(unit, spec, a)]
    unit.ledger.add([_announcement(alert, now) for alert in lost])
    return len(lost)


def _mend_endings(unit: Unit, unclosed: Iterable[Page], now: datetime) -> int:
    """Alerts that ended without their page hearing of it are announced as ended again. Unknown alerts are left."""
    found = ((fingerprint, unit.alerts.find(fingerprint)) for page in unclosed for fingerprint in page.firing)
    over = [alert for _, alert in found if alert is not None and alert.state == "resolved"]
    if not over:
        return 0
    announced = {getattr(entry.event, "fingerprint", None) for entry in unit.ledger.unheard()}
    lost = [alert for alert in over if alert.fingerprint not in announced]
    unit.ledger.add([resolved(alert, now) for alert in lost])
    return len(lost)


def _mend_moments(unit: Unit, unclosed: Iterable[Page], now: datetime) -> int:
    """Moments farther away than any that we name were named before the clock was set back."""
    distant = (page for page in unclosed if page.state == "open" and page.due_at and page.due_at > now + horizon(page))
    mended = sum(_due_now(unit, page, now) for page in distant)
    mended += unit.outbox.hasten(now + _PAGE_MESSAGE_WAIT, now, pages=True)
    mended += unit.outbox.hasten(now + _MESSAGE_WAIT, now, pages=False)
    return mended + unit.ledger.hasten(now + _EVENT_WAIT, now)


def horizon(page: Page) -> timedelta:
    """The longest that this page may rightly wait for its next step."""
    policy = page.policy
    longest = max((step.after for step in policy.steps), default=timedelta(0)) + policy.repeat_every + _SLACK
    return longest + _WORKING_GAP if policy.working_zone else longest


def _due_now(unit: Unit, page: Page, now: datetime) -> bool:
    # The rules count a round's steps from round_at: it may not lie ahead either, or the next moment would again.
    mended = replace(page, due_at=now, round_at=min(page.round_at, now), version=page.version + 1)
    return unit.pages.save(mended, seen=page.version)


def _pages(spec: Spec, alert: Alert) -> bool:
    """Whether alerts of that severity page anybody; of an unknown severity they do."""
    severity = spec.severities.find(alert.severity)
    return severity is None or severity.page != "never"


def _put_aside(unit: Unit, spec: Spec, alert: Alert) -> bool:
    """Whether a person closed the page of this very firing."""
    severity = spec.severities.find(alert.severity)
    last = unit.pages.last_in(alert.service, severity.name if severity else alert.severity)
    if last is None or last.closed_at is None or alert.fingerprint not in last.alerts:
        return False
    return last.closed_reason != "resolved" and last.closed_at >= (alert.fired_at or alert.active_at)


def _announcement(alert: Alert, now: datetime) -> AlertFired:
    note = {NOTE: "the auditor found this alert firing without a page"}
    return replace(fired(alert, now), annotations={**alert.annotations, **note})

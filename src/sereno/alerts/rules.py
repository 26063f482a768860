"""What an evaluation changes: Prometheus's alerting-rule state machine, as a decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sereno.alerts.model import Alert, Evaluation, Found
from sereno.alerts.texts import REGEXES
from sereno.kernel.events import AlertFired, AlertResolved, Event
from sereno.kernel.inert import inert, without_nul
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.kernel.template import TemplateContext, expand


@dataclass(frozen=True, slots=True)
class Changes:
    """What to store, what to forget and what happened.

    `unknown` says why nothing can be told about the rule now; then nothing changed. Unknown is not fine.
    """

    save: tuple[Alert, ...] = ()
    drop: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    unknown: str | None = None


def final_labels(rule: Rule, series: Labels, value: float) -> Labels:
    """The labels of the alert for one series: the series' own, then the rule's, then what the alert is.

    A NUL in them becomes U+FFFD: one target's odd label must not keep a whole round from being stored.
    """
    if any("\0" in text for pair in series.pairs for text in pair):
        series = Labels((without_nul(name), without_nul(text)) for name, text in series.pairs)
    own = {name: without_nul(expand(text, series, value, _texts(rule))) for name, text in rule.labels.items()}
    return (
        series.without("__name__")
        .merged(own)
        .with_(alertname=rule.name, service=rule.service, severity=rule.severity)
    )  # fmt: skip


def advance(rule: Rule, active: Sequence[Alert], evaluation: Evaluation) -> Changes:
    """The next states of `rule`'s alerts, given those pending or firing and what was found at `evaluation.at`.

    An evaluation that failed, or two series that end with equal labels, change nothing and are reported in
    `unknown`. After prometheus 2.42, rules/alerting.go, `Eval`.
    """
    if evaluation.error is not None:
        return Changes(unknown=evaluation.error)
    found: dict[str, Alert] = {}
    seen = evaluation.found
    if seen is None:
        seen = tuple(_found(rule, series, value) for series, value in evaluation.series)
    for one in seen:
        alert = _begin(rule, one, evaluation.at)
        if alert.fingerprint in found:
            return Changes(unknown=f"two series have the same labels {alert.labels!r} once the rule's are put on")
        found[alert.fingerprint] = alert
    known = {alert.fingerprint: alert for alert in active}
    after = [_present(known.get(key), alert, rule) for key, alert in found.items()]
    after += [_absent(alert, rule, evaluation.at) for key, alert in known.items() if key not in found]
    return _changes(known, after, evaluation.at)


def remove(active: Iterable[Alert], now: datetime) -> Changes:
    """The end of alerts whose rule is no longer declared: those that fire resolve, those pending are forgotten."""
    alerts = tuple(active)
    gone = tuple(replace(a, state="resolved", resolved_at=now) for a in alerts if a.state == "firing")
    return Changes(
        save=gone,
        drop=tuple(a.fingerprint for a in alerts if a.state == "pending"),
        events=tuple(resolved(alert, now, "rule_removed") for alert in gone),
    )


def _texts(rule: Rule) -> TemplateContext:
    return TemplateContext(name=rule.name, regexes=REGEXES)


def _found(rule: Rule, series: Labels, value: float) -> Found:
    texts = {name: expand(text, series, value, _texts(rule)) for name, text in rule.annotations.items()}
    return Found(final_labels(rule, series, value), Labels(texts), value, rule.service, rule.severity)


def _begin(rule: Rule, found: Found, at: datetime) -> Alert:
    labels = found.labels
    texts = {name: inert(text) for name, text in found.annotations.items()}
    return Alert(
        fingerprint=labels.fingerprint, rule=rule.key, alert=rule.name, service=found.service,
        severity=found.severity, state="pending", labels=labels, annotations=Labels(texts), value=found.value,
        active_at=at, last_true_at=at, evaluated_at=at,
    )  # fmt: skip


def _present(known: Alert | None, seen: Alert, rule: Rule) -> Alert:
    """The alert after a look that found it: as it was, with today's value, and firing once `for` has passed."""
    at, alert = seen.evaluated_at, seen
    if known is not None:
        alert = replace(
            seen, state=known.state, active_at=known.active_at, fired_at=known.fired_at,
        )  # fmt: skip
    if alert.state != "pending":
        return alert
    # A clock that was ahead and has been put right must neither fire the alert early nor hold it back for long.
    alert = replace(alert, active_at=min(alert.active_at, at))
    return replace(alert, state="firing", fired_at=at) if at - alert.active_at >= rule.for_ else alert


def _absent(alert: Alert, rule: Rule, at: datetime) -> Alert:
    """The alert after a look that did not find it: kept firing for a while if the rule asks so, else resolved."""
    since = min(alert.absent_since or at, at)
    if alert.state == "firing" and at - since < rule.keep_firing_for:
        return replace(alert, absent_since=since, evaluated_at=at)
    return replace(alert, state="resolved", resolved_at=at, absent_since=since, evaluated_at=at)


def _changes(known: dict[str, Alert], after: Sequence[Alert], at: datetime) -> Changes:
    save: list[Alert] = []
    drop: list[str] = []
    events: list[Event] = []
    for alert in after:
        before = known.get(alert.fingerprint)
        was_firing = before is not None and before.state == "firing"
        if alert.state == "resolved" and not was_firing:
            drop.append(alert.fingerprint)
            continue
        save.append(alert)
        if alert.state == "firing" and not was_firing:
            events.append(fired(alert, at))
        elif alert.state == "resolved":
            events.append(resolved(alert, at, "cleared"))
    return Changes(tuple(save), tuple(drop), tuple(events))


def fired(alert: Alert, at: datetime) -> AlertFired:
    """What is told when `alert` begins to fire, at `at`."""
    return AlertFired(
        at=at, fingerprint=alert.fingerprint, alert=alert.alert, service=alert.service, severity=alert.severity,
        labels=dict(alert.labels), annotations=dict(alert.annotations), value=alert.value, active_at=alert.active_at,
    )  # fmt: skip


def resolved(alert: Alert, at: datetime, reason: str = "cleared") -> AlertResolved:
    """What is told when `alert` stops, at `at`; see `AlertResolved` for the reasons."""
    return AlertResolved(
        at=at, fingerprint=alert.fingerprint, alert=alert.alert, service=alert.service, severity=alert.severity,
        labels=dict(alert.labels), reason=reason,
    )  # fmt: skip

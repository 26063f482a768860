"""What becomes of alerts that were pending when nobody looked for a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sereno.alerts.model import Alert, Evaluation, Found

OUTAGE_TOLERANCE = timedelta(hours=1)
GRACE = timedelta(minutes=10)


def restored(
    alert: Alert, for_: timedelta, now: datetime, *, tolerance: timedelta = OUTAGE_TOLERANCE, grace: timedelta = GRACE
) -> Alert:
    """`alert` as it goes on at `now`, after a time in which its rule was not evaluated.

    What fires goes on firing. What was pending does not count the outage towards `for`, and is given at least
    `grace` before it fires; with a `for` shorter than that, or after more than `tolerance`, it begins anew. After
    Prometheus's rules/group.go, RestoreForState (`--rules.alert.for-outage-tolerance`, `for-grace-period`).
    """
    if alert.state != "pending":
        return alert
    down = now - alert.evaluated_at
    if for_ < grace or down > tolerance:
        return replace(alert, active_at=now)
    left = for_ - (alert.evaluated_at - alert.active_at)
    if left <= timedelta(0):
        return alert
    return replace(alert, active_at=now + grace - for_ if left < grace else alert.active_at + down)


def suffered(alerts: Iterable[Alert], interval: timedelta, now: datetime) -> tuple[Alert, ...]:
    """Those of `alerts` that nobody looked at for more than two intervals."""
    return tuple(alert for alert in alerts if now - alert.evaluated_at > 2 * interval)


def kept_firing(
    evaluations: Sequence[Evaluation], before: Mapping[str, Alert]
) -> tuple[Evaluation, ...]:  # fmt: skip
    """The evaluations, with those of `before` (by fingerprint) that fired and are not found put back in.

    Right after an outage there may not yet be the samples by which one could know that an alert is over.
    """
    return tuple(
        replace(one, found=(*one.found, *_missing(one, before))) if one.found is not None else one
        for one in evaluations
    )  # fmt: skip


def _missing(evaluation: Evaluation, before: Mapping[str, Alert]) -> Iterator[Found]:
    there = {one.labels.fingerprint for one in evaluation.found or ()}
    for alert in before.values():
        if alert.rule == evaluation.rule and alert.state == "firing" and alert.fingerprint not in there:
            yield Found(alert.labels, alert.annotations, alert.value, alert.service, alert.severity)


def continued(
    alerts: Iterable[Alert], before: Mapping[str, Alert], for_: Mapping[str, timedelta], now: datetime
) -> tuple[Alert, ...]:
    """Those of `alerts` that are pending now and were before the outage, pending since when they would have been."""
    found = []
    for alert in alerts:
        known = before.get(alert.fingerprint)
        if alert.state == "pending" and known is not None and known.state == "pending" and alert.rule in for_:
            found.append(replace(alert, active_at=restored(known, for_[alert.rule], now).active_at))
    return tuple(found)

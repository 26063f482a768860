"""What a replay would have said to the rest of the house, in the order in which it would have been written."""

from __future__ import annotations

from collections.abc import Sequence

from sereno.alerts.replay import Firing, Replayed
from sereno.insight.model import Fired, Waited
from sereno.kernel.events import AlertFired, AlertResolved
from sereno.kernel.moment import from_ms
from sereno.spec.rule_groups import GroupRule, RuleGroup


def events_of(replayed: Replayed, groups: Sequence[RuleGroup]) -> list[AlertFired | AlertResolved]:
    """The events of `replayed`.

    Of one evaluation the rules come in the order of `groups`, and of one rule what fires before what ends, as the
    control plane's round writes them.
    """
    ranks: dict[tuple[str, GroupRule], int] = {}
    for group in groups:
        for rule in group.rules:
            for name in (group.key, group.name):
                ranks.setdefault((name, rule), len(ranks))
    found: list[tuple[tuple[int, int, int, int], AlertFired | AlertResolved]] = []
    for number, firing in enumerate(replayed.firings):
        if firing.fired_at_ms is None:
            continue
        rank = ranks.get((firing.group, firing.rule), len(ranks))
        found.append(((firing.fired_at_ms, rank, 0, number), _began(firing, firing.fired_at_ms)))
        if firing.resolved_at_ms is not None:
            found.append(((firing.resolved_at_ms, rank, 1, number), _ended(firing, firing.resolved_at_ms)))
    return [event for _, event in sorted(found, key=lambda one: one[0])]


def fired_of(replayed: Replayed) -> tuple[Fired, ...]:
    """The alerts that fired, by the moment at which they did; not yet judged."""
    found = [
        Fired(
            alert=one.rule.name, group=one.group, service=one.labels.get("service", ""),
            severity=one.labels.get("severity", ""), labels=one.labels, value=one.value, active_ms=one.active_at_ms,
            fired_ms=one.fired_at_ms, resolved_ms=one.resolved_at_ms,
        )
        for one in replayed.firings
        if one.fired_at_ms is not None
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.fired_ms, one.alert, one.labels.pairs)))


def waited_of(replayed: Replayed) -> tuple[Waited, ...]:
    """The alerts that were pending and never fired."""
    return tuple(
        Waited(one.rule.name, one.labels.get("service", ""), one.active_at_ms, one.resolved_at_ms, one.rule.for_)
        for one in replayed.firings
        if one.fired_at_ms is None
    )


def _began(firing: Firing, at_ms: int) -> AlertFired:
    return AlertFired(
        at=from_ms(at_ms), fingerprint=firing.labels.fingerprint, alert=firing.rule.name,
        service=firing.labels.get("service", ""), severity=firing.labels.get("severity", ""),
        labels=dict(firing.labels), annotations=dict(firing.annotations), value=firing.value,
        active_at=from_ms(firing.active_at_ms),
    )  # fmt: skip


def _ended(firing: Firing, at_ms: int) -> AlertResolved:
    return AlertResolved(
        at=from_ms(at_ms), fingerprint=firing.labels.fingerprint, alert=firing.rule.name,
        service=firing.labels.get("service", ""), severity=firing.labels.get("severity", ""),
        labels=dict(firing.labels),
    )  # fmt: skip

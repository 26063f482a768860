"""Read the alerts, decide, write them: one transaction for a round of evaluations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sereno.alerts.model import Alert, Evaluation
from sereno.alerts.ports import Alerts
from sereno.alerts.rules import Changes, advance, remove
from sereno.kernel.events import Event
from sereno.kernel.rule import Rule


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a round of evaluations came to. `unknown` says, by the rule's key, why nothing can be told of it."""

    events: tuple[Event, ...] = ()
    unknown: dict[str, str] = field(default_factory=dict)


def record(alerts: Alerts, rules: Mapping[str, Rule], evaluations: Sequence[Evaluation], now: datetime) -> list[Event]:
    """Store what the evaluations found and return what happened; see `record_round`."""
    return list(record_round(alerts, rules, evaluations, now).events)


def record_round(
    alerts: Alerts, rules: Mapping[str, Rule], evaluations: Sequence[Evaluation], now: datetime,
    *, mine: Callable[[str], bool] | None = None,
) -> Recorded:  # fmt: skip
    """Store what the evaluations found, and resolve the alerts of rules that are gone.

    `rules` are all the rules declared now, by their key; `evaluations` any of them, in any order; `now` is the
    instant at which alerts of removed rules resolve. `mine` says which keys this round answers for (None: all): a
    rule of others that is not among `rules` is not gone. Call it inside a transaction with the events it returns.
    """
    by_rule: dict[str, list[Alert]] = {}
    owners: dict[str, str] = {}
    for alert in alerts.active():
        by_rule.setdefault(alert.rule, []).append(alert)
        owners[alert.fingerprint] = alert.rule
    gone_keys = [key for key in by_rule if key not in rules and (mine is None or mine(key))]
    rounds = [remove(by_rule.pop(key), now) for key in gone_keys]
    for changes in rounds:
        for gone in (*(a.fingerprint for a in changes.save), *changes.drop):
            del owners[gone]
    unknown: dict[str, str] = {}
    for evaluation in sorted(evaluations, key=lambda e: e.at):
        rule = rules.get(evaluation.rule)
        if rule is None:
            continue
        changes = advance(rule, by_rule.get(rule.key, ()), evaluation)
        changes = _alone(changes, rule, owners)
        if changes.unknown is not None:
            unknown[rule.key] = changes.unknown
            continue
        by_rule[rule.key] = [alert for alert in changes.save if alert.state != "resolved"]
        owners.update({alert.fingerprint: rule.key for alert in changes.save})
        for fingerprint in (*changes.drop, *(a.fingerprint for a in changes.save if a.state == "resolved")):
            owners.pop(fingerprint, None)
        rounds.append(changes)
    _store(alerts, rounds)
    return Recorded(tuple(event for changes in rounds for event in changes.events), unknown)


def _alone(changes: Changes, rule: Rule, owners: Mapping[str, str]) -> Changes:
    """`changes`, or unknown if an alert of theirs is another rule's already: they would overwrite each other."""
    for alert in changes.save:
        owner = owners.get(alert.fingerprint, rule.key)
        if owner != rule.key:
            return Changes(unknown=f"rule {owner} already has an alert with the labels {alert.labels!r}")
    return changes


def _store(alerts: Alerts, rounds: Sequence[Changes]) -> None:
    """Write the last word on each alert: it may have changed more than once in the round."""
    last: dict[str, Alert | None] = {}
    for changes in rounds:
        last.update({alert.fingerprint: alert for alert in changes.save})
        last.update(dict.fromkeys(changes.drop))
    dropped = [fingerprint for fingerprint, alert in last.items() if alert is None]
    if dropped:
        alerts.drop(dropped)
    kept = [alert for alert in last.values() if alert is not None]
    if kept:
        alerts.save(kept)

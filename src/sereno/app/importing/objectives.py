"""Burn-rate alerts of others gathered into objectives: those of one ratio and one budget are one promise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from sereno.app.importing.burns import Pair, Ratio, Records, tiers_in
from sereno.app.importing.documents import Document
from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.labels import Labels
from sereno.kernel.severity import Severities
from sereno.promql.ast import Call, Number, bare
from sereno.spec.rule_groups import GroupRule
from sereno.spec.values import is_url

_USUAL = {(3600, 300, Decimal("14.4")), (21600, 1800, Decimal(6)), (86400, 7200, Decimal(3))}
_MARKS = ("sloth_id", "sloth_service", "sloth_slo", "sloth_severity", "sloth_window", "severity", "service", "team",
          "slo", "long", "short", "exhaustion", "long_window", "short_window")  # fmt: skip
_PERIOD = re.compile(r"increase(\d+[smhdwy](?:\d+[smhdwy])*)$")


@dataclass(slots=True)
class Promised:
    """One objective, and the alerts that it stands for."""

    service: str
    team: str
    ratio: Ratio
    budget: Decimal
    names: list[str]
    alerts: list[tuple[GroupRule, tuple[Pair, ...]]] = field(default_factory=list)


def promises(
    rules: list[tuple[str, GroupRule]], records: Records, owners: Mapping[int, tuple[str, str]]
) -> tuple[Promised, ...]:
    """The objectives that burn-rate alerts among `rules` come to.

    Args:
        rules: the alerts, each with its file.
        records: the recording rules by name.
        owners: service and team of each rule, by its place in `rules`.
    """
    found: dict[tuple[str, Ratio, Decimal, str], Promised] = {}
    for number, (_, rule) in enumerate(rules):
        pairs = tiers_in(rule.expr, records) if rule.kind == "alert" else None
        if not pairs or rule.keep_firing_for:
            continue
        service, team = owners[number]
        service = rule.labels.get("sloth_service") or _mark(rule, "sloth_service") or service
        mark = _mark(rule, "sloth_slo") or rule.labels.get("slo", "") or _mark(rule, "slo")
        key = (service, pairs[0].ratio, pairs[0].budget, mark)
        promised = found.setdefault(key, Promised(service, team, *key[1:3], [mark] if mark else []))
        promised.alerts.append((rule, pairs))
        promised.names.append(rule.name)
    return tuple(promised for promised in found.values() if _sound(promised))


def _sound(promised: Promised) -> bool:
    """Whether our tiers can say all of it: each long window once, factors above 1 somewhere."""
    pairs = [pair for _, found in promised.alerts for pair in found]
    return len({pair.long for pair in pairs}) == len(pairs) and any(pair.factor > 1 for pair in pairs)


def document(
    promised: Promised, name: str, records: Records, severities: Severities
) -> tuple[Document, list[tuple[GroupRule, str]]]:
    """The objective as the spec writes it, and what is said of each alert that it stands for."""
    rules = [rule for rule, _ in promised.alerts]
    period = _period(promised, records)
    tiers = sorted(
        ((pair, rule) for rule, pairs in promised.alerts for pair in pairs if pair.factor > 1),
        key=lambda item: item[0].long,
    )
    percent = (100 * (1 - promised.budget)).normalize()
    slo: Document = {
        "name": name,
        "objective": f"{percent:f}%",
        "window": format_duration(period or timedelta(days=30)),
    }
    sli = {"total": promised.ratio.total, promised.ratio.kind: promised.ratio.part}
    slo["sli"] = {"events": sli}
    kinds: dict[str, set[str]] = {"page": set(), "ticket": set()}
    for _, rule in tiers:
        kinds[_kind(rule, severities)].add(_severity(rule, severities))
    for kind, key in (("page", "severity"), ("ticket", "ticket")):
        if len(kinds[kind]) == 1 and (word := kinds[kind].pop()):
            slo[key] = word
    runbook = next((rule.annotations.get("runbook_url", "") for rule in rules), "")
    if is_url(runbook):
        slo["runbook"] = runbook
    shown = {(int(pair.long.total_seconds()), int(pair.short.total_seconds()), pair.factor) for pair, _ in tiers}
    if shown != _USUAL or period not in (None, timedelta(days=30)) or any(rule.for_ for rule in rules):
        slo["tiers"] = [_tier(pair, rule, severities) for pair, rule in tiers]
    labels = _common(rules)
    if labels:
        slo["labels"] = dict(labels)
    return slo, [(rule, _said(rule, pairs, period, name)) for rule, pairs in promised.alerts]


def _said(rule: GroupRule, pairs: tuple[Pair, ...], period: timedelta | None, name: str) -> str:
    said = [f"the same thresholds; Sereno names its alerts itself, one a tier, from `{name}`"]
    lost = [f"{format_duration(pair.long)}/{format_duration(pair.short)}" for pair in pairs if pair.factor <= 1]
    said += [f"the tier {', '.join(lost)} of factor 1 is left out: it fires inside the budget"] if lost else []
    said += ["its period is not known, 30d is taken"] if period is None else []
    words = [
        key for key in rule.annotations if key not in ("summary", "title", "description", "message", "runbook_url")
    ]
    said += [f"annotations left out: {', '.join(words)}"] if words else []
    return "; ".join(said)


def _tier(pair: Pair, rule: GroupRule, severities: Severities) -> Document:
    found: Document = {"long": format_duration(pair.long), "short": format_duration(pair.short)}
    found["burn"] = float(pair.factor) if pair.factor % 1 else int(pair.factor)
    if rule.for_:
        found["for"] = format_duration(rule.for_)
    if _kind(rule, severities) == "ticket":
        found["kind"] = "ticket"
    return found


def _kind(rule: GroupRule, severities: Severities) -> str:
    word = rule.labels.get("sloth_severity") or rule.labels.get("severity", "")
    known = severities.find(word)
    return "page" if (known.page == "always" if known else word != "ticket") else "ticket"


def _severity(rule: GroupRule, severities: Severities) -> str:
    known = severities.find(rule.labels.get("severity", ""))
    return known.name if known else ""


def _common(rules: list[GroupRule]) -> Labels:
    """The labels that all alerts have, but for those that Sereno sets itself."""
    shared = set.intersection(*(set(rule.labels.items()) for rule in rules))
    return Labels(sorted((key, value) for key, value in shared if key not in _MARKS and "{{" not in value))


def _mark(rule: GroupRule, label: str) -> str:
    """The value of `label` on what the alert reads, where its selectors name it."""
    found = re.search(rf'\b{label}="([^"\\]+)"', rule.expr)
    return found[1] if found else ""


def _period(promised: Promised, records: Records) -> timedelta | None:
    """Over how long the objective is promised: as Sloth and Pyrra record it."""
    rule = promised.alerts[0][0]
    identity, slo = _mark(rule, "sloth_id"), _mark(rule, "slo")
    for other, expr in records.get("slo:time_period:days", ()):
        call = bare(expr)
        if other.labels.get("sloth_id") == identity and isinstance(call, Call) and isinstance(call.args[0], Number):
            return timedelta(days=call.args[0].value)
    for name, found in records.items():
        period = _PERIOD.search(name)
        if period and slo and any(other.labels.get("slo") == slo for other, _ in found):
            return parse_duration(period[1])
    return None

"""OpenSLO's alerting: conditions, policies and whom they tell; a burn-rate condition becomes a tier.

A condition looks at one window. Ours also wants a short one (a twelfth) to burn, so that an alert ends when the trouble
does; the guide says so. Whom a target means is decided by Sereno's escalations, so targets are checked and not used.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from sereno.spec.dialects.gathered import text_of
from sereno.spec.dialects.openslo_documents import (
    OPERATORS,
    Doc,
    bounded,
    choice,
    description,
    dns_label,
    document,
    listed,
    metadata,
    span,
)
from sereno.spec.model import DeclaredTier
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node

_PAGING = ("page", "pager", "critical", "fatal", "high", "sev1", "sev2", "p1", "p2")
_SHORTEST = timedelta(minutes=2)
_LONGEST = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Condition:
    """When a policy alerts: a burn above `threshold` over `lookback`, for `after`."""

    place: Node
    severity: str
    operator: str
    threshold: Decimal
    lookback: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class PolicyParts:
    """A policy's only condition: inline, or the reference to one."""

    condition: Condition | None = None
    reference: Node | None = None


@dataclass(slots=True)
class Library:
    """What documents declare by name, for others to refer to."""

    conditions: dict[str, Condition | None] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)
    policies: dict[str, PolicyParts | None] = field(default_factory=dict)
    target_references: list[Node] = field(default_factory=list)


def alert_condition(reading: Reading, node: Mapping) -> tuple[str, Condition | None]:
    """An AlertCondition document: its name and what it says."""
    doc = document(reading, node, "an AlertCondition")
    spec = doc.need("spec", "an AlertCondition")
    meta = metadata(reading, doc.at("metadata"))
    return meta.name, condition_spec(reading, spec) if spec is not None else None


def condition_spec(reading: Reading, node: Node) -> Condition | None:
    """What a condition says, after every check."""
    doc = Doc(reading, node, "a condition", optional=("severity", "condition", "description"))
    description(reading, doc)
    severity = text_of(doc.need("severity", "a condition"))
    inner = doc.need("condition", "a condition")
    if inner is None:
        return None
    rule = Doc(
        reading,
        inner,
        "what a condition looks at",
        optional=("kind", "op", "threshold", "lookbackWindow", "alertAfter"),
    )
    kind = choice(reading, rule.need("kind", "a condition"), ("burnrate",))
    operator = choice(reading, rule.need("op", "a condition"), tuple(OPERATORS))
    threshold = bounded(reading, rule.need("threshold", "a condition"), lambda _: True, "")
    lookback = span(reading, rule.need("lookbackWindow", "a condition"))
    after = span(reading, rule.at("alertAfter"))
    if not kind or not operator or threshold is None or lookback is None:
        return None
    return Condition(inner, severity, operator, threshold, lookback.length, after.length if after else timedelta(0))


def alert_target(reading: Reading, node: Mapping) -> str:
    """An AlertNotificationTarget document: its name."""
    doc = document(reading, node, "an AlertNotificationTarget")
    spec = doc.need("spec", "an AlertNotificationTarget")
    if spec is not None:
        _target_spec(reading, spec)
    return metadata(reading, doc.at("metadata")).name


def _target_spec(reading: Reading, node: Node) -> None:
    doc = Doc(reading, node, "a target", optional=("target", "description"))
    description(reading, doc)
    doc.need("target", "a target")


def alert_policy(reading: Reading, node: Mapping, library: Library) -> tuple[str, PolicyParts | None]:
    """An AlertPolicy document: its name and its condition."""
    doc = document(reading, node, "an AlertPolicy")
    spec = doc.need("spec", "an AlertPolicy")
    meta = metadata(reading, doc.at("metadata"))
    return meta.name, policy_spec(reading, spec, library) if spec is not None else None


def policy_spec(reading: Reading, node: Node, library: Library) -> PolicyParts | None:
    """What a policy says, after every check; the targets it names are noted in `library`."""
    flags = ("alertWhenNoData", "alertWhenBreaching", "alertWhenResolved")
    doc = Doc(reading, node, "a policy", optional=("description", *flags, "conditions", "notificationTargets"))
    description(reading, doc)
    conditions = listed(reading, doc.at("conditions"), "conditions")
    if len(conditions) != 1 and isinstance(node, Mapping):
        reading.complain(
            "SER157",
            doc.key("conditions") or node,
            f"a policy has exactly one condition, not {len(conditions)}",
            expected="one condition, or a policy for each",
        )
    targets = listed(reading, doc.at("notificationTargets"), "targets")
    if not targets and isinstance(node, Mapping):
        reading.complain(
            "SER022",
            doc.key("notificationTargets") or node,
            "a policy tells nobody",
            expected="at least one in `notificationTargets`",
        )
    for target in targets:
        _policy_target(reading, target, library)
    found = [_policy_condition(reading, item) for item in conditions]
    return found[0] if found else None


def _policy_condition(reading: Reading, node: Node) -> PolicyParts | None:
    spec, reference = _either(reading, node, "conditionRef", "AlertCondition", "a policy's condition")
    if reference is not None:
        return PolicyParts(reference=reference)
    return PolicyParts(condition=condition_spec(reading, spec)) if spec is not None else None


def _policy_target(reading: Reading, node: Node, library: Library) -> None:
    spec, reference = _either(reading, node, "targetRef", "AlertNotificationTarget", "a policy's target")
    if reference is not None:
        library.target_references.append(reference)
    elif spec is not None:
        _target_spec(reading, spec)


def _either(reading: Reading, node: Node, key: str, kind: str, what: str) -> tuple[Node | None, Node | None]:
    """The inline spec, or the node of a reference that can be one."""
    doc = Doc(reading, node, what, optional=(key, "kind", "metadata", "spec", "apiVersion"))
    inline = [inner for inner in ("kind", "metadata", "spec") if doc.at(inner) is not None]
    if doc.has(key):
        if inline:
            reading.complain(
                "SER024",
                doc.key(inline[0]) or node,
                f"only one of `{key}` or `spec` can be given",
                expected=f"`{key}`, or what it would refer to",
            )
            return None, None
        reference = doc.need(key, what)
        return None, reference if reference is not None and dns_label(reading, reference) else None
    if not isinstance(node, Mapping):
        return None, None
    if not inline:
        reading.complain("SER024", node, f"`{key}` or `spec` is needed", expected=f"exactly one of `{key}` or `spec`")
        return None, None
    choice(reading, doc.need("kind", what), (kind,))
    meta = doc.need("metadata", what)
    metadata(reading, meta)
    return doc.need("spec", what), None


def slo_policy(reading: Reading, node: Node, library: Library) -> PolicyParts | Node | None:
    """One of an objective's policies: inline, or the node that refers to one."""
    spec, reference = _either(reading, node, "alertPolicyRef", "AlertPolicy", "an objective's policy")
    if reference is not None:
        return reference
    return policy_spec(reading, spec, library) if spec is not None else None


def tiers_of(reading: Reading, conditions: list[Condition]) -> tuple[DeclaredTier, ...]:
    """The tiers that conditions come to; those that cannot be one are said and left out."""
    found: dict[timedelta, DeclaredTier] = {}
    for condition in conditions:
        why = _unfit(condition, found)
        if why:
            reading.complain(
                "SER163",
                condition.place,
                f"this condition is left out: {why}",
                hint="without any, the tiers follow from the window",
            )
            continue
        short = max(timedelta(minutes=1), timedelta(minutes=condition.lookback // timedelta(minutes=12)))
        kind = "page" if pages(reading, condition.severity) else "ticket"
        found[condition.lookback] = DeclaredTier(
            "page" if kind == "page" else "ticket", condition.lookback, short, condition.threshold, condition.after
        )
    return tuple(found.values())


def pages(reading: Reading, severity: str) -> bool:
    """Whether a severity's word asks for a person at once."""
    known = reading.severities.find(severity)
    return known.page == "always" if known else severity.lower() in _PAGING


def resolved(reading: Reading, found: PolicyParts | None, conditions: Table[str, Condition | None]) -> Condition | None:
    """The condition of a policy, by reference if need be."""
    if found is None or found.reference is None:
        return found.condition if found else None
    return conditions.get(text_of(found.reference))


def _unfit(condition: Condition, found: dict[timedelta, DeclaredTier]) -> str:
    if condition.operator not in ("gt", "gte"):
        return f"`{condition.operator}` would alert while the budget is hardly spent"
    if condition.threshold <= 1:
        return "a burn of 1 or less is inside the budget"
    if not _SHORTEST <= condition.lookback <= _LONGEST:
        return "its window is not within 2m and 90d"
    return "another condition looks at the same window" if condition.lookback in found else ""

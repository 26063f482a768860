"""OpenSLO's documents together: what each declares, what refers to what, and the objectives that come of it."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from sereno.spec import values
from sereno.spec.dialects import openslo_alpha
from sereno.spec.dialects.gathered import (
    Described,
    Gathered,
    absent,
    inside,
    severities_of,
    text_of,
)
from sereno.spec.dialects.openslo_builder import Builder, Goal
from sereno.spec.dialects.openslo_documents import (
    DNS_LABEL,
    OPERATORS,
    Doc,
    Meta,
    bounded,
    choice,
    data_source,
    description,
    dns_label,
    document,
    kind_of,
    listed,
    metadata,
    service,
    sli,
    sli_spec,
    span,
)
from sereno.spec.dialects.openslo_policies import (
    Condition,
    Library,
    PolicyParts,
    alert_condition,
    alert_policy,
    alert_target,
    pages,
    resolved,
    slo_policy,
    tiers_of,
)
from sereno.spec.dialects.openslo_sli import Sources
from sereno.spec.dialects.openslo_windows import window_of
from sereno.spec.model import Calendar, CompositeSli, Method, Objective, Slo
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node

METHODS: dict[str, Method] = {
    "Occurrences": "occurrences",
    "Timeslices": "timeslices",
    "RatioTimeslices": "ratio_timeslices",
}


@dataclass(slots=True)
class _Workspace:
    """What all OpenSLO documents of a workspace declare."""

    library: Library = field(default_factory=Library)
    slis: dict[str, Node | None] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    slos: list[tuple[Meta, Doc]] = field(default_factory=list)


def read(reading: Reading, nodes: Many[Mapping], gathered: Gathered) -> None:
    """Add what OpenSLO documents say to `gathered`; references may point to any of them."""
    known = _Workspace()
    for node in nodes:
        found = kind_of(reading, node)
        if found is not None:
            _enter(reading, node, found, known, gathered)
    _check_references(reading, known.library)
    for meta, doc in known.slos:
        _slo(reading, meta, doc, known, gathered)
    for reference in known.library.target_references:
        _check(reading, reference, known.library.targets, "AlertNotificationTarget")


def _enter(reading: Reading, node: Mapping, found: tuple[str, str], known: _Workspace, gathered: Gathered) -> None:
    version, kind = found
    if kind == "Service":
        meta, told = service(reading, node, alpha=version == "v1alpha")
        if any(other.name == meta.name for other in gathered.services):
            reading.complain("SER165", node, f"the Service `{meta.name}` stands here again; the first one counts")
        elif meta.name:
            gathered.services.append(Described(meta.name, node, meta.title, told, meta.team))
    elif version == "v1alpha":
        openslo_alpha.read(reading, node, gathered)
    elif kind == "SLO":
        doc = document(reading, node, "an SLO")
        doc.need("spec", "an SLO")
        known.slos.append((metadata(reading, doc.at("metadata")), doc))
    elif kind == "SLI":
        meta, spec = sli(reading, node)
        known.slis.setdefault(meta.name, spec)
    elif kind == "DataSource":
        meta, type_ = data_source(reading, node)
        known.sources.types.setdefault(meta.name, type_)
    elif kind == "AlertCondition":
        known.library.conditions.setdefault(*alert_condition(reading, node))
    elif kind == "AlertNotificationTarget":
        known.library.targets.add(alert_target(reading, node))
    else:
        known.library.policies.setdefault(*alert_policy(reading, node, known.library))


def _check_references(reading: Reading, library: Library) -> None:
    for policy in library.policies.values():
        if policy is not None and policy.reference is not None:
            _check(reading, policy.reference, library.conditions, "AlertCondition")


def _check(reading: Reading, node: Node, known: Collection[str], kind: str) -> bool:
    """Whether something has the name in `node`; reported otherwise."""
    name = text_of(node)
    if name in known:
        return True
    if not reading.partial:
        reading.complain(
            "SER151",
            node,
            f"there is no {kind} `{name}` in this folder",
            expected=f"a document of `kind: {kind}` with that name",
            hint=reading.closest(name, sorted(known)),
        )
    return False


def _slo(reading: Reading, meta: Meta, doc: Doc, known: _Workspace, gathered: Gathered) -> None:
    node = doc.at("spec")
    if node is None:
        return
    spec = Doc(
        reading,
        node,
        "an SLO's spec",
        optional=(
            "description",
            "service",
            "indicator",
            "indicatorRef",
            "budgetingMethod",
            "timeWindow",
            "objectives",
            "alertPolicies",
        ),
    )
    told = description(reading, spec)
    served = spec.need("service", "an SLO")
    method = METHODS.get(choice(reading, spec.need("budgetingMethod", "an SLO"), tuple(METHODS)))
    window = window_of(reading, spec)
    goals = [_goal(reading, item, method) for item in listed(reading, spec.at("objectives"), "objectives")]
    if not goals and isinstance(node, Mapping):
        reading.complain("SER022", spec.key("objectives") or node, "an SLO needs `objectives`", expected="at least one")
    conditions = _conditions(reading, spec, known.library)
    own = _indicator_node(reading, spec, known)
    composite = any(_has_own(goal) for goal in goals)
    stated = spec.at("indicator") or spec.at("indicatorRef")
    if composite and stated is not None:
        reading.complain(
            "SER024",
            spec.key("indicator") or spec.key("indicatorRef") or node,
            "an indicator stands here and in the objectives",
            expected="one of the two places",
        )
    elif not composite and stated is None and goals:
        reading.complain(
            "SER024",
            node,
            "there is no indicator",
            expected="`indicator` or `indicatorRef`, here or (of a composite) in each of the objectives",
        )
    named = values.name(reading, served) if served is not None else None
    if method is None or not meta.name or not named or not DNS_LABEL.fullmatch(meta.name):
        return
    base = _base(reading, meta, doc.node, told, method, window, conditions)
    builder = Builder(reading, known.sources, named, meta, base)
    if composite:
        gathered.promises += builder.composite([(goal, _resolve(reading, goal, known)) for goal in goals])
    elif own is not None:
        gathered.promises += builder.several(goals, own)


def _resolve(reading: Reading, goal: Goal, known: _Workspace) -> Node | None:
    node = goal.indicator
    if node is None and _has_own(goal):
        return None
    if node is None:
        reading.complain(
            "SER024",
            goal.place,
            "this objective has no indicator, and others of this SLO have",
            expected="`indicator` or `indicatorRef`",
        )
        return None
    if isinstance(node, Mapping):
        return node
    return known.slis.get(text_of(node)) if _check(reading, node, known.slis, "SLI") else None


def _has_own(goal: Goal) -> bool:
    """Whether an objective says what it measures, rightly or wrongly."""
    return not (absent(inside(goal.place, "indicator")) and absent(inside(goal.place, "indicatorRef")))


def _indicator_node(reading: Reading, doc: Doc, known: _Workspace) -> Node | None:
    """The spec of the indicator, inline or by reference."""
    found = _indicator(reading, doc)
    if found is None or isinstance(found, Mapping):
        return found
    return known.slis.get(text_of(found)) if _check(reading, found, known.slis, "SLI") else None


def _indicator(reading: Reading, doc: Doc) -> Node | None:
    """The inline spec after every check, or the reference."""
    kind = doc.one("indicator", "indicatorRef", needed=False)
    if kind == "indicatorRef":
        reference = doc.at("indicatorRef")
        return reference if reference is not None and dns_label(reading, reference) else None
    node = doc.at("indicator") if kind else None
    if node is None:
        return None
    inner = Doc(reading, node, "an inline indicator", optional=("metadata", "spec"))
    metadata(reading, inner.need("metadata", "an inline indicator"))
    spec = inner.need("spec", "an inline indicator")
    return spec if spec is not None and sli_spec(reading, spec) else None


def _goal(reading: Reading, node: Node, method: Method | None) -> Goal:
    doc = Doc(
        reading,
        node,
        "an objective",
        optional=(
            "displayName",
            "op",
            "value",
            "target",
            "targetPercent",
            "timeSliceTarget",
            "timeSliceWindow",
            "indicator",
            "indicatorRef",
            "compositeWeight",
        ),
    )
    kind = doc.one("target", "targetPercent")
    target = None
    if kind == "target":
        target = bounded(reading, doc.at("target"), lambda x: 0 <= x < 1, "from 0 to below 1, such as 0.999")
    elif kind == "targetPercent":
        percent = bounded(reading, doc.at("targetPercent"), lambda x: 0 <= x < 100, "from 0 to below 100, such as 99.9")
        target = percent.scaleb(-2) if percent is not None else None
    slice_target = doc.at("timeSliceTarget")
    if method == "timeslices":
        slice_target = doc.need("timeSliceTarget", "an objective in slices")
    slice_window = doc.at("timeSliceWindow")
    if method in ("timeslices", "ratio_timeslices"):
        slice_window = doc.need("timeSliceWindow", "an objective in slices")
    weight = bounded(reading, doc.at("compositeWeight"), lambda x: x > 0, "above 0") if doc.at("compositeWeight") else 1
    return Goal(
        place=node,
        title=text_of(doc.at("displayName")).strip(),
        target=target,
        operator=choice(reading, doc.at("op"), tuple(OPERATORS)),
        value=bounded(reading, doc.at("value"), lambda _: True, ""),
        slice_target=bounded(reading, slice_target, lambda x: 0 < x <= 1, "above 0, at most 1"),
        slice_window=span(reading, slice_window),
        indicator=_indicator(reading, doc),
        weight=Decimal(weight or 1),
    )


def _conditions(reading: Reading, doc: Doc, library: Library) -> list[Condition]:
    found: list[Condition | None] = []
    for item in listed(reading, doc.at("alertPolicies"), "policies"):
        policy = slo_policy(reading, item, library)
        if isinstance(policy, PolicyParts):
            if policy.reference is not None and not _check(
                reading, policy.reference, library.conditions, "AlertCondition"
            ):
                continue
            found.append(resolved(reading, policy, library.conditions))
        elif policy is not None and _check(reading, policy, library.policies, "AlertPolicy"):
            found.append(resolved(reading, library.policies[text_of(policy)], library.conditions))
    return [condition for condition in found if condition is not None]


def _base(
    reading: Reading,
    meta: Meta,
    node: Node,
    told: str,
    method: Method,
    window: tuple[timedelta, Calendar | None],
    conditions: list[Condition],
) -> Slo:
    """What all objectives of one SLO have in common."""
    page, ticket = severities_of(reading)
    for condition in conditions:
        known = reading.severities.find(condition.severity)
        if known is not None and pages(reading, condition.severity):
            page = known.name
        elif known is not None:
            ticket = known.name
    return Slo(
        name=meta.name,
        objective=Objective("50%", Decimal("0.5")),
        window=window[0],
        calendar=window[1],
        method=method,
        sli=CompositeSli("weighted", ()),
        title=meta.title,
        description=told,
        page_severity=page,
        ticket_severity=ticket,
        source=reading.source(node),
        tiers=tiers_of(reading, conditions),
    )

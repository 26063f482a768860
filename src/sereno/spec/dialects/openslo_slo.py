"""OpenSLO's objectives, by reference or inline, as ours; each of several objectives becomes one of its own.

A composite's burn is the sum of its parts' burns times their weights. Ours weighs errors and has one target, so a part
weighs wᵢ/bᵢ (bᵢ its budget) and the budget of the whole is 1 / Σ(wᵢ/bᵢ): the same burn, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Literal

from sereno.spec import values
from sereno.spec.dialects import openslo_alpha
from sereno.spec.dialects.gathered import (
    Described,
    Gathered,
    Promise,
    absent,
    inside,
    objective_of,
    severities_of,
    slug,
    text_of,
)
from sereno.spec.dialects.openslo_documents import (
    OPERATORS,
    Doc,
    Meta,
    Span,
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
from sereno.spec.dialects.openslo_sli import Sources, indicator
from sereno.spec.model import Calendar, CompositeSli, Method, Objective, Part, Sli, Slo
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Mapping, Node, Sequence

METHODS: dict[str, Method] = {
    "Occurrences": "occurrences", "Timeslices": "timeslices", "RatioTimeslices": "ratio_timeslices",
}  # fmt: skip
DEFAULT_WINDOW = timedelta(days=30)
Unit = Literal["day", "week", "month", "quarter", "year"]
_UNITS: dict[tuple[int, str], Unit] = {
    (1, "d"): "day", (1, "w"): "week", (7, "d"): "week", (1, "M"): "month", (1, "m"): "month", (1, "Q"): "quarter",
    (3, "M"): "quarter", (1, "Y"): "year", (12, "M"): "year", (4, "Q"): "year",
}  # fmt: skip
_NOMINAL = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


@dataclass(slots=True)
class _Workspace:
    """What all OpenSLO documents of a workspace declare."""

    library: Library = field(default_factory=Library)
    slis: dict[str, Node | None] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    slos: list[tuple[Meta, Doc]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Goal:
    """One of an SLO's objectives: `indicator` is its own (in a composite), a spec or a reference."""

    place: Node
    title: str
    target: Decimal | None
    operator: str
    value: Decimal | None
    slice_target: Decimal | None
    slice_window: Span | None
    indicator: Node | None
    weight: Decimal


def read(reading: Reading, documents: Many[Mapping], gathered: Gathered) -> None:
    """Add what OpenSLO `documents` say to `gathered`; references may point to any of them."""
    known = _Workspace()
    for node in documents:
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


def _check(reading: Reading, node: Node, known: object, kind: str) -> bool:
    """Whether something has the name in `node`; reported otherwise."""
    assert hasattr(known, "__contains__") and hasattr(known, "__iter__")
    name = text_of(node)
    if name in known:
        return True
    if not reading.partial:
        reading.complain("SER151", node, f"there is no {kind} `{name}` in this folder",
                         expected=f"a document of `kind: {kind}` with that name",
                         hint=closest(name, sorted(known)))  # fmt: skip
    return False


def _slo(reading: Reading, meta: Meta, doc: Doc, known: _Workspace, gathered: Gathered) -> None:
    node = doc.at("spec")
    if node is None:
        return
    spec = Doc(reading, node, "an SLO's spec", optional=(
        "description", "service", "indicator", "indicatorRef", "budgetingMethod", "timeWindow", "objectives",
        "alertPolicies"))  # fmt: skip
    told = description(reading, spec)
    served = spec.need("service", "an SLO")
    method = METHODS.get(choice(reading, spec.need("budgetingMethod", "an SLO"), tuple(METHODS)))
    window = _window(reading, spec)
    goals = [_goal(reading, item, method) for item in listed(reading, spec.at("objectives"), "objectives")]
    if not goals and isinstance(node, Mapping):
        reading.complain("SER022", spec.key("objectives") or node, "an SLO needs `objectives`", expected="at least one")
    conditions = _conditions(reading, spec, known.library)
    own = _indicator_node(reading, spec, known)
    composite = any(goal.indicator is not None for goal in goals)
    if composite and own is not None:
        reading.complain("SER024", spec.key("indicator") or spec.key("indicatorRef") or node,
                         "an indicator stands here and in the objectives", expected="one of the two places")  # fmt: skip
    elif not composite and not spec.has("indicator") and not spec.has("indicatorRef") and goals:
        reading.complain("SER024", node, "there is no indicator", expected="`indicator` or `indicatorRef`, here or (of a "
                         "composite) in each of the objectives")  # fmt: skip
    if method is None or not meta.name or not text_of(served):
        return
    base = _base(reading, meta, doc.node, told, method, window, conditions)
    builder = _Builder(reading, known.sources, text_of(served), meta, base)
    if composite:
        gathered.promises += builder.composite([(goal, _resolve(reading, goal, known)) for goal in goals])
    elif own is not None:
        gathered.promises += builder.several(goals, own)


def _resolve(reading: Reading, goal: _Goal, known: _Workspace) -> Node | None:
    node = goal.indicator
    if node is None:
        reading.complain("SER024", goal.place, "this objective has no indicator, and others of this SLO have",
                         expected="`indicator` or `indicatorRef`")  # fmt: skip
        return None
    if isinstance(node, Mapping):
        return node
    return known.slis.get(text_of(node)) if _check(reading, node, known.slis, "SLI") else None


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


def _goal(reading: Reading, node: Node, method: Method | None) -> _Goal:
    doc = Doc(reading, node, "an objective", optional=(
        "displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow", "indicator",
        "indicatorRef", "compositeWeight"))  # fmt: skip
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
    return _Goal(
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


def _window(reading: Reading, doc: Doc) -> tuple[timedelta, Calendar | None]:
    node = doc.at("timeWindow")
    if node is None:
        reading.complain("SER159", doc.node, "there is no `timeWindow`: the last 30 days are counted",
                         expected="such as [{duration: 30d, isRolling: true}]")  # fmt: skip
        return DEFAULT_WINDOW, None
    items = listed(reading, node, "windows")
    if len(items) != 1:
        if isinstance(node, Sequence):
            reading.complain("SER157", node, f"an SLO has exactly one window, not {len(items)}", expected="one window")
        return DEFAULT_WINDOW, None
    inner = Doc(reading, items[0], "a window", optional=("duration", "isRolling", "calendar"))
    length = span(reading, inner.need("duration", "a window"))
    rolling_node = inner.at("isRolling")
    rolling = bool(values.flag(reading, rolling_node)) if rolling_node is not None else False
    calendar = _calendar(reading, inner, rolling)
    if length is None:
        return DEFAULT_WINDOW, None
    return counted(reading, items[0], length, calendar)


def _calendar(reading: Reading, doc: Doc, rolling: bool) -> tuple[datetime, str] | None:
    node = doc.at("calendar")
    if rolling and node is not None:
        reading.complain("SER157", doc.key("calendar") or doc.node, "a rolling window has no `calendar`",
                         expected="`isRolling: false`, or no `calendar`")  # fmt: skip
        return None
    if node is None:
        if not rolling and isinstance(doc.node, Mapping):
            reading.complain("SER157", doc.node, "a window that does not roll needs a `calendar`",
                             expected="`isRolling: true`, or {startTime: …, timeZone: …}")  # fmt: skip
        return None
    return calendar_of(reading, node)


def calendar_of(reading: Reading, node: Node) -> tuple[datetime, str] | None:
    """When a calendar window began (local time), and its zone."""
    doc = Doc(reading, node, "a calendar", optional=("startTime", "timeZone"))
    started, zone = doc.need("startTime", "a calendar"), doc.need("timeZone", "a calendar")
    known = values.zone(reading, zone) if zone is not None else None
    if started is None or known is None:
        return None
    try:
        return datetime.strptime(text_of(started), "%Y-%m-%d %H:%M:%S"), known  # noqa: DTZ007
    except ValueError:
        reading.complain("SER155", started, f"`{text_of(started)[:40]}` is not a moment",
                         expected="local time as 2022-01-01 12:00:00")  # fmt: skip
        return None


def counted(
    reading: Reading, place: Node, length: Span, calendar: tuple[datetime, str] | None
) -> tuple[timedelta, Calendar | None]:
    """The window that is counted; what cannot be said as it is written is reported as a warning."""
    if calendar is None:
        return length.length, None
    started, zone = calendar
    unit = _UNITS.get((length.count, length.unit))
    if unit is None:
        reading.complain("SER159", place, f"calendar windows of {length.count}{length.unit} are counted as the last "
                         f"{length.length.days or 1} days", expected="1d, 1w, 1M, 1Q or 1Y")  # fmt: skip
        return max(length.length, timedelta(days=1)), None
    if length.unit == "m":
        reading.complain("SER159", place, "`1m` is a minute; a calendar month is taken to be meant", expected="1M")
    if not _begins(started, unit):
        when = {"day": "at midnight", "week": "on Monday at midnight", "month": "on the first at midnight",
                "quarter": "with the quarter", "year": "with the year"}[unit]  # fmt: skip
        reading.complain("SER159", place, f"each {unit} is counted from its own beginning ({when} in {zone}), not from "
                         f"{started:%Y-%m-%d %H:%M}")  # fmt: skip
    return timedelta(days=_NOMINAL[unit]), Calendar(unit, zone)


def _begins(moment: datetime, unit: Unit) -> bool:
    if (moment.hour, moment.minute, moment.second) != (0, 0, 0):
        return False
    return {
        "day": True,
        "week": moment.weekday() == 0,
        "month": moment.day == 1,
        "quarter": moment.day == 1 and moment.month in (1, 4, 7, 10),
        "year": (moment.month, moment.day) == (1, 1),
    }[unit]


def _conditions(reading: Reading, doc: Doc, library: Library) -> list[Condition]:
    found: list[Condition | None] = []
    for item in listed(reading, doc.at("alertPolicies"), "policies"):
        policy = slo_policy(reading, item, library)
        if isinstance(policy, PolicyParts):
            if policy.reference is not None and not _check(reading, policy.reference, library.conditions,
                                                           "AlertCondition"):  # fmt: skip
                continue
            found.append(resolved(reading, policy, library.conditions))
        elif policy is not None and _check(reading, policy, library.policies, "AlertPolicy"):
            found.append(resolved(reading, library.policies[text_of(policy)], library.conditions))
    return [condition for condition in found if condition is not None]


def _base(
    reading: Reading, meta: Meta, node: Node, told: str, method: Method, window: tuple[timedelta, Calendar | None],
    conditions: list[Condition],
) -> Slo:  # fmt: skip
    """What all objectives of one SLO have in common."""
    page, ticket = severities_of(reading)
    for condition in conditions:
        known = reading.severities.find(condition.severity)
        if known is not None and pages(reading, condition.severity):
            page = known.name
        elif known is not None:
            ticket = known.name
    return Slo(
        name=meta.name, objective=Objective("50%", Decimal("0.5")), window=window[0], calendar=window[1], method=method,
        sli=CompositeSli("weighted", ()), title=meta.title, description=told, page_severity=page,
        ticket_severity=ticket, source=reading.source(node), tiers=tiers_of(reading, conditions),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes objectives of one SLO."""

    reading: Reading
    sources: Sources
    service: str
    meta: Meta
    base: Slo

    def several(self, goals: list[_Goal], node: Node) -> list[Promise]:
        """Each objective of one indicator."""
        names = self._names(goals)
        made = [self._made(goal, node, name) for goal, name in zip(goals, names, strict=True)]
        return [self._promise(slo, goal.place) for slo, goal in zip(made, goals, strict=True) if slo is not None]

    def composite(self, goals: list[tuple[_Goal, Node | None]]) -> list[Promise]:
        """Each part as an objective that only counts, and the whole."""
        names = self._names([goal for goal, _ in goals], always=True)
        made = [
            self._made(goal, node, name) if node is not None else None
            for (goal, node), name in zip(goals, names, strict=True)
        ]  # fmt: skip
        parts = [(slo, goal) for slo, (goal, _) in zip(made, goals, strict=True) if slo is not None]
        if len(parts) != len(goals):
            return []
        alone = [self._promise(replace(slo, alerting=False, tiers=()), goal.place) for slo, goal in parts]
        whole = self._whole(parts)
        return [*alone, *([self._promise(whole, parts[0][1].place)] if whole is not None else [])]

    def _whole(self, parts: list[tuple[Slo, _Goal]]) -> Slo | None:
        if self.base.method == "timeslices":
            targets = {slo.objective.ratio for slo, _ in parts}
            if len(targets) > 1:
                self.reading.complain(
                    "SER158", parts[1][1].place, "a slice is bad when any part's is, so the whole has one target",
                    expected="the same target in every objective of a composite in slices",
                )  # fmt: skip
                return None
            mode: Literal["weighted", "all"] = "all"
            objective, weights = parts[0][0].objective, [Decimal(1) for _ in parts]
        else:
            mode = "weighted"
            with localcontext() as exact:
                exact.prec = 40
                weights = [goal.weight / slo.objective.budget for slo, goal in parts]
                objective = objective_of(1 - 1 / sum(weights, Decimal(0)))
        sli = CompositeSli(mode, tuple(
            Part(self.service, replace(slo, alerting=False, tiers=()), weight)
            for (slo, _), weight in zip(parts, weights, strict=True)))  # fmt: skip
        first = parts[0][0]
        return replace(self.base, sli=sli, objective=objective, slice_length=first.slice_length)

    def _names(self, goals: list[_Goal], *, always: bool = False) -> list[str]:
        if len(goals) == 1 and not always:
            return [self.meta.name]
        slugs = [slug(goal.title) for goal in goals]
        distinct = all(slugs) and len(set(slugs)) == len(slugs)
        ends = slugs if distinct else [str(number) for number in range(1, len(goals) + 1)]
        return [f"{self.meta.name[: max(1, 62 - len(end[:40]))].rstrip('-')}-{end[:40].rstrip('-._')}" for end in ends]

    def _made(self, goal: _Goal, node: Node, name: str) -> Slo | None:
        reading = self.reading
        ratio = not absent(inside(node, "ratioMetric"))
        if ratio and goal.operator:
            reading.complain("SER159", goal.place, "`op` means nothing beside a ratio; it is not used", expected="no `op`")
        if not ratio and goal.value is None:
            reading.complain("SER022", goal.place, "a threshold's objective needs `value`", expected="a number")
        if not ratio and not goal.operator:
            reading.complain("SER022", goal.place, "a threshold's objective needs `op`", expected="gt, gte, lt or lte")
        if goal.target is None:
            return None
        if goal.target == 0:
            reading.complain("SER163", goal.place, "a target of 0 promises nothing; this objective is left out")
            return None
        sli = self._sli(goal, node, ratio)
        if sli is None:
            return None
        title = f"{self.meta.title or self.meta.name}: {goal.title}" if goal.title and name != self.meta.name else ""
        sliced = self.base.method != "occurrences" and goal.slice_window is not None
        return replace(
            self.base, name=name, objective=objective_of(goal.target), sli=sli, title=title or self.base.title,
            slice_length=goal.slice_window.length if sliced and goal.slice_window else timedelta(minutes=1),
            slice_target=goal.slice_target if self.base.method == "timeslices" else None,
        )  # fmt: skip

    def _sli(self, goal: _Goal, node: Node, ratio: bool) -> Sli | None:
        if not ratio and (goal.value is None or not goal.operator):
            return None
        compared = None if ratio or goal.value is None else (OPERATORS[goal.operator], goal.value)
        return indicator(self.reading, node, self.sources, compared)

    def _promise(self, slo: Slo, place: Node) -> Promise:
        return Promise(self.service, slo, place, self.meta.team)

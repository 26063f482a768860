"""OpenSLO v1alpha: services and SLOs, whose ratios stand in the objectives."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from sereno.spec import values
from sereno.spec.dialects.gathered import Gathered, Promise, objective_of, severities_of, slug, text_of
from sereno.spec.dialects.openslo_documents import (
    OPERATORS,
    Doc,
    Span,
    bounded,
    choice,
    description,
    document,
    listed,
    metadata,
    too_long,
)
from sereno.spec.dialects.openslo_sli import PROMETHEUS, gauge, ratio_of
from sereno.spec.dialects.openslo_windows import DEFAULT_WINDOW, calendar_of, counted
from sereno.spec.model import Calendar, CompositeSli, GaugeSli, Method, Objective, Sli, Slo
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_UNITS = {"Second": "s", "Day": "d", "Week": "w", "Month": "M", "Quarter": "Q"}
_METHODS: dict[str, Method] = {"Occurrences": "occurrences", "Timeslices": "timeslices"}
_ALPHA = re.compile(r"[A-Za-z]+")


def read(reading: Reading, node: Mapping, gathered: Gathered) -> None:
    """Add what an SLO of v1alpha says to `gathered`."""
    doc = document(reading, node, "an SLO")
    meta = metadata(reading, doc.at("metadata"), alpha=True)
    inner = doc.need("spec", "an SLO")
    if inner is None:
        return
    spec = Doc(
        reading,
        inner,
        "an SLO's spec",
        optional=("timeWindows", "budgetingMethod", "description", "indicator", "service", "objectives"),
    )
    told = description(reading, spec)
    written = spec.need("service", "an SLO")
    served = (values.name(reading, written) if written is not None else None) or ""
    method = _METHODS.get(choice(reading, spec.need("budgetingMethod", "an SLO"), tuple(_METHODS)))
    window = _window(reading, spec)
    goals = listed(reading, spec.at("objectives"), "objectives")
    _one_place(reading, spec, goals)
    page, ticket = severities_of(reading)
    base = Slo(
        meta.name,
        Objective("50%", Decimal("0.5")),
        window[0],
        CompositeSli("weighted", ()),
        told,
        None,
        page,
        ticket,
        reading.source(node),
        title=meta.title,
        calendar=window[1],
        method=method or "occurrences",
    )
    found = [_objective(reading, goal, spec.at("indicator"), base) for goal in goals]
    slugs = [slug(slo.title) for slo in found if slo is not None]
    named = len(set(slugs)) == len(goals) and all(slugs)
    for number, (slo, goal) in enumerate(zip(found, goals, strict=True), 1):
        if slo is None or not meta.name or not served:
            continue
        name = meta.name if len(goals) == 1 else f"{meta.name[:40]}-{slug(slo.title)[:20] if named else number}"
        title = f"{meta.title or meta.name}: {slo.title}" if len(goals) > 1 and slo.title else meta.title
        gathered.promises.append(Promise(served, replace(slo, name=name, title=title), goal))


def _one_place(reading: Reading, spec: Doc, goals: tuple[Node, ...]) -> None:
    ratios = [goal for goal in goals if isinstance(goal, Mapping) and goal.get("ratioMetrics")]
    if ratios and spec.at("indicator") is not None:
        reading.complain(
            "SER024",
            spec.key("indicator") or spec.node,
            "an indicator stands here and in the objectives",
            expected="`indicator`, or `ratioMetrics` in the objectives",
        )
    elif not ratios and spec.at("indicator") is None and isinstance(spec.node, Mapping):
        reading.complain(
            "SER024", spec.node, "there is no indicator", expected="`indicator`, or `ratioMetrics` in the objectives"
        )


def _objective(reading: Reading, node: Node, indicator: Node | None, base: Slo) -> Slo | None:
    doc = Doc(
        reading,
        node,
        "an objective",
        optional=("displayName", "value", "ratioMetrics", "target", "timeSliceTarget", "op"),
    )
    title = doc.at("displayName")
    if title is not None and len(text_of(title)) > 1050:
        too_long(reading, title, 1050)
    target = bounded(reading, doc.need("target", "an objective"), lambda x: 0 <= x < 1, "from 0 to below 1")
    slices = doc.need("timeSliceTarget", "an objective in slices") if base.method == "timeslices" else None
    slice_target = bounded(reading, slices, lambda x: 0 <= x <= 1, "from 0 to 1")
    ratio = doc.at("ratioMetrics")
    value, operator = doc.at("value"), doc.at("op")
    if ratio is not None and operator is not None:
        reading.complain(
            "SER157", doc.key("op") or node, "`op` means nothing beside `ratioMetrics`", expected="no `op`"
        )
    elif ratio is not None and value is None:
        reading.complain(
            "SER159",
            node,
            "v1alpha wants a `value` here, though it means nothing beside a ratio",
            expected="`value: 1`",
        )
    elif ratio is None:
        value, operator = doc.need("value", "an objective"), doc.need("op", "an objective")
    threshold = bounded(reading, value, lambda _: True, "")
    word = choice(reading, operator, tuple(OPERATORS)) if ratio is None else ""
    compared = (OPERATORS[word], threshold) if word and threshold is not None else None
    sli = _ratio(reading, ratio) if ratio is not None else _threshold(reading, indicator, compared)
    if sli is None or target is None:
        return None
    if target == 0:
        reading.complain("SER163", node, "a target of 0 promises nothing; this objective is left out")
        return None
    method: Method = "ratio_timeslices" if isinstance(sli, GaugeSli) and base.method == "occurrences" else base.method
    return replace(
        base,
        objective=objective_of(target),
        sli=sli,
        method=method,
        title=text_of(title).strip(),
        slice_target=slice_target or None,
    )


def _ratio(reading: Reading, node: Node) -> Sli | None:
    doc = Doc(reading, node, "a ratio", optional=("good", "total", "incremental"))
    good = _source(reading, doc.need("good", "a ratio"))
    total = _source(reading, doc.need("total", "a ratio"))
    flag = doc.at("incremental")
    counter = bool(values.flag(reading, flag)) if flag is not None else False
    return ratio_of(reading, total, good, "good", counter) if good is not None and total is not None else None


def _threshold(reading: Reading, node: Node | None, compared: tuple[str, Decimal] | None) -> Sli | None:
    if node is None:
        return None
    doc = Doc(reading, node, "an indicator", optional=("thresholdMetric",))
    query = _source(reading, doc.need("thresholdMetric", "an indicator"))
    return gauge(reading, query, compared) if query is not None and compared is not None else None


def _source(reading: Reading, node: Node | None) -> Scalar | None:
    """The query of a metric, if a Prometheus answers it."""
    if node is None:
        return None
    doc = Doc(reading, node, "a metric", optional=("source", "queryType", "query"))
    found = [doc.need(key, "a metric") for key in ("source", "queryType", "query")]
    for value in found[:2]:
        if value is not None and not _ALPHA.fullmatch(text_of(value)):
            reading.complain("SER152", value, f"`{text_of(value)[:40]}` is not a word of letters", expected="letters")
    source, query = found[0], found[2]
    if source is None or not isinstance(query, Scalar) or not query.value.strip():
        return None
    if text_of(source).lower() not in PROMETHEUS:
        reading.complain(
            "SER153",
            source,
            f"data from `{text_of(source)[:40]}` is not read: this objective is not watched",
            expected="Prometheus",
        )
        return None
    return query


def _window(reading: Reading, spec: Doc) -> tuple[timedelta, Calendar | None]:
    node = spec.need("timeWindows", "an SLO")
    items = listed(reading, node, "windows")
    if len(items) != 1:
        if isinstance(node, Sequence):
            reading.complain("SER157", node, f"an SLO has exactly one window, not {len(items)}", expected="one window")
        return DEFAULT_WINDOW, None
    doc = Doc(reading, items[0], "a window", optional=("unit", "count", "isRolling", "calendar"))
    unit = choice(reading, doc.need("unit", "a window"), tuple(_UNITS))
    count = bounded(reading, doc.need("count", "a window"), lambda x: x > 0 and x == int(x), "a whole number above 0")
    flag = doc.at("isRolling")
    rolling = bool(values.flag(reading, flag)) if flag is not None else doc.at("calendar") is None
    written = doc.at("calendar")
    if rolling and written is not None:
        reading.complain(
            "SER157",
            doc.key("calendar") or items[0],
            "a rolling window has no `calendar`",
            expected="`isRolling: false`, or no `calendar`",
        )
    elif not rolling and written is None:
        reading.complain(
            "SER157",
            items[0],
            "a window that does not roll needs a `calendar`",
            expected="`isRolling: true`, or {startTime: …, timeZone: …}",
        )
    calendar = calendar_of(reading, written) if written is not None and not rolling else None
    if not unit or count is None:
        return DEFAULT_WINDOW, None
    if unit == "Second":
        return timedelta(seconds=int(count)), None
    return counted(reading, items[0], Span(int(count), _UNITS[unit]), calendar)

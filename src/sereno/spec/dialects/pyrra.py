"""Pyrra's ServiceLevelObjective: ratios, latencies (classic and native) and gauges of 0 and 1.

Pyrra knows no services: the service is the label `pyrra.dev/service`, `service`, `app.kubernetes.io/name` or `app`,
else the name of the objective. A grouping is counted as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sereno.kernel.labels import Labels
from sereno.spec import values
from sereno.spec.dialects import queries
from sereno.spec.dialects.annotations import restored, texts_of
from sereno.spec.dialects.gathered import (
    Described,
    Gathered,
    Promise,
    absent,
    inside,
    objective_of,
    severities_of,
    text_of,
)
from sereno.spec.dialects.openslo_documents import DNS_LABEL, Doc, listed
from sereno.spec.model import EventsSli, GaugeSli, NativeLatencySli, Sli, Slo
from sereno.spec.reading import Reading
from sereno.spec.sli import selector_text
from sereno.spec.source import Mapping, Node, Scalar

_SERVICE = ("pyrra.dev/service", "service", "app.kubernetes.io/name", "app")
_PREFIX = "pyrra.dev/"
_KINDS = ("ratio", "latency", "latencyNative", "bool_gauge")
_WITHIN = values.duration_within("1ms", "1d")
_WINDOW = values.duration_within("5m", "400d")


@dataclass(frozen=True, slots=True)
class _Alerting:
    """What is said of the alerts."""

    on: bool = True
    page: str = ""
    ticket: str = ""


def service_of(node: Mapping) -> Scalar | None:
    """Where a document names its service."""
    labels = inside(node, "metadata", "labels")
    for key in _SERVICE:
        found = inside(labels, key)
        if isinstance(found, Scalar) and found.value:
            return found
    named = inside(node, "metadata", "name")
    return named if isinstance(named, Scalar) else None


def read(reading: Reading, node: Mapping, gathered: Gathered) -> None:
    """Add what a ServiceLevelObjective promises to `gathered`."""
    api, kind = inside(node, "apiVersion"), inside(node, "kind")
    if text_of(api) != "pyrra.dev/v1alpha1" or text_of(kind) != "ServiceLevelObjective":
        place = kind if text_of(api) == "pyrra.dev/v1alpha1" and kind is not None else api
        reading.complain(
            "SER150",
            place or node,
            "this kind of Pyrra's documents is not known",
            expected="apiVersion: pyrra.dev/v1alpha1 with kind: ServiceLevelObjective",
        )
        return
    whole = Doc(reading, node, "a ServiceLevelObjective", optional=("apiVersion", "kind", "metadata", "spec", "status"))
    name = _name(reading, whole.need("metadata", "a ServiceLevelObjective"))
    inner = whole.need("spec", "a ServiceLevelObjective")
    if inner is None:
        return
    doc = Doc(
        reading,
        inner,
        "Pyrra's spec",
        optional=(
            "description",
            "target",
            "window",
            "indicator",
            "alerting",
            "partial_response_strategy",
            "performanceOverAccuracy",
            "ruleOutput",
        ),
    )
    target = _target(reading, doc.need("target", "Pyrra's spec"))
    written = doc.need("window", "Pyrra's spec")
    window = _WINDOW(reading, written) if written is not None else None
    indicator = doc.need("indicator", "Pyrra's spec")
    sli = _sli(reading, indicator) if indicator is not None else None
    alerting = _alerting(reading, doc.at("alerting"))
    served = service_of(node)
    if not name or target is None or window is None or sli is None or served is None:
        return
    page, ticket = severities_of(reading)
    slo = Slo(
        name,
        objective_of(target),
        window,
        sli,
        text_of(doc.at("description")).strip(),
        page_severity=alerting.page or page,
        ticket_severity=alerting.ticket or ticket,
        source=reading.source(node),
        method="ratio_timeslices" if isinstance(sli, GaugeSli) else "occurrences",
        slice_length=timedelta(minutes=1),
        alerting=alerting.on,
        labels=_labels(node),
    )
    team = _team(node)
    gathered.services.append(Described(served.value, node, team=team))
    kept = texts_of(inside(node, "metadata", "annotations"))
    gathered.promises.append(Promise(served.value, restored(reading, slo, kept, node), node, team))


def _name(reading: Reading, node: Node | None) -> str:
    found = inside(node, "name")
    if node is None:
        return ""
    if absent(found):
        reading.complain("SER022", node, "metadata needs `name`", expected="the key `name`")
    elif not all(DNS_LABEL.fullmatch(part) for part in text_of(found).split(".")):
        assert found is not None
        reading.complain(
            "SER152",
            found,
            f"`{text_of(found)[:80]}` cannot be a name in Kubernetes",
            expected="lower-case letters, digits, dashes and dots",
        )
        return ""
    return text_of(found)


def _target(reading: Reading, node: Node | None) -> Decimal | None:
    """A percentage, written as text."""
    if node is None:
        return None
    try:
        percent = Decimal(text_of(node))
    except ArithmeticError:
        percent = Decimal("NaN")
    if not percent.is_finite() or not 0 < percent < 100:
        hint = "100 leaves no budget: choose what users would really miss" if percent == 100 else None
        reading.complain(
            "SER031",
            node,
            f"`{text_of(node)[:40]}` is not a target",
            hint=hint,
            expected='a percentage above 0 and below 100, such as "99.9"',
        )
        return None
    if percent < 1:
        reading.complain(
            "SER159", node, f"a target of {percent} is {percent} %", expected=f"{percent * 100:f}, if that is meant"
        )
    return percent.scaleb(-2)


def _sli(reading: Reading, node: Node) -> Sli | None:
    doc = Doc(reading, node, "an indicator", optional=_KINDS)
    kind = doc.one(*_KINDS)
    inner = doc.at(kind) if kind else None
    if inner is None:
        return None
    if kind == "ratio":
        ratio = Doc(reading, inner, "a ratio", optional=("errors", "total", "grouping"))
        bad, total = _metric(reading, ratio, "errors"), _metric(reading, ratio, "total")
        _grouping(reading, ratio)
        return EventsSli(selector_text(total), selector_text(bad), None) if bad and total else None
    if kind == "latency":
        return _latency(reading, Doc(reading, inner, "a latency", optional=("success", "total", "grouping")))
    if kind == "latencyNative":
        native = Doc(reading, inner, "a native latency", optional=("latency", "total", "grouping"))
        total, limit = _metric(reading, native, "total"), native.need("latency", "a native latency")
        within = _WITHIN(reading, limit) if limit is not None else None
        _grouping(reading, native)
        seconds = Decimal(within // timedelta(milliseconds=1)).scaleb(-3).normalize() if within else None
        return NativeLatencySli(selector_text(total), seconds) if total and seconds else None
    gauge = Doc(reading, inner, "a gauge", optional=("metric", "grouping"))
    found = _selected(reading, gauge.need("metric", "a gauge"))
    _grouping(reading, gauge)
    return GaugeSli(selector_text(found), "==", Decimal(1)) if found else None


def _latency(reading: Reading, doc: Doc) -> Sli | None:
    good, total = _metric(reading, doc, "success"), _metric(reading, doc, "total")
    _grouping(reading, doc)
    if good is None or total is None:
        return None
    if not any(label == "le" for label, _, _ in good):
        place = inside(doc.at("success"), "metric") or doc.node
        reading.complain(
            "SER157", place, "the fast ones are told by their bucket", expected='a matcher such as le="0.5"'
        )
        return None
    return queries.counted_good(total, good)


def _metric(reading: Reading, doc: Doc, key: str) -> queries.Matchers | None:
    node = doc.need(key, "an indicator")
    if node is None:
        return None
    return _selected(reading, Doc(reading, node, "a query", optional=("metric",)).need("metric", "a query"))


def _selected(reading: Reading, node: Node | None) -> queries.Matchers | None:
    if node is None:
        return None
    found = queries.selector(reading, text_of(node))
    if found is None:
        reading.complain(
            "SER061", node, "this is not a selector of one metric", expected='such as http_requests_total{job="api"}'
        )
    return found


def _grouping(reading: Reading, doc: Doc) -> None:
    place = doc.at("grouping")
    if listed(reading, place, "labels") and place is not None:
        names = ", ".join(text_of(item) for item in listed(reading, place, "labels"))
        reading.complain(
            "SER159",
            place,
            f"all of {names} are counted as one objective",
            hint="for one each, write an objective each, with a matcher",
        )


def _alerting(reading: Reading, node: Node | None) -> _Alerting:
    if node is None:
        return _Alerting()
    doc = Doc(
        reading, node, "alerting", optional=("disabled", "burnrates", "absent", "name", "absentName", "severities")
    )
    flags = {
        key: values.flag(reading, found)
        for key in ("disabled", "burnrates", "absent")
        if (found := doc.at(key)) is not None
    }
    severities = doc.at("severities")
    words = {}
    if severities is not None:
        tiers = ("fastBurn", "mediumBurn", "slowBurn", "longTermBurn")
        inner = Doc(reading, severities, "severities", optional=("absent", *tiers))
        for key in ("fastBurn", "slowBurn"):
            found = inner.at(key)
            if found is not None:
                words[key] = values.severity(reading, found) or ""
        for key, like in (("mediumBurn", "fastBurn"), ("longTermBurn", "slowBurn")):
            other = inner.at(key)
            if other is not None and text_of(other) != text_of(inner.at(like)):
                reading.complain("SER162", other, f"`{key}` has the severity of `{like}`")
    on = flags.get("disabled") is not True and flags.get("burnrates") is not False
    return _Alerting(on, words.get("fastBurn", ""), words.get("slowBurn", ""))


def _labels(node: Mapping) -> Labels:
    """What Pyrra puts on rules: labels with its prefix, without it."""
    labels = inside(node, "metadata", "labels")
    found = {
        key.value.removeprefix(_PREFIX).replace("-", "_").replace(".", "_").replace("/", "_"): text_of(value)
        for key, value in (labels.entries if isinstance(labels, Mapping) else ())
        if key.value.startswith(_PREFIX)
    }
    return Labels(sorted((key, value) for key, value in found.items() if key not in (*values.RESERVED_LABELS, "slo")))


def _team(node: Mapping) -> str:
    labels = inside(node, "metadata", "labels")
    return next(
        (text_of(found) for key in ("pyrra.dev/team", "team", "owner") if (found := inside(labels, key)) is not None),
        "",
    )

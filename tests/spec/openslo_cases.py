"""Wrong OpenSLO documents: each is a right one with one change, the place where that is wrong, and what is said."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]
GONE = "<gone>"
LONG = "A" * 1051


@dataclass(frozen=True)
class Case:
    """`changes` are made to the document `base`; each of `places` must be reported with one of `codes`."""

    name: str
    base: str
    changes: tuple[tuple[Path, Any], ...]
    places: tuple[Path, ...]
    codes: frozenset[str]

    @property
    def text(self) -> str:
        """The wrong document as YAML."""
        document = copy.deepcopy(BASES[self.base])
        for path, value in self.changes:
            _put(document, path, value)
        return yaml.safe_dump(document, sort_keys=False)


def _put(document: Any, path: Path, value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    if isinstance(value, str) and value == GONE:
        del document[path[-1]]
    else:
        document[path[-1]] = value


def _metric(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _doc(kind: str, spec: dict[str, Any], version: str = "openslo/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "ok"}, "spec": spec}


_RATIO = {
    "counter": True,
    "good": _metric('sum(http_requests{job="web",code!~"5.."})'),
    "total": _metric('sum(http_requests{job="web"})'),
}
_CONDITION = {
    "severity": "page",
    "condition": {"kind": "burnrate", "op": "gt", "threshold": 2, "lookbackWindow": "1h", "alertAfter": "5m"},
}
_POLICY = {"conditions": [{"conditionRef": "cpu"}], "notificationTargets": [{"targetRef": "mail"}]}
_INLINE_POLICY = {
    "conditions": [{"kind": "AlertCondition", "metadata": {"name": "c"}, "spec": _CONDITION}],
    "notificationTargets": [
        {"kind": "AlertNotificationTarget", "metadata": {"name": "t"}, "spec": {"target": "email"}}
    ],
}
_WINDOW = {
    "duration": "1w",
    "isRolling": False,
    "calendar": {"startTime": "2022-01-03 00:00:00", "timeZone": "America/New_York"},
}
_SLO = {
    "service": "web",
    "indicator": {"metadata": {"name": "i"}, "spec": {"ratioMetric": _RATIO}},
    "timeWindow": [_WINDOW],
    "budgetingMethod": "Timeslices",
    "objectives": [{"displayName": "Good", "target": 0.995, "timeSliceTarget": 0.95, "timeSliceWindow": "1m"}],
    "alertPolicies": [{"alertPolicyRef": "p"}],
}
_ALPHA_SOURCE = {"source": "prometheus", "queryType": "promql", "query": "x_total"}
_ALPHA = {
    "service": "web",
    "timeWindows": [{"unit": "Week", "count": 1, "isRolling": False, "calendar": dict(_WINDOW["calendar"])}],  # type: ignore[call-overload]
    "budgetingMethod": "Timeslices",
    "objectives": [
        {"displayName": "Good", "target": 0.995, "timeSliceTarget": 0.95, "value": 1,
         "ratioMetrics": {"incremental": True, "good": dict(_ALPHA_SOURCE), "total": dict(_ALPHA_SOURCE)}}
    ],
}  # fmt: skip

BASES: dict[str, dict[str, Any]] = copy.deepcopy({
    "slo": _doc("SLO", _SLO),
    "slo with its policy": _doc("SLO", {**_SLO, "alertPolicies": [
        {"kind": "AlertPolicy", "metadata": {"name": "p"}, "spec": _INLINE_POLICY}]}),
    "slo of a threshold": _doc("SLO", {**_SLO, "indicator": {"metadata": {"name": "i"}, "spec": {
        "thresholdMetric": _metric("queue_length")}}, "objectives": [
            {"target": 0.99, "op": "lte", "value": 10, "timeSliceTarget": 0.9, "timeSliceWindow": "1m"}]}),
    "composite": _doc("SLO", {**{k: v for k, v in _SLO.items() if k != "indicator"}, "objectives": [
        {"target": 0.99, "timeSliceTarget": 0.9, "timeSliceWindow": "1m", "indicatorRef": "a", "compositeWeight": 2},
        {"target": 0.99, "timeSliceTarget": 0.9, "timeSliceWindow": "1m", "indicator": {
            "metadata": {"name": "i"}, "spec": {"ratioMetric": _RATIO}}}]}),
    "sli": _doc("SLI", {"ratioMetric": _RATIO}),
    "raw sli": _doc("SLI", {"ratioMetric": {"rawType": "failure", "raw": _metric("bad:ratio")}}),
    "data source": _doc("DataSource", {"type": "Prometheus", "connectionDetails": [{"url": "http://p"}]}),
    "service": _doc("Service", {"description": "Sells"}),
    "condition": _doc("AlertCondition", _CONDITION),
    "target": _doc("AlertNotificationTarget", {"target": "email"}),
    "policy": _doc("AlertPolicy", _POLICY),
    "inline policy": _doc("AlertPolicy", _INLINE_POLICY),
    "alpha slo": _doc("SLO", _ALPHA, "openslo/v1alpha"),
    "alpha threshold": _doc("SLO", {**_ALPHA, "indicator": {"thresholdMetric": dict(_ALPHA_SOURCE)}, "objectives": [
        {"target": 0.99, "timeSliceTarget": 0.9, "value": 10, "op": "lte"}]}, "openslo/v1alpha"),
    "alpha service": _doc("Service", {"description": "Sells"}, "openslo/v1alpha"),
})  # fmt: skip

_GOAL: Path = ("spec", "objectives", 0)
_RATIO_AT: Path = ("spec", "indicator", "spec", "ratioMetric")
_BAD_LABELS = ("l" * 64, "net_", "net.", "net-", "_net", "-net", ".net")
_BAD_ANNOTATIONS = (
    "l" * 64, "l" * 254 + "/net", "l" * 253 + "/" + "l" * 64, "net_", "_net", "openslo.com/", "openslo.com!/service",
    "-openslo.com/service", ".openslo.com/service", "openslo.com./service", "openslo.com_/service",
    "openslo..this.com/service", "openslo.-this.com/service", "openslo_this.org/service",
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every wrong document."""
    for base in BASES:
        yield _case(f"{base}: no such version", base, [(("apiVersion",), "openslo/v0.1")], [("apiVersion",)], "SER150")
        yield _case(f"{base}: no such kind", base, [(("kind",), "Nothing")], [("kind",)], "SER150")
        yield _case(f"{base}: no metadata", base, [(("metadata",), GONE)], [()], "SER022")
        yield _case(f"{base}: no name", base, [(("metadata", "name"), GONE)], [("metadata",)], "SER022")
        yield _case(f"{base}: names", base,
                    [(("metadata", "name"), "MY SERVICE" * 20), (("metadata", "displayName"), "my-service" * 20)],
                    [("metadata", "name"), ("metadata", "displayName")], "SER152", "SER156")  # fmt: skip
        yield _case(f"{base}: unknown key", base, [(("spec", "nonsense"), 1)], [("spec", "nonsense")], "SER021")
    for base in ("slo", "sli", "data source", "service", "condition", "target", "policy", "alpha slo", "alpha service"):
        yield _case(f"{base}: long description", base, [(("spec", "description"), LONG)], [("spec", "description")],
                    "SER156")  # fmt: skip
    for key in _BAD_LABELS:
        yield _case(f"label {key[:20]}", "slo", [(("metadata", "labels"), {key: ["a"]})],
                    [("metadata", "labels", key)], "SER164")  # fmt: skip
    for key in _BAD_ANNOTATIONS:
        yield _case(f"annotation {key[:30]}", "slo", [(("metadata", "annotations"), {key: ""})],
                    [("metadata", "annotations", key)], "SER164")  # fmt: skip
    yield from _slos()
    yield from _indicators()
    yield from _alerting()
    yield from _alpha()


def _slos() -> Iterator[Case]:
    spec: Path = ("spec",)
    window: Path = ("spec", "timeWindow", 0)
    yield _case("empty spec", "slo", [(spec, {})], [spec], "SER022", "SER024")
    yield _case("no spec", "slo", [(spec, GONE)], [()], "SER022")
    yield _case(
        "invalid method", "slo", [((*spec, "budgetingMethod"), "invalid")], [(*spec, "budgetingMethod")], "SER038"
    )
    yield _case("no method", "slo", [((*spec, "budgetingMethod"), GONE)], [spec], "SER022")
    yield _case("no service", "slo", [((*spec, "service"), GONE)], [spec], "SER022")
    yield _case("no indicator", "slo", [((*spec, "indicator"), GONE)], [spec], "SER024")
    yield _case("two places of indicators", "composite", [((*spec, "indicatorRef"), "x")], [(*spec, "indicatorRef")],
                "SER024")  # fmt: skip
    yield _case("inline and by reference", "slo", [((*spec, "indicatorRef"), "x")], [(*spec, "indicatorRef")], "SER024")
    yield _case("bad reference", "composite", [((*_GOAL, "indicatorRef"), "my sli")], [(*_GOAL, "indicatorRef")],
                "SER152")  # fmt: skip
    yield _case("two indicators in a part", "composite", [((*spec, "objectives", 1, "indicatorRef"), "x")],
                [(*spec, "objectives", 1, "indicatorRef")], "SER024")  # fmt: skip
    yield _case("no windows", "slo", [((*spec, "timeWindow"), [])], [(*spec, "timeWindow")], "SER157")
    yield _case("two windows", "slo", [((*spec, "timeWindow"), [_WINDOW, _WINDOW])], [(*spec, "timeWindow")], "SER157")
    yield _case("no duration", "slo", [((*window, "duration"), GONE)], [window], "SER022")
    for written in ("invalid", "w", "1", "1.5h", "-1d", "1x", "1h30m"):
        yield _case(f"duration {written}", "slo", [((*window, "duration"), written)], [(*window, "duration")], "SER154")
        yield _case(f"slice {written}", "slo", [((*_GOAL, "timeSliceWindow"), written)], [(*_GOAL, "timeSliceWindow")],
                    "SER154")  # fmt: skip
    yield _case("calendar and rolling", "slo", [((*window, "isRolling"), True)], [(*window, "calendar")], "SER157")
    yield _case("no calendar, not rolling", "slo", [((*window, "calendar"), GONE)], [window], "SER157")
    yield _case("no such zone", "slo", [((*window, "calendar", "timeZone"), "America/Nowhere")],
                [(*window, "calendar", "timeZone")], "SER035")  # fmt: skip
    yield _case("no moment", "slo", [((*window, "calendar", "startTime"), "yesterday")],
                [(*window, "calendar", "startTime")], "SER155")  # fmt: skip
    for number in (1.0, -0.1, 99.9):
        yield _case(f"target {number}", "slo", [((*_GOAL, "target"), number)], [(*_GOAL, "target")], "SER155")
    for number in (100.0, -0.1):
        yield _case(f"percent {number}", "slo", [((*_GOAL, "target"), GONE), ((*_GOAL, "targetPercent"), number)],
                    [(*_GOAL, "targetPercent")], "SER155")  # fmt: skip
    yield _case("no target", "slo", [((*_GOAL, "target"), GONE)], [_GOAL], "SER024")
    yield _case("two targets", "slo", [((*_GOAL, "targetPercent"), 99)], [(*_GOAL, "targetPercent")], "SER024")
    for number in (0, 1.1):
        yield _case(f"slices' target {number}", "slo", [((*_GOAL, "timeSliceTarget"), number)],
                    [(*_GOAL, "timeSliceTarget")], "SER155")  # fmt: skip
    yield _case("no slices' target", "slo", [((*_GOAL, "timeSliceTarget"), GONE)], [_GOAL], "SER022")
    for method in ("Timeslices", "RatioTimeslices"):
        yield _case(f"no slices in {method}", "slo", [((*spec, "budgetingMethod"), method),
                                                     ((*_GOAL, "timeSliceWindow"), GONE)], [_GOAL], "SER022")  # fmt: skip
    yield _case("threshold without", "slo of a threshold", [((*_GOAL, "op"), GONE), ((*_GOAL, "value"), GONE)], [_GOAL],
                "SER022")  # fmt: skip
    yield _case("no such operator", "slo of a threshold", [((*_GOAL, "op"), "lessThan")], [(*_GOAL, "op")], "SER038")
    for number in (0, -2):
        yield _case(f"weight {number}", "composite", [((*_GOAL, "compositeWeight"), number)],
                    [(*_GOAL, "compositeWeight")], "SER155")  # fmt: skip


def _indicators() -> Iterator[Case]:
    for base, at in (("slo", _RATIO_AT), ("sli", ("spec", "ratioMetric"))):
        above = at[:-1]
        metric = _metric("x")
        yield _case(f"{base}: no metric", base, [(at, GONE)], [above], "SER022", "SER024")
        yield _case(f"{base}: both metrics", base, [((*above, "thresholdMetric"), metric)],
                    [(*above, "thresholdMetric")], "SER024")  # fmt: skip
        for name, ratio, place in (
            ("neither raw nor total", {"counter": True}, ()),
            ("raw and total", {"raw": metric, "total": metric, "rawType": "failure"}, ("total",)),
            ("raw, bad and good", {"raw": metric, "rawType": "failure", "bad": metric, "good": metric}, ("bad",)),
            ("raw and good", {"raw": metric, "rawType": "failure", "good": metric}, ("good",)),
            ("raw and bad", {"raw": metric, "rawType": "failure", "bad": metric}, ("bad",)),
            ("bad and good", {"total": metric, "bad": metric, "good": metric}, ("bad",)),
            ("neither bad nor good", {"total": metric}, ()),
            ("a bad rawType", {"raw": metric, "rawType": "invalid"}, ("rawType",)),
            ("no rawType", {"raw": metric}, ()),
        ):
            yield _case(f"{base}: {name}", base, [(at, ratio)], [(*at, *place)], "SER022", "SER024", "SER038", "SER157")
        yield _case(f"{base}: no source", base, [((*at, "total"), {})], [(*at, "total")], "SER022")
        yield _case(f"{base}: empty source", base, [((*at, "total", "metricSource", "spec"), {})],
                    [(*at, "total", "metricSource", "spec")], "SER022")  # fmt: skip
        yield _case(f"{base}: bad reference", base, [((*at, "good", "metricSource", "metricSourceRef"), "my source")],
                    [(*at, "good", "metricSource", "metricSourceRef")], "SER152")  # fmt: skip
    for key in ("type", "connectionDetails"):
        yield _case(f"data source without {key}", "data source", [(("spec", key), GONE)], [("spec",)], "SER022")


def _alerting() -> Iterator[Case]:
    condition: Path = ("spec", "condition")
    yield _case("condition: empty spec", "condition", [(("spec",), {})], [("spec",)], "SER022")
    yield _case("condition: no severity", "condition", [(("spec", "severity"), GONE)], [("spec",)], "SER022")
    yield _case("condition: no kind", "condition", [((*condition, "kind"), GONE)], [condition], "SER022")
    yield _case("condition: bad kind", "condition", [((*condition, "kind"), "magic")], [(*condition, "kind")], "SER038")
    for key in ("op", "threshold", "lookbackWindow"):
        yield _case(f"condition: no {key}", "condition", [((*condition, key), GONE)], [condition], "SER022")
    yield _case("condition: bad op", "condition", [((*condition, "op"), "above")], [(*condition, "op")], "SER038")
    for key in ("lookbackWindow", "alertAfter"):
        yield _case(f"condition: bad {key}", "condition", [((*condition, key), "soon")], [(*condition, key)], "SER154")
    yield _case("target: none", "target", [(("spec", "target"), GONE)], [("spec",)], "SER022")
    for base, at in (("policy", ("spec",)), ("slo with its policy", ("spec", "alertPolicies", 0, "spec"))):
        ref = {"conditionRef": "c"}
        yield _case(f"{base}: no conditions", base, [((*at, "conditions"), [])], [(*at, "conditions")], "SER157")
        yield _case(
            f"{base}: two conditions", base, [((*at, "conditions"), [ref, ref])], [(*at, "conditions")], "SER157"
        )
        yield _case(f"{base}: no targets", base, [((*at, "notificationTargets"), [])], [(*at, "notificationTargets")],
                    "SER022")  # fmt: skip
        for key, reference, kind in (("conditions", "conditionRef", "AlertCondition"),
                                     ("notificationTargets", "targetRef", "AlertNotificationTarget")):  # fmt: skip
            one: Path = (*at, key, 0)
            inline = {"kind": kind, "metadata": {"name": "x"}, "spec": _INLINE_POLICY[key][0]["spec"]}
            yield _case(f"{base}: {key} twice", base, [(one, {reference: "x", **inline})], [(*one, "kind")], "SER024")
            yield _case(f"{base}: {key} empty", base, [(one, {reference: ""})], [(*one, reference)], "SER152")
            yield _case(f"{base}: {key} bad", base, [(one, {reference: "a b"})], [(*one, reference)], "SER152")
            yield _case(
                f"{base}: {key} of a kind", base, [(one, {**inline, "kind": "SLI"})], [(*one, "kind")], "SER038"
            )
            yield _case(f"{base}: {key} unnamed", base, [(one, {**inline, "metadata": {"name": "A B"}})],
                        [(*one, "metadata", "name")], "SER152")  # fmt: skip
    first: Path = ("spec", "alertPolicies", 0)
    inline_policy = {"kind": "AlertPolicy", "metadata": {"name": "p"}, "spec": _INLINE_POLICY}
    yield _case(
        "slo: policy twice", "slo", [(first, {"alertPolicyRef": "p", **inline_policy})], [(*first, "kind")], "SER024"
    )
    yield _case("slo: policy empty", "slo", [(first, {"alertPolicyRef": ""})], [(*first, "alertPolicyRef")], "SER152")
    yield _case(
        "slo: policy bad", "slo", [(first, {"alertPolicyRef": "invalid ref"})], [(*first, "alertPolicyRef")], "SER152"
    )
    yield _case(
        "slo: policy of a kind", "slo", [(first, {**inline_policy, "kind": "DataSource"})], [(*first, "kind")], "SER038"
    )


def _alpha() -> Iterator[Case]:
    at = _GOAL
    yield _case("alpha: empty spec", "alpha slo", [(("spec",), {})], [("spec",)], "SER022", "SER024")
    yield _case(
        "alpha: method", "alpha slo", [(("spec", "budgetingMethod"), "x")], [("spec", "budgetingMethod")], "SER038"
    )
    yield _case("alpha: no service", "alpha slo", [(("spec", "service"), GONE)], [("spec",)], "SER022")
    yield _case("alpha: both", "alpha slo", [(("spec", "indicator"), {"thresholdMetric": _ALPHA_SOURCE})],
                [("spec", "indicator")], "SER024")  # fmt: skip
    yield _case("alpha: neither", "alpha threshold", [(("spec", "indicator"), GONE)], [("spec",)], "SER024")
    yield _case(
        "alpha: no threshold", "alpha threshold", [(("spec", "indicator"), {})], [("spec", "indicator")], "SER022"
    )
    for key in ("source", "queryType", "query"):
        where: Path = ("spec", "indicator", "thresholdMetric")
        yield _case(f"alpha: no {key}", "alpha threshold", [((*where, key), GONE)], [where], "SER022")
    yield _case("alpha: source of two words", "alpha slo", [((*at, "ratioMetrics", "good", "source"), "my prom")],
                [(*at, "ratioMetrics", "good", "source")], "SER152")  # fmt: skip
    windows: Path = ("spec", "timeWindows")
    week = BASES["alpha slo"]["spec"]["timeWindows"][0]
    yield _case("alpha: no window", "alpha slo", [(windows, [])], [windows], "SER157")
    yield _case("alpha: two windows", "alpha slo", [(windows, [week, week])], [windows], "SER157")
    yield _case("alpha: unit", "alpha slo", [((*windows, 0, "unit"), "Fortnight")], [(*windows, 0, "unit")], "SER038")
    yield _case("alpha: count", "alpha slo", [((*windows, 0, "count"), 0)], [(*windows, 0, "count")], "SER155")
    yield _case(
        "alpha: rolling", "alpha slo", [((*windows, 0, "isRolling"), True)], [(*windows, 0, "calendar")], "SER157"
    )
    yield _case("alpha: no calendar", "alpha slo", [((*windows, 0, "calendar"), GONE)], [(*windows, 0)], "SER157")
    for number in (1.0, -0.1):
        yield _case(f"alpha: target {number}", "alpha slo", [((*at, "target"), number)], [(*at, "target")], "SER155")
    yield _case("alpha: no target", "alpha slo", [((*at, "target"), GONE)], [at], "SER022")
    yield _case("alpha: op of a ratio", "alpha slo", [((*at, "op"), "gt")], [(*at, "op")], "SER157")
    yield _case("alpha: no op", "alpha threshold", [((*at, "op"), GONE)], [at], "SER022")
    yield _case("alpha: no value", "alpha threshold", [((*at, "value"), GONE)], [at], "SER022")
    yield _case("alpha: bad op", "alpha threshold", [((*at, "op"), "lessThan")], [(*at, "op")], "SER038")
    for key in ("good", "total"):
        yield _case(f"alpha: no {key}", "alpha slo", [((*at, "ratioMetrics", key), {})], [(*at, "ratioMetrics", key)],
                    "SER022")  # fmt: skip
    yield _case("alpha: no slices' target", "alpha slo", [((*at, "timeSliceTarget"), GONE)], [at], "SER022")


def _case(name: str, base: str, changes: list[tuple[Path, Any]], places: list[Path], *codes: str) -> Case:
    return Case(name, base, tuple(copy.deepcopy(changes)), tuple(places), frozenset(codes))

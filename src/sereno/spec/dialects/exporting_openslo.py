"""Writes OpenSLO v1. What it has no words for stands in annotations `sereno.dev/…`, which are read back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.spec.dialects.annotations import PREFIX, annotations_of
from sereno.spec.dialects.exporting import Document, Exported, Value, label, names_of, number, rate, windowed
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    EventsSli,
    GaugeSli,
    LatencySli,
    NativeLatencySli,
    QuerySli,
    Service,
    Sli,
    Slo,
    Spec,
)

_METHODS = {"occurrences": "Occurrences", "timeslices": "Timeslices", "ratio_timeslices": "RatioTimeslices"}
_UNITS = {"day": "1d", "week": "1w", "month": "1M", "quarter": "1Q", "year": "1Y"}
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_BEGINNING = "2024-01-01 00:00:00"  # a Monday, and the first day of a month, a quarter and a year
_MINUTE = timedelta(minutes=1)


def openslo(spec: Spec) -> Exported:
    """The services and objectives of `spec` as OpenSLO v1."""
    found, names = Exported(), names_of(spec)
    scale = spec.severities.scale
    usual = (scale[min(1, len(scale) - 1)].name, scale[min(2, len(scale) - 1)].name)
    for service in spec.services.values():
        if not service.slos:
            continue
        found.documents.append(_service(service))
        for slo in service.slos:
            document = _slo(service, slo, names[service.name, slo.name], usual, found)
            if document is not None:
                found.documents.append(document)
    return found


def _service(service: Service) -> Document:
    metadata: Document = {"name": label(service.name)}
    if service.title != service.name:
        metadata["displayName"] = service.title[:63]
    metadata["labels"] = {"team": [service.team]}
    spec: Document = {"description": service.description[:1050]} if service.description else {}
    return {"apiVersion": "openslo/v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _slo(service: Service, slo: Slo, name: str, usual: tuple[str, str], found: Exported) -> Document | None:
    indicator = _indicator(service, slo, found)
    window = _window(slo)
    if indicator is None:
        return None
    if window is None or (slo.method != "occurrences" and slo.slice_length % _MINUTE):
        found.say(service, slo, "left out: its window or slices are no whole minutes")
        return None
    try:
        goal = _goal(slo)
    except ValueError as error:
        found.say(service, slo, f"left out: {error}")
        return None
    metadata: Document = {"name": name}
    if slo.title:
        metadata["displayName"] = slo.title[:63]
    metadata["labels"] = {"team": [service.team]}
    annotations = _annotations(service, slo, name, usual, found)
    if annotations:
        metadata["annotations"] = dict(annotations)
    spec: Document = {"description": slo.description[:1050]} if slo.description else {}
    if len(slo.description) > 1050:
        found.say(service, slo, "its description is cut after 1,050 characters")
    spec |= {
        "service": label(service.name),
        "indicator": {"metadata": {"name": f"{name[:59]}-sli"}, "spec": indicator},
        "timeWindow": [window],
        "budgetingMethod": _METHODS[slo.method],
        "objectives": [goal],
    }
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec}


def _annotations(service: Service, slo: Slo, name: str, usual: tuple[str, str], found: Exported) -> dict[str, str]:
    plain = Slo(
        name, slo.objective, slo.window, slo.sli, page_severity=usual[0], ticket_severity=usual[1], title=slo.title[:63]
    )  # fmt: skip
    kept = annotations_of(slo, usual=plain)
    if slo.policy is not None:
        kept[PREFIX + "policy"] = slo.policy
        found.say(service, slo, f"its policy `{slo.policy}` stands in an annotation only")
    if label(service.name) != service.name:
        found.say(service, slo, f"its service is called {label(service.name)}")
    words = [key.removeprefix(PREFIX) for key in kept if key.removeprefix(PREFIX) not in ("name", "policy")]
    if words:
        found.say(service, slo, f"in annotations, since OpenSLO has no words for it: {', '.join(words)}")
    return kept


def _goal(slo: Slo) -> Document:
    goal: Document = {"target": number(slo.objective.ratio)}
    if isinstance(slo.sli, GaugeSli):
        plain = slo.sli.operator in _OPERATORS
        goal["op"] = _OPERATORS[slo.sli.operator] if plain else "gte"
        goal["value"] = number(slo.sli.threshold) if plain else 1
    if slo.method == "timeslices":
        goal["timeSliceTarget"] = number(slo.slice_target or Decimal(1))
    if slo.method != "occurrences":
        goal["timeSliceWindow"] = f"{slo.slice_length // _MINUTE}m"
    return goal


def _window(slo: Slo) -> Document | None:
    if isinstance(slo.calendar, Calendar):
        calendar = {"startTime": _BEGINNING, "timeZone": slo.calendar.zone}
        return {"duration": _UNITS[slo.calendar.unit], "isRolling": False, "calendar": calendar}
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", _MINUTE)):
        if not slo.window % length:
            return {"duration": f"{slo.window // length}{unit}", "isRolling": True}
    return None


def _indicator(service: Service, slo: Slo, found: Exported) -> Document | None:
    match slo.sli:
        case CompositeSli():
            found.say(service, slo, "left out: OpenSLO adds its parts' burns, and has no target for the whole")
            return None
        case GaugeSli() as gauge:
            query = gauge.value if gauge.operator in _OPERATORS else (
                f"({gauge.value}) {gauge.operator} bool {gauge.threshold:f}"
            )  # fmt: skip
            if query != gauge.value:
                found.say(service, slo, f"OpenSLO has no `{gauge.operator}`; its query compares instead")
            return {"thresholdMetric": _metric(query)}
        case QuerySli(ratio=str(ratio)):
            return {"ratioMetric": {"rawType": "failure", "raw": _metric(windowed(ratio))}}
        case NativeLatencySli() as native:
            found.say(service, slo, "a native histogram is asked for its share; it is read back as a query")
            share = f"1 - histogram_fraction(-Inf, {native.within_seconds:f}, {rate(native.histogram)})"
            return {"ratioMetric": {"rawType": "failure", "raw": _metric(share)}}
        case _:
            return {"ratioMetric": _ratio(slo.sli)}


def _ratio(sli: Sli) -> dict[str, Value]:
    match sli:
        case EventsSli(total=total, bad=str(bad)):
            return {"counter": True, "bad": _metric(f"sum({bad})"), "total": _metric(f"sum({total})")}
        case EventsSli(total=total, good=good):
            return {"counter": True, "good": _metric(f"sum({good})"), "total": _metric(f"sum({total})")}
        case LatencySli(buckets=buckets, count=count):
            return {"counter": True, "good": _metric(f"sum({buckets})"), "total": _metric(f"sum({count})")}
        case QuerySli(total=total, bad=str(bad)):
            return {"counter": False, "bad": _metric(windowed(bad)), "total": _metric(windowed(total or ""))}
        case QuerySli(total=total, good=good):
            return {"counter": False, "good": _metric(windowed(good or "")), "total": _metric(windowed(total or ""))}
    raise AssertionError(sli)


def _metric(query: str) -> Document:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}

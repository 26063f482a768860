"""Writes Pyrra's ServiceLevelObjective: one document an objective, over a rolling window, counted in events."""

from __future__ import annotations

import re
from datetime import timedelta

from sereno.kernel.duration import format_duration
from sereno.spec.dialects.annotations import PREFIX, annotations_of
from sereno.spec.dialects.exporting import Document, Exported, names_of, percent, within
from sereno.spec.model import EventsSli, GaugeSli, LatencySli, NativeLatencySli, Service, Slo, Spec

_WHOLE = re.compile(r'le=~"(\d+)\(\\\\\.0\)\?"')
_NAMED = {"name", "policy"}


def pyrra(spec: Spec) -> Exported:
    """The objectives of `spec` as Pyrra reads them."""
    found, names = Exported(), names_of(spec)
    scale = spec.severities.scale
    usual = (scale[min(1, len(scale) - 1)].name, scale[min(2, len(scale) - 1)].name)
    for service in spec.services.values():
        for slo in service.slos:
            document = _slo(service, slo, names[service.name, slo.name], usual, found)
            if document is not None:
                found.documents.append(document)
    return found


def _slo(service: Service, slo: Slo, name: str, usual: tuple[str, str], found: Exported) -> Document | None:
    indicator = _indicator(slo)
    sliced = slo.method != "occurrences" and not (
        isinstance(slo.sli, GaugeSli) and slo.method == "ratio_timeslices" and slo.slice_length == timedelta(minutes=1)
    )  # fmt: skip
    if indicator is None or sliced or slo.calendar is not None:
        found.say(service, slo, "left out: Pyrra has rolling windows over counters of errors, latencies and gauges")
        return None
    plain = Slo(name, slo.objective, slo.window, slo.sli, page_severity=usual[0], ticket_severity=usual[1])
    annotations = annotations_of(slo, usual=plain)
    if slo.policy is not None:
        annotations[PREFIX + "policy"] = slo.policy
    words = [key.removeprefix(PREFIX) for key in annotations if key.removeprefix(PREFIX) not in _NAMED]
    if words:
        found.say(service, slo, f"in annotations, since Pyrra has no words for it: {', '.join(words)}")
    metadata: Document = {"name": name, "labels": {"pyrra.dev/service": service.name, "pyrra.dev/team": service.team}}
    if annotations:
        metadata["annotations"] = dict(annotations)
    spec: Document = {"target": f"{percent(slo.objective.ratio):f}", "window": format_duration(slo.window)}
    if slo.description:
        spec["description"] = slo.description
    spec["indicator"] = indicator
    if not slo.alerting:
        spec["alerting"] = {"burnrates": False, "absent": False}
    return {"apiVersion": "pyrra.dev/v1alpha1", "kind": "ServiceLevelObjective", "metadata": metadata, "spec": spec}


def _indicator(slo: Slo) -> Document | None:
    match slo.sli:
        case EventsSli(total=total, bad=str(bad)):
            return {"ratio": {"errors": {"metric": bad}, "total": {"metric": total}}}
        case LatencySli(buckets=buckets, count=count):
            exact = _WHOLE.sub(r'le="\1"', buckets)  # Pyrra wants a number there
            return {"latency": {"success": {"metric": exact}, "total": {"metric": count}}}
        case NativeLatencySli(histogram=histogram, within_seconds=seconds):
            return {"latencyNative": {"latency": within(seconds), "total": {"metric": histogram}}}
        case GaugeSli(value=value, operator="==", threshold=threshold) if threshold == 1 and "(" not in value:
            return {"bool_gauge": {"metric": value}}
    return None

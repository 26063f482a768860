"""Writes Sloth's `prometheus/v1`: one document a service, objectives over 30 days counted in events."""

from __future__ import annotations

import re

from sereno.spec.dialects.exporting import Document, Exported, number, percent, rate, windowed
from sereno.spec.dialects.sloth import WINDOW
from sereno.spec.model import EventsSli, LatencySli, QuerySli, Service, Slo, Spec


def sloth(spec: Spec) -> Exported:
    """The objectives of `spec` as Sloth reads them."""
    found = Exported()
    for service in spec.services.values():
        slos = [one for slo in service.slos if (one := _slo(service, slo, found)) is not None]
        if slos:
            document: Document = {"version": "prometheus/v1", "service": service.name}
            found.documents.append({**document, "labels": {"owner": service.team}, "slos": slos})
    return found


def _slo(service: Service, slo: Slo, found: Exported) -> Document | None:
    sli = _sli(slo)
    if slo.method != "occurrences" or sli is None:
        found.say(service, slo, "left out: Sloth counts events, or takes a ratio of errors")
        return None
    if slo.calendar is not None or slo.window != WINDOW:
        found.say(service, slo, "Sloth takes its period from its command line; here it would be 30 days")
    _say_what_is_lost(service, slo, found)
    try:
        objective = number(percent(slo.objective.ratio))
    except ValueError as error:
        found.say(service, slo, f"left out: {error}")
        return None
    document: Document = {"name": slo.name, "objective": objective}
    if slo.description:
        document["description"] = slo.description
    labels = {key: value for key, value in slo.labels.items() if key != "owner"}
    if labels:
        document["labels"] = labels
    document["sli"] = sli
    document["alerting"] = _alerting(service, slo)
    return document


def _say_what_is_lost(service: Service, slo: Slo, found: Exported) -> None:
    lost = {
        "its own tiers": bool(slo.tiers),
        "its policy": slo.policy is not None,
        "its guard of low traffic": slo.low_traffic is not None,
        "keep_firing_for": bool(slo.keep_firing_for),
        "what planned time counts as": slo.maintenance != "exclude",
        "what unknown time counts as": slo.unknown != "ignore",
    }
    if any(lost.values()):
        found.say(service, slo, f"Sloth has no words for {', '.join(key for key, is_lost in lost.items() if is_lost)}")


def _sli(slo: Slo) -> Document | None:
    match slo.sli:
        case EventsSli(total=total, bad=str(bad)):
            return {"events": {"error_query": rate(bad), "total_query": rate(total)}}
        case EventsSli(total=total, good=good):
            return {"events": {"error_query": f"{rate(total)} - {rate(good or '')}", "total_query": rate(total)}}
        case LatencySli(buckets=buckets, count=count):
            return {"events": {"error_query": f"{rate(count)} - {rate(buckets)}", "total_query": rate(count)}}
        case QuerySli(ratio=str(ratio)):
            return {"raw": {"error_ratio_query": windowed(ratio)}}
        case QuerySli(total=str(total), bad=str(bad)):
            return {"events": {"error_query": windowed(bad), "total_query": windowed(total)}}
        case QuerySli(total=str(total), good=str(good)):
            whole, fine = windowed(total), windowed(good)
            return {"events": {"error_query": f"({whole}) - ({fine})", "total_query": whole}}
    return None


def _alerting(service: Service, slo: Slo) -> Document:
    if not slo.alerting:
        return {"page_alert": {"disable": True}, "ticket_alert": {"disable": True}}
    words = "".join(part.capitalize() for part in re.split(r"[-._]+", f"{service.name}-{slo.name}"))
    found: Document = {"name": f"{words}Burn"}
    notes = {"runbook": slo.runbook or "", "summary": slo.title}
    if any(notes.values()):
        found["annotations"] = {key: value for key, value in notes.items() if value}
    for kind, severity in (("page_alert", slo.page_severity), ("ticket_alert", slo.ticket_severity)):
        if severity:
            found[kind] = {"labels": {"severity": severity}}
    return found

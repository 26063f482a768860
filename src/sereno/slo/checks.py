"""What is wrong with objectives although every word of them is understood: what cannot be counted, or never alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.duration import format_duration
from sereno.slo.maintenance import check_rule
from sereno.slo.methods import method_of
from sereno.slo.tiers import tiers_of
from sereno.spec.model import CompositeSli, GaugeSli, Maintenance, QuerySli, Service, Slo, Source, Spec

SLICES_MAX = 1_000_000
_SCRAPES_MIN = 4
_QUARTER_MINUTE = timedelta(seconds=15)
Level = Literal["error", "warning"]


def check(spec: Spec) -> tuple[Diagnostic, ...]:
    """Every objective, and every maintenance, that cannot be what it says; in the order of the files.

    Codes SER180 to SER186; each at the place of the objective itself.
    """
    found = [one for service in spec.services.values() for slo in service.slos for one in _of_slo(spec, service, slo)]
    found += [one for planned in spec.maintenances.values() for one in _of_maintenance(planned)]
    return tuple(sorted(found, key=lambda one: (one.file, one.line, one.column, one.code)))


def _of_slo(spec: Spec, service: Service, slo: Slo) -> Iterator[Diagnostic]:
    for finding in (_unknown, _unweighed, _unguarded, _hasty, _countless, _silent):
        said = finding(spec, service, slo)
        if said is not None and slo.source is not None:
            code, level, message, hint = said
            yield _diagnostic(slo.source, code, level, f"{service.name}/{slo.name}: {message}", hint)


Said = tuple[str, Level, str, str] | None


def _unknown(spec: Spec, service: Service, slo: Slo) -> Said:
    counts_events = method_of(slo) == "occurrences" and not isinstance(slo.sli, CompositeSli)
    if slo.unknown == "ignore" or not counts_events:
        return None
    message = f"`unknown: {slo.unknown}` means nothing where events are counted: those that nobody saw have no number"
    return "SER180", "error", message, "count slices of time: `method: timeslices`"


def _unweighed(spec: Spec, service: Service, slo: Slo) -> Said:
    if not isinstance(slo.sli, QuerySli) or slo.sli.ratio is None or slo.method != "occurrences":
        return None
    message = "nothing weighs a ratio: its budget is the mean of every 5 minutes, however many events they held"
    return "SER181", "warning", message, "give `total` and `bad`, or say `method: ratio_timeslices`"


def _unguarded(spec: Spec, service: Service, slo: Slo) -> Said:
    if slo.low_traffic is None:
        return None
    uncounted = isinstance(slo.sli, GaugeSli | CompositeSli) or (
        isinstance(slo.sli, QuerySli) and slo.sli.ratio is not None
    )
    if uncounted:
        return "SER182", "warning", "`low_traffic` holds nothing back where no events are counted", "remove it"
    if slo.low_traffic.budget_fraction and method_of(slo) != "occurrences":
        return "SER182", "warning", "`budget_fraction` is about events, and slices are counted here", "remove it"
    return None


def _hasty(spec: Spec, service: Service, slo: Slo) -> Said:
    if method_of(slo) == "occurrences" or not isinstance(slo.sli, QuerySli):
        return None
    slowest = max((job.every for job in service.scrape), default=_QUARTER_MINUTE)
    if slo.slice_length >= _SCRAPES_MIN * slowest:
        return None
    message = (
        f"a slice of {format_duration(slo.slice_length)} holds fewer than four scrapes of {format_duration(slowest)},"
        " and a rate over it may be nothing"
    )
    return "SER183", "warning", message, f"slices of {format_duration(_SCRAPES_MIN * slowest)} or more"


def _countless(spec: Spec, service: Service, slo: Slo) -> Said:
    if method_of(slo) == "occurrences" or slo.window // slo.slice_length <= SLICES_MAX:
        return None
    window, length = format_duration(slo.window), format_duration(slo.slice_length)
    message = f"{window} hold more than {SLICES_MAX:,} slices of {length}"
    return "SER186", "error", message, "longer slices, or a shorter window"


def _silent(spec: Spec, service: Service, slo: Slo) -> Said:
    if not slo.alerting:
        return None
    slowest = max((job.every for job in service.scrape), default=_QUARTER_MINUTE)
    kept, dropped = tiers_of(slo, scrape_interval=slowest, evaluation_interval=_QUARTER_MINUTE)
    if kept or not dropped:
        return None
    message = "no burn-rate alert is left, so that nobody will hear of it: " + "; ".join(
        one.explanation for one in dropped
    )
    return "SER184", "warning", message, "a longer window, another objective, `tiers` of your own; or `alerting: false`"


def _of_maintenance(planned: Maintenance) -> Iterator[Diagnostic]:
    wrong = check_rule(planned)
    if wrong is not None and planned.source is not None:
        yield _diagnostic(planned.source, "SER185", "error", wrong, "a rule such as FREQ=WEEKLY;BYDAY=SU")


def _diagnostic(source: Source, code: str, level: Level, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, source.file, source.line, source.column, hint=hint, level=level)

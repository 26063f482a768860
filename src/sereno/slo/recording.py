"""The series that a Prometheus records of each objective, so that dashboards and people read exact budgets from it.

Counts are recorded, never ratios: a mean of ratios weighs an idle night like a busy day. Every 5 minutes the events of
5 minutes are written down; over a period they add up to exactly the events that there were. Time in slices is written
down slice by slice. All series carry service, slo and team:

| series | what it is |
| --- | --- |
| `sereno:bad:rate5m`, `sereno:total:rate5m` | events a second, every 5 minutes |
| `sereno:slice:bad` | how bad the last slice was: 0 or 1, or its ratio (objectives that count slices) |
| `sereno:error:ratio_period` | the share of bad events (slices) over the objective's window |
| `sereno:budget:remaining_ratio` | what is left of the budget: 1 at first, negative once overspent |
| `sereno:burn:rate1h` | how many times faster than allowed, over the last hour |
| `sereno:objective:ratio` | the target |
| `sereno:coverage:ratio_period` | the share of the window about which something is known |

Nothing is recorded that is not known: no NaN, no infinity, no zero in place of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.slo.composites import in_slices
from sereno.slo.expressions import bad_rate, bad_ratio, slice_badness, total_rate
from sereno.slo.recording_time import Unexpressed, elapsed_seconds, is_active, longest, period_index
from sereno.spec.model import Calendar, CompositeSli, GaugeSli, Part, QuerySli, Service, Slo, Spec

__all__ = [
    "CALENDAR", "EVERY", "MAINTENANCE", "TILE", "Record", "RecordGroup", "Recorded", "common_records", "in_slices",
    "labels_of", "records_of", "series",
]  # fmt: skip

TILE = timedelta(minutes=5)
EVERY = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_PADDING = 2 * TILE  # the rates of the last tile still hold what happened during the maintenance
MAINTENANCE = "sereno:maintenance:active"
CALENDAR = "sereno:calendar:index"


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule."""

    name: str
    expr: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class RecordGroup:
    """Recording rules that are evaluated together, in order, every `every`."""

    name: str
    every: timedelta
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded, and sentences about what cannot be."""

    groups: tuple[RecordGroup, ...] = ()
    notes: tuple[str, ...] = ()


def labels_of(service: Service, slo: Slo) -> Labels:
    """The labels of everything that is recorded of an objective."""
    return Labels(service=service.name, slo=slo.name, team=service.team)


def series(name: str, service: str, slo: str) -> str:
    """The selector of a series of one objective, whatever team it belonged to."""
    return f'{name}{{service="{service}",slo="{slo}"}}'


def common_records(spec: Spec) -> Recorded:
    """What several objectives read: planned maintenance by service, and which calendar period it is by zone."""
    notes: list[str] = []
    planned: list[Record] = []
    for name in sorted(spec.maintenances):
        maintenance = spec.maintenances[name]
        active = is_active(maintenance, padding=_PADDING)
        if isinstance(active, Unexpressed):
            notes.append(
                f"the rules do not leave out the maintenance {name}, Sereno itself does: {active.reason}"
            )  # fmt: skip
            continue
        affected = sorted(maintenance.services or spec.services)
        planned += [Record(MAINTENANCE, active, Labels(service=each, maintenance=name)) for each in affected]
    calendars = {slo.calendar for service in spec.services.values() for slo in service.slos if slo.calendar}
    indices = [
        Record(CALENDAR, index, Labels(unit=calendar.unit, zone=calendar.zone))
        for calendar in sorted(calendars, key=lambda found: (found.zone, found.unit))
        if (index := period_index(calendar)) is not None
    ]
    records = (*planned, *indices)
    return Recorded((RecordGroup("sereno/common", EVERY, records),) if records else (), tuple(notes))


def records_of(spec: Spec, service: Service, slo: Slo, *, scrape_interval: timedelta) -> Recorded:
    """What is recorded of one objective.

    Args:
        spec: the workspace, for its maintenance.
        service: whose objective it is.
        slo: the objective.
        scrape_interval: how often what it selects is scraped; a slice's rates look back over four of those at least.
    """
    counts, notes = _counts(service, slo, scrape_interval)
    period, more = _period(spec, service, slo)
    return Recorded((*counts, *period), (*notes, *more))


def _counts(service: Service, slo: Slo, scrape_interval: timedelta) -> tuple[tuple[RecordGroup, ...], tuple[str, ...]]:
    """What is written down as it happens: events every 5 minutes, slices at their end."""
    labels, group = labels_of(service, slo), f"{service.name}/slo/{slo.name}"
    notes: tuple[str, ...] = ()
    groups = []
    if not isinstance(slo.sli, GaugeSli | CompositeSli):
        if isinstance(slo.sli, QuerySli) and slo.sli.ratio is not None:
            bad = bad_ratio(slo.sli, TILE)
            total = f"{bad} >= bool -Inf"
            notes = (f"{group}: a ratio weighs nothing, so that every 5 minutes of it count the same",)
        else:
            span = format_duration(TILE)
            bad = bad_rate(slo.sli, span)
            # Events of which nobody can say whether they were bad would make the ratio look better than it is.
            total = f"{total_rate(slo.sli, span)} and {bad}"
        records = (Record("sereno:bad:rate5m", bad, labels), Record("sereno:total:rate5m", total, labels))
        groups.append(RecordGroup(f"{group}/counts", TILE, records))
    if in_slices(slo):
        one = Record("sereno:slice:bad", slice_badness(slo, scrape=scrape_interval), labels)
        groups.append(RecordGroup(f"{group}/slices", slo.slice_length, (one,)))
    return tuple(groups), notes


def _period(spec: Spec, service: Service, slo: Slo) -> tuple[tuple[RecordGroup, ...], tuple[str, ...]]:
    labels, group = labels_of(service, slo), f"{service.name}/slo/{slo.name}"
    budget = f"{slo.objective.budget:f}"
    objective = Record("sereno:objective:ratio", f"vector({slo.objective.ratio:f})", labels)
    window, notes = _window(spec, service, slo)
    if window is None:
        return (RecordGroup(f"{group}/period", EVERY, (objective,)),), notes
    ratio = _ratio(slo, service, window)
    recent = _ratio(slo, service, _Window(format_duration(_HOUR), _HOUR, excluded=window.excluded))
    error = series("sereno:error:ratio_period", service.name, slo.name)
    records = (
        objective,
        Record("sereno:error:ratio_period", ratio, labels),
        Record("sereno:budget:remaining_ratio", f"1 - sum({error}) / {budget}", labels),
        Record("sereno:burn:rate1h", f"({recent}) / {budget}", labels),
        Record("sereno:coverage:ratio_period", _coverage(slo, service, window), labels),
    )
    return (RecordGroup(f"{group}/period", EVERY, records),), notes


@dataclass(frozen=True, slots=True)
class _Window:
    """A window as PromQL reads it: the range, its length in seconds (PromQL, or a duration), and what is left out."""

    range: str
    length: timedelta | str
    only: str = ""
    excluded: str = ""
    good: bool = False

    @property
    def seconds(self) -> str:
        return f"{self.length.total_seconds():.0f}" if isinstance(self.length, timedelta) else f"({self.length})"

    def over(self, function: str, selector: str, step: timedelta, *, unless: bool = True) -> str:
        """`function` over the window of what `selector` recorded every `step`."""
        kept = selector
        if self.excluded and unless:
            kept = f"({kept} unless on (service) {self.excluded})"
        if self.only:
            kept = f"({kept} and on () {self.only})"
        span = self.range if kept == selector else f"{self.range}:{format_duration(step)}"
        return f"sum({function}({kept}[{span}]))"


def _window(spec: Spec, service: Service, slo: Slo) -> tuple[_Window | None, tuple[str, ...]]:
    services = (
        {service.name, *(p.service for p in slo.sli.parts)} if isinstance(slo.sli, CompositeSli) else {service.name}
    )
    planned = slo.maintenance != "count" and any(_expressed(spec, name) for name in sorted(services))
    excluded = MAINTENANCE if planned else ""
    good = slo.maintenance == "good"
    if slo.calendar is None:
        return _Window(format_duration(slo.window), slo.window, excluded=excluded, good=good), ()
    elapsed = elapsed_seconds(slo.calendar)
    if elapsed is None:
        return None, (
            f"{service.name}/{slo.name}: no budget is recorded, for the clocks of {slo.calendar.zone} change and"
            " Prometheus knows no time zones; Sereno itself counts it",
        )  # fmt: skip
    return _Window(longest(slo.calendar), elapsed, _running(slo.calendar), excluded, good), ()


def _running(calendar: Calendar) -> str:
    index = f'{CALENDAR}{{unit="{calendar.unit}",zone="{calendar.zone}"}}'
    return f"({index} == on () {index} @ end())"


def _expressed(spec: Spec, service: str) -> bool:
    """Whether there is planned maintenance of a service that rules can leave out."""
    return any(
        (not maintenance.services or service in maintenance.services)
        and not isinstance(is_active(maintenance, padding=_PADDING), Unexpressed)
        for maintenance in spec.maintenances.values()
    )


def _ratio(slo: Slo, service: Service, window: _Window) -> str:
    """The share of what was bad over `window`."""
    if isinstance(slo.sli, CompositeSli) and not in_slices(slo):
        return _joined(slo.sli, [_part(slo, part, window) for part in slo.sli.parts])
    if in_slices(slo):
        return _slices_ratio(slo, service, window)
    bad = window.over("sum_over_time", series("sereno:bad:rate5m", service.name, slo.name), TILE)
    total = window.over(
        "sum_over_time", series("sereno:total:rate5m", service.name, slo.name), TILE, unless=not window.good
    )
    return f"{bad} / ({total} > 0)" if not window.good else f"({bad} or 0 * {total}) / ({total} > 0)"


def _slices_ratio(slo: Slo, service: Service, window: _Window) -> str:
    found = series("sereno:slice:bad", service.name, slo.name)
    bad = window.over("sum_over_time", found, slo.slice_length)
    known = window.over("count_over_time", found, slo.slice_length, unless=not window.good)
    slices = f"({window.seconds} / {slo.slice_length.total_seconds():.0f})"
    match slo.unknown:
        case "ignore":
            return f"{bad} / ({known} > 0)" if not window.good else f"({bad} or 0 * {known}) / ({known} > 0)"
        case "bad":
            good = f"({window.over('count_over_time', found, slo.slice_length)} - {bad})"
            return f"1 - ({good} or vector(0)) / {slices}"
        case "good":
            return f"({bad} or vector(0)) / {slices}"


def _part(slo: Slo, part: Part, window: _Window) -> str:
    """The share of a part; where nobody watched it, what `unknown` makes of that."""
    service = Service(part.service, "")
    ratio = _ratio(part.slo, service, window)
    if slo.unknown == "ignore":
        return ratio
    known = _known(part.slo, service, window)
    return f"{ratio} or (vector({int(slo.unknown == 'bad')}) unless {known})"


def _joined(sli: CompositeSli, ratios: list[str]) -> str:
    """A part without events has no share and takes no part."""
    operands = [f"({ratio})" for ratio in ratios]
    if sli.mode == "product":
        good = " * ".join(f"((1 - {one}) or vector(1))" for one in operands)
        return f"1 - {good} and ({' or '.join(operands)})"
    weights = [f"{part.weight:f}" for part in sli.parts]
    bad = " + ".join(f"({weight} * {one} or vector(0))" for weight, one in zip(weights, operands, strict=True))
    all_ = " + ".join(f"({weight} + 0 * {one} or vector(0))" for weight, one in zip(weights, operands, strict=True))
    return f"({bad}) / (({all_}) > 0)"


def _coverage(slo: Slo, service: Service, window: _Window) -> str:
    """Composites are known as well as the least known of their parts."""
    if isinstance(slo.sli, CompositeSli) and not in_slices(slo):
        parts = [_coverage(part.slo, Service(part.service, ""), window) for part in slo.sli.parts]
        labelled = (f'label_replace({part}, "part", "{n}", "", "")' for n, part in enumerate(parts))
        return f"min({' or '.join(labelled)})"
    known = _known(slo, service, window)
    return f"clamp_max({known} * {_recorded(slo)[1].total_seconds():.0f} / {window.seconds}, 1) or vector(0)"


def _known(slo: Slo, service: Service, window: _Window) -> str:
    """How many tiles (slices) of `window` were recorded."""
    if isinstance(slo.sli, CompositeSli) and not in_slices(slo):
        raise TypeError("no part of a composite is itself one")
    name, step = _recorded(slo)
    return window.over("count_over_time", series(name, service.name, slo.name), step, unless=False)


def _recorded(slo: Slo) -> tuple[str, timedelta]:
    return ("sereno:slice:bad", slo.slice_length) if in_slices(slo) else ("sereno:bad:rate5m", TILE)

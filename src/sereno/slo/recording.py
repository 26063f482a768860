"""The series that a Prometheus records of each objective, so that dashboards and people read exact budgets from it.

Counts are recorded, never ratios: a mean of ratios weighs an idle night like a busy day. Every 5 minutes the events of
5 minutes are written down; over a period they add up to the events that there were, as Prometheus's rates tell them:
what happened between the last scrape of 5 minutes and the first of the next is extrapolated, so that rare bursts may
weigh a scrape's share of 5 minutes more or less than they should. `sereno budget` counts each event once. Time in
slices is written down slice by slice. All series carry service, slo and team:

| series | what it is |
| --- | --- |
| `sereno:bad:rate5m`, `sereno:total:rate5m` | events a second, every 5 minutes |
| `sereno:slice:bad` | how bad the last slice was: 0 or 1, or its ratio (objectives that count slices) |
| `sereno:bad:counted`, `sereno:total:counted`, `sereno:slice:counted` | of these what counts: nothing during planned
  maintenance; with the calendar's `period` as a label (objectives that have either) |
| `sereno:planned:counted` | planned maintenance, slice by slice (where slices that nobody watched count, too) |
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
_PADDING = TILE  # the rates of 5 minutes still hold what happened during the maintenance
BAD, TOTAL, SLICE = "sereno:bad:rate5m", "sereno:total:rate5m", "sereno:slice:bad"
BAD_COUNTED, TOTAL_COUNTED, SLICE_COUNTED = "sereno:bad:counted", "sereno:total:counted", "sereno:slice:counted"
KNOWN = "sereno:known:counted"
PLANNED = "sereno:planned:counted"
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
    counts, notes = _counts(spec, service, slo, scrape_interval)
    period, more = _period(spec, service, slo)
    return Recorded((*counts, *period), (*notes, *more))


def _counts(
    spec: Spec, service: Service, slo: Slo, scrape_interval: timedelta
) -> tuple[tuple[RecordGroup, ...], tuple[str, ...]]:
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
        records = (Record(BAD, bad, labels), Record(TOTAL, total, labels))
        counted = () if in_slices(slo) else _counted(spec, service, slo)
        groups.append(RecordGroup(f"{group}/counts", TILE, (*records, *counted)))
    if in_slices(slo):
        one = Record(SLICE, slice_badness(slo, scrape=scrape_interval), labels)
        groups.append(RecordGroup(f"{group}/slices", slo.slice_length, (one, *_counted(spec, service, slo))))
    return tuple(groups), notes


def _counted(spec: Spec, service: Service, slo: Slo) -> tuple[Record, ...]:
    """What counts of what happened, where that is not all of it: nothing that was planned, and period by period."""
    planned, period = _has_planned(spec, service.name, slo), slo.calendar is not None
    if not planned and not period:
        return ()
    labels = labels_of(service, slo)
    good = slo.maintenance == "good"
    names = [(SLICE, SLICE_COUNTED, planned)] if in_slices(slo) else [(BAD, BAD_COUNTED, planned)]
    if not in_slices(slo):
        names.append((TOTAL, TOTAL_COUNTED, planned and not good))
    found = []
    for name, counted, leaves_out in names:
        expr = series(name, service.name, slo.name)
        if leaves_out:
            during = f"0 * ({_under_way(service.name) if in_slices(slo) else expr})" if good else ""
            expr = f"{expr} unless on (service) {MAINTENANCE}" + (f" or {during}" if good else "")
        found.append(Record(counted, _with_period(expr, slo.calendar), labels))
    if _leaves_slices_out(spec, service.name, slo):
        found.append(Record(PLANNED, _with_period(_under_way(service.name), slo.calendar), labels))
    if period:
        known = f"0 * {series(_recorded(slo)[0], service.name, slo.name)} + 1"
        found.append(Record(KNOWN, _with_period(known, slo.calendar), labels))
    return tuple(found)


def _under_way(service: str) -> str:
    """1 during planned maintenance of `service`, whether anything is known of it or not."""
    return f'max by (service) ({MAINTENANCE}{{service="{service}"}})'


def _leaves_slices_out(spec: Spec, service: str, slo: Slo) -> bool:
    """Whether slices are left out that would count although nobody watched them."""
    filled = in_slices(slo) and slo.unknown != "ignore" and slo.maintenance == "exclude"
    return filled and _has_planned(spec, service, slo)


def _with_period(expr: str, calendar: Calendar | None) -> str:
    if calendar is None or period_index(calendar) is None:
        return expr
    return f"({expr}) * on () group_left (period) {_running(calendar)}"


def _running(calendar: Calendar) -> str:
    """The running period as a label."""
    return f'count_values("period", {CALENDAR}{{unit="{calendar.unit}",zone="{calendar.zone}"}})'


def _has_planned(spec: Spec, service: str, slo: Slo) -> bool:
    """Whether there is planned maintenance of a service that rules leave out of the objective."""
    return slo.maintenance != "count" and any(
        (not maintenance.services or service in maintenance.services)
        and not isinstance(is_active(maintenance, padding=_PADDING), Unexpressed)
        for maintenance in spec.maintenances.values()
    )


def _period(spec: Spec, service: Service, slo: Slo) -> tuple[tuple[RecordGroup, ...], tuple[str, ...]]:
    labels, group = labels_of(service, slo), f"{service.name}/slo/{slo.name}"
    budget = f"{slo.objective.budget:f}"
    objective = Record("sereno:objective:ratio", f"vector({slo.objective.ratio:f})", labels)
    reason = unrecorded(slo)
    if reason is not None:
        notes = (f"{service.name}/{slo.name}: no budget is recorded: {reason}; Sereno itself counts it",)
        return (RecordGroup(f"{group}/period", EVERY, (objective,)),), notes
    window = _Window(slo.window, slo.calendar)
    ratio = _ratio(spec, slo, service.name, window)
    recent = _ratio(spec, slo, service.name, _Window(_HOUR))
    error = series("sereno:error:ratio_period", service.name, slo.name)
    records = (
        objective,
        Record("sereno:error:ratio_period", ratio, labels),
        Record("sereno:budget:remaining_ratio", f"1 - sum({error}) / {budget}", labels),
        Record("sereno:burn:rate1h", f"({recent}) / {budget}", labels),
        Record("sereno:coverage:ratio_period", _coverage(slo, service.name, window), labels),
    )
    return (RecordGroup(f"{group}/period", EVERY, records),), _of_the_whole(spec, service, slo)


def _of_the_whole(spec: Spec, service: Service, slo: Slo) -> tuple[str, ...]:
    """What is said of planned maintenance of a composite that is none of all its parts: rules join the parts' own."""
    if not isinstance(slo.sli, CompositeSli) or in_slices(slo) or slo.maintenance == "count":
        return ()
    parts = {part.service for part in slo.sli.parts if part.slo.maintenance == slo.maintenance}
    alike = len(parts) == len({part.service for part in slo.sli.parts})
    own = (each for each in spec.maintenances.values() if not each.services or service.name in each.services)
    named = sorted(each.name for each in own if not alike or (each.services and not parts <= set(each.services)))
    text = f"{service.name}/{slo.name}: the rules count the maintenance {{}} as its parts do, Sereno itself by its own"
    return tuple(text.format(name) for name in named)


def unrecorded(slo: Slo) -> str | None:
    """Why Prometheus cannot count the budget of an objective; None if it can."""
    if slo.calendar is None:
        return None
    if period_index(slo.calendar) is None:
        return f"the clocks of {slo.calendar.zone} change and Prometheus knows no time zones"
    if isinstance(slo.sli, CompositeSli) and not in_slices(slo):
        return "its parts are not counted by its calendar"
    return None


@dataclass(frozen=True, slots=True)
class _Window:
    """A window as PromQL reads it: rolling, or the running period of a calendar."""

    length: timedelta
    calendar: Calendar | None = None

    @property
    def seconds(self) -> str:
        """How long it is, or has been running."""
        elapsed = None if self.calendar is None else elapsed_seconds(self.calendar)
        return f"{self.length.total_seconds():.0f}" if elapsed is None else f"({elapsed})"

    def over(self, function: str, selector: str) -> str:
        """`function` over the window of what `selector` selects, added up."""
        if self.calendar is None:
            return f"sum({function}({selector}[{format_duration(self.length)}]))"
        inside = f"{function}({selector}[{longest(self.calendar)}])"
        return f"sum({inside} and on (period) {_running(self.calendar)})"


def _ratio(spec: Spec, slo: Slo, service: str, window: _Window) -> str:
    """The share of what was bad over `window`."""
    if isinstance(slo.sli, CompositeSli) and not in_slices(slo):
        return _joined(slo.sli, [_part(spec, slo, part, window) for part in slo.sli.parts])
    if in_slices(slo):
        return _slices_ratio(spec, slo, service, window)
    names = (BAD_COUNTED, TOTAL_COUNTED) if _has_counted(spec, service, slo) else (BAD, TOTAL)
    bad, total = (window.over("sum_over_time", series(name, service, slo.name)) for name in names)
    return f"{bad} / ({total} > 0)"


def _has_counted(spec: Spec, service: str, slo: Slo) -> bool:
    return slo.calendar is not None or _has_planned(spec, service, slo)


def _slices_ratio(spec: Spec, slo: Slo, service: str, window: _Window) -> str:
    found = series(SLICE_COUNTED if _has_counted(spec, service, slo) else SLICE, service, slo.name)
    bad, known = window.over("sum_over_time", found), window.over("count_over_time", found)
    slices = f"({window.seconds} / {slo.slice_length.total_seconds():.0f})"
    if _leaves_slices_out(spec, service, slo):
        planned = window.over("count_over_time", series(PLANNED, service, slo.name))
        slices = f"({slices} - ({planned} or vector(0)))"
    match slo.unknown:
        case "ignore":
            return f"{bad} / ({known} > 0)"
        case "bad":
            return f"1 - (({known} - {bad}) or vector(0)) / {slices}"
        case "good":
            return f"({bad} or vector(0)) / {slices}"


def _part(spec: Spec, slo: Slo, part: Part, window: _Window) -> str:
    """The share of a part; where nobody watched it, what `unknown` makes of that."""
    ratio = _ratio(spec, part.slo, part.service, window)
    if slo.unknown == "ignore":
        return ratio
    known = window.over("count_over_time", series(_recorded(part.slo)[0], part.service, part.slo.name))
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


def _coverage(slo: Slo, service: str, window: _Window) -> str:
    """Composites are known as well as the least known of their parts."""
    if isinstance(slo.sli, CompositeSli) and not in_slices(slo):
        parts = [_coverage(part.slo, part.service, window) for part in slo.sli.parts]
        labelled = (f'label_replace({part}, "part", "{n}", "", "")' for n, part in enumerate(parts))
        return f"min({' or '.join(labelled)})"
    name, step = _recorded(slo)
    known = window.over("count_over_time", series(name if window.calendar is None else KNOWN, service, slo.name))
    return f"clamp_max({known} * {step.total_seconds():.0f} / {window.seconds}, 1) or vector(0)"


def _recorded(slo: Slo) -> tuple[str, timedelta]:
    return (SLICE, slo.slice_length) if in_slices(slo) else (BAD, TILE)

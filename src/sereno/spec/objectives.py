"""Reads objectives: what is promised, over which window, and how it is counted.

```yaml
slos:
  - name: availability
    title: People can pay            # optional, the name by default
    description: …                   # optional
    objective: 99.95%                # exactly as written, decimals and all
    window: 30d                      # rolling, 5m … 400d; or {calendar: month, zone: America/Lima}
    method: occurrences              # or timeslices, ratio_timeslices
    sli: {http: {}}                  # what is counted, see Indicators below
    unknown: ignore                  # what time without any samples counts as: ignore, bad or good
    maintenance: exclude             # what planned time counts as: exclude, good or count
    low_traffic: {min_events: 100, min_failures: 5, budget_fraction: true}
    policy: standard                 # what is done as the budget goes
    runbook: runbooks/payments.md    # counts from this file; or a web address
    severity: P1                     # of the pages of a fast burn; by default the second of the scale
    ticket: P3                       # of a slow burn; by default the third
    keep_firing_for: 0s              # of its alerts
    alerting: true                   # false: it is only counted
    labels: {area: money}            # of its alerts, beside those that Sereno sets itself
    tiers:                           # by default they follow from the window
      - {long: 1h, short: 5m, burn: 14.4}
      - {long: 6h, short: 30m, burn: 6, for: 2m}
      - {long: 3d, short: 6h, burn: 1.5, kind: ticket}
  - name: fresh
    objective: 99%
    window: {calendar: month, zone: America/Lima}
    method: timeslices               # the share of slices that were good
    slice: 1m                        # how long a slice is; 1m by default
    slice_objective: 95%             # a slice is good when so many of its events are
    sli: {http: {}}
  - name: latency                    # becomes latency-p95 and latency-p99
    window: 7d
    sli:
      latency:
        histogram: http_request_duration_seconds{job="api"}
        promises: [{objective: 95%, within: 300ms}, {objective: 99%, within: 1s}]
```
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal, cast

from sereno.kernel.labels import Labels
from sereno.spec import values
from sereno.spec.cloud import cloudwatch
from sereno.spec.fields import Fields, expect
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    EventsSli,
    GaugeSli,
    LowTraffic,
    Method,
    Objective,
    Part,
    Service,
    Slo,
)
from sereno.spec.paths import runbook
from sereno.spec.reading import Reading
from sereno.spec.sli import Promised, indicator
from sereno.spec.source import Mapping, Node, Scalar
from sereno.spec.tiers import tiers

_ROLLING = values.duration_within("5m", "400d")
_SLICE = values.duration_within("10s", "1d")
_WAIT = values.duration_within("0s", "30d")
_METHOD = values.one_of("occurrences", "timeslices", "ratio_timeslices")
_UNKNOWN = values.one_of("ignore", "bad", "good")
_MAINTENANCE = values.one_of("exclude", "good", "count")
_CALENDARS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
_CALENDAR = values.one_of(*_CALENDARS)
_LABELS = values.labels(
    *sorted(values.RESERVED_LABELS), "slo", "window_long", "window_short", "burn_factor", "budget_share", "exhausts_in"
)
_EVENTS = values.number_within("1", "1e12")

Window = tuple[timedelta, Calendar | None]


def slo(reading: Reading, node: Node) -> tuple[Slo, ...]:
    """The objective declared by `node`; several when it promises several percentiles."""
    fields = Fields(
        reading,
        node,
        "an objective",
        required=("name", "window", "sli"),
        optional=(
            "objective", "extends", "title", "description", "method", "slice", "slice_objective", "unknown",
            "maintenance", "low_traffic", "policy", "runbook", "severity", "ticket", "keep_firing_for", "alerting",
            "tiers", "labels", "cloudwatch",
        ),
    )  # fmt: skip
    name = fields.read("name", values.name) or ""
    window, calendar = fields.read("window", _window) or (timedelta(days=30), None)
    read = fields.read("sli", indicator)
    sli, promised = (read.sli, read.promised) if read else (EventsSli("", "", None), ())
    alone = _objective(reading, fields, promised, understood=read is not None)
    alerting = fields.read("alerting", values.flag)
    one = Slo(
        name=name,
        objective=alone or Objective("50%", Decimal("0.5")),
        window=window,
        sli=sli,
        description=fields.read("description", values.text) or "",
        runbook=fields.read("runbook", runbook),
        page_severity=_page_severity(reading, fields),
        ticket_severity=fields.read("ticket", values.severity) or _of_the_scale(reading, 2),
        source=reading.source(node),
        tiers=fields.read("tiers", tiers) or (),
        title=fields.read("title", values.text) or "",
        calendar=calendar,
        slice_length=fields.read("slice", _SLICE) or timedelta(minutes=1),
        unknown=cast(Literal["ignore", "bad", "good"], fields.read("unknown", _UNKNOWN) or "ignore"),
        maintenance=cast(Literal["exclude", "good", "count"], fields.read("maintenance", _MAINTENANCE) or "exclude"),
        low_traffic=fields.read("low_traffic", _low_traffic),
        policy=fields.read("policy", reading.reference("policy")),
        keep_firing_for=fields.read("keep_firing_for", _WAIT) or timedelta(0),
        alerting=alerting is not False,
        labels=fields.read("labels", _LABELS) or Labels(),
        cloudwatch=fields.read("cloudwatch", cloudwatch),
    )
    one = _counted(reading, fields, one)
    if promised and (place := fields.key("cloudwatch")) is not None:
        reading.complain(
            "SER024", place, "two metrics do not count several `promises`", expected="an objective for each promise"
        )
    if read is not None and read.parts is not None:
        reading.composites.append(("", name, read.parts))
    return tuple(_promise(one, each) for each in promised) or (one,)


def _objective(
    reading: Reading, fields: Fields, promised: tuple[Promised, ...], *, understood: bool
) -> Objective | None:
    """The target, which is asked for unless each of several promises brings its own."""
    place = fields.key("objective")
    if promised:
        if place is not None:
            reading.complain(
                "SER024", place, "each of the `promises` has its own objective", expected="no `objective` here"
            )
        return None
    if place is None and understood and isinstance(fields.node, Mapping):
        reading.complain("SER022", fields.node, "an objective needs `objective`", expected="the key `objective`")
    return fields.read("objective", values.objective)


def _promise(slo: Slo, promised: Promised) -> Slo:
    """One of several percentiles, as an objective of its own."""
    percentile = promised.objective.text.rstrip("% ")
    return replace(
        slo,
        name=f"{slo.name}-p{percentile}",
        title=f"{slo.title} p{percentile}" if slo.title else "",
        objective=promised.objective,
        sli=promised.sli,
    )


def _page_severity(reading: Reading, fields: Fields) -> str:
    page = fields.read("severity", values.severity) or _of_the_scale(reading, 1)
    found = reading.severities.find(page)
    alerting = fields.value("alerting")
    silent = isinstance(alerting, Scalar) and alerting.value.lower() == "false"
    if found is not None and found.page == "never" and not silent:
        place = fields.value("severity") or fields.node
        reading.complain("SER076", place, f"a fast burn would page nobody: severity `{page}` never pages")
    return page


def _of_the_scale(reading: Reading, index: int) -> str:
    scale = reading.severities.scale
    return scale[min(index, len(scale) - 1)].name


def _window(reading: Reading, node: Node) -> Window | None:
    """A rolling window's length; or a calendar's nominal length, and the calendar."""
    if isinstance(node, Mapping):
        fields = Fields(reading, node, "a calendar window", required=("calendar",), optional=("zone",))
        unit = fields.read("calendar", _CALENDAR)
        zone = fields.read("zone", values.zone) or "UTC"
        if unit is None:
            return None
        calendar = Calendar(cast(Literal["day", "week", "month", "quarter", "year"], unit), zone)
        return timedelta(days=_CALENDARS[unit]), calendar
    if isinstance(node, Scalar) and node.value.strip().lower() in _CALENDARS:
        written = node.value.strip().lower()
        reading.complain(
            "SER030",
            node,
            f"`{written}` is not a duration",
            expected="a duration such as 30d, or a calendar",
            hint=f"write `{{calendar: {written}}}`",
        )
        return None
    found = _ROLLING(reading, node)
    return None if found is None else (found, None)


def _low_traffic(reading: Reading, node: Node) -> LowTraffic | None:
    fields = Fields(reading, node, "a guard of low traffic", optional=("min_events", "min_failures", "budget_fraction"))
    if isinstance(node, Mapping) and not node.entries:
        expect(reading, node, "at least one of min_events, min_failures and budget_fraction")
        return None
    return LowTraffic(
        events_min=fields.read("min_events", _EVENTS),
        failures_min=fields.read("min_failures", _EVENTS),
        budget_fraction=fields.read("budget_fraction", values.flag) or False,
    )


def _counted(reading: Reading, fields: Fields, slo: Slo) -> Slo:
    """`slo` with its method, which must fit what is counted."""
    gauge = isinstance(slo.sli, GaugeSli)
    declared = cast(Method | None, fields.read("method", _METHOD))
    method: Method = declared or ("timeslices" if gauge else "occurrences")
    target = fields.read("slice_objective", values.share_within("0%", "100%"))
    if gauge and method == "occurrences":
        place = fields.value("method") or fields.node
        reading.complain(
            "SER118", place, "a gauge has no events to count", expected="`timeslices` (the default for it)",
        )  # fmt: skip
    for key in ("slice", "slice_objective"):
        place_of_key = fields.key(key)
        if method == "occurrences" and place_of_key is not None and (declared or not fields.has("method")):
            reading.complain(
                "SER118",
                place_of_key,
                f"`{key}` means nothing where events are counted",
                expected="`method: timeslices`, or no such key",
            )
    if method == "timeslices" and not gauge and not fields.has("slice_objective"):
        place = fields.value("method") or fields.node
        reading.complain(
            "SER118", place, "nothing says when a slice is good", expected="`slice_objective`, such as 95%"
        )
    if fields.has("slice") and slo.slice_length * 2 > slo.window:
        place = fields.value("slice") or fields.node
        reading.complain("SER118", place, "the window holds no two such slices", expected="a shorter slice")
    return replace(slo, method=method, slice_target=target)


def slos(reading: Reading, node: Node) -> tuple[Slo, ...] | None:
    """The objectives in a list; two of the same name are reported."""
    found = values.items(_with_place, what="objectives", empty=True)(reading, node)
    if found is None:
        return None
    seen: dict[str, Node] = {}
    for several, place in found:
        for one in several:
            if one.name in seen and seen[one.name] is not place:
                reading.complain_twice(place, seen[one.name], f"objective `{one.name}`")
            seen.setdefault(one.name, place)
    return tuple(one for several, _ in found for one in several)


def _with_place(reading: Reading, node: Node) -> tuple[tuple[Slo, ...], Node]:
    name = node.get("name") if isinstance(node, Mapping) else None
    return slo(reading, node), name or node


def compose(reading: Reading, services: dict[str, Service]) -> dict[str, Service]:
    """The services with the parts of their composites, which are objectives of any of them."""
    if not reading.composites:
        return services
    made: dict[tuple[str, str], tuple[Part, ...]] = {}
    composed = {(service, name) for service, name, _ in reading.composites}
    for service, name, nodes in reading.composites:
        made[service, name] = tuple(
            Part(found[0], found[1], weight)
            for node, weight in nodes
            if (found := _resolve(reading, service, node, composed)) is not None
        )
        _complain_of_parts(reading, nodes, made[service, name])
    return {name: _composed(service, made) for name, service in services.items()}


def _composed(service: Service, made: dict[tuple[str, str], tuple[Part, ...]]) -> Service:
    if not any((service.name, slo.name) in made for slo in service.slos):
        return service
    return replace(
        service,
        slos=tuple(
            replace(slo, sli=replace(slo.sli, parts=made[service.name, slo.name]))
            if isinstance(slo.sli, CompositeSli) and (service.name, slo.name) in made
            else slo
            for slo in service.slos
        ),
    )


def _complain_of_parts(reading: Reading, nodes: tuple[tuple[Node, Decimal], ...], parts: tuple[Part, ...]) -> None:
    seen: set[tuple[str, str]] = set()
    for part, (node, _) in zip(parts, nodes, strict=False):
        if len(parts) == len(nodes) and (part.service, part.slo.name) in seen:
            reading.complain("SER117", node, "this objective is already a part of the composite", expected="it once")
        seen.add((part.service, part.slo.name))


def _resolve(reading: Reading, service: str, node: Node, composed: set[tuple[str, str]]) -> tuple[str, Slo] | None:
    """The objective that `node` names, as `objective` or `service/objective`; reported if there is none."""
    if not isinstance(node, Scalar) or node.broken:
        return None
    of, slash, name = node.value.strip().rpartition("/")
    key = (of if slash else service, name)
    known = reading.objectives.get(key)
    if key in composed or (known is not None and isinstance(known.sli, CompositeSli)):
        reading.complain("SER117", node, "this is itself a composite", expected="the objectives it is made of")
        return None
    if known is not None:
        return key[0], known
    if not reading.partial:
        names = sorted(f"{one}/{other}" for one, other in reading.objectives)
        reading.complain(
            "SER116",
            node,
            f"there is no objective `{'/'.join(key)[:100]}`",
            expected=f"one of {', '.join(names)}"[:200] if names else "an objective of some service",
            hint=reading.closest("/".join(key), names),
        )
    return None

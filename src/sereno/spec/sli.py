"""Reads what objectives measure.

```yaml
sli:                                 # of an objective: exactly one of
  events:                            # counters of good and bad events
    total: http_requests_total{job="payments"}
    bad: status=~"5..|429"           # or `good`; a matcher list is added to `total`, or a whole selector
    except: endpoint=~"/health.*"    # left out of all; a list leaves out what matches any
  latency:                           # "p95 under 500 ms" is: objective 95 %, within 500 ms
    histogram: http_request_duration_seconds{job="api"}   # without _bucket
    within: 500ms                    # must be one of a classic histogram's boundaries
    native: false                    # true: a native histogram
    except: endpoint="/report"
    promises: […]                    # instead of `within`: several percentiles, see Objectives
  query:                             # PromQL of one's own; $window is the window of its rates
    total: sum(rate(jobs_total[$window]))
    bad: sum(rate(jobs_failed_total[$window]))   # or `good`; or `ratio` alone, the share that is bad
  gauge:                             # time in which a value is good, counted in slices
    value: probe_success{job="shop"}
    is: == 1                         # or !=, <, <=, >, >=
  composite:                         # several objectives as one
    mode: weighted                   # or `all` (bad when any is), `product` (of a serial journey)
    of: [{slo: api/availability, weight: 2}, {slo: payments/availability}]
  http: {…}                          # or grpc, queue, database, cache, batch, payment, time_to_complete, business:
                                     # templates that become one of the above, see Templates of indicators
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal, cast

from sereno.kernel.duration import format_duration, to_ms
from sereno.spec import queries, values
from sereno.spec.fields import Fields
from sereno.spec.model import CompositeSli, EventsSli, LatencySli, NativeLatencySli, Objective, Sli
from sereno.spec.ports import MatcherTuple
from sereno.spec.queries import Matchers, expression, selector, selector_text
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar

_BARE_MATCHERS = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*(=~|!~|!=|=)")
_NEGATED = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_WITHIN = values.duration_within("1ms", "1d")
_PARTS = ("_bucket", "_count", "_sum")
_MODE = values.one_of("weighted", "all", "product")
_WEIGHT = values.number_within("0.000001", "1e6")
KINDS = (
    "events", "latency", "query", "gauge", "composite",
    "http", "grpc", "queue", "database", "cache", "batch", "payment", "time_to_complete", "business",
)  # fmt: skip

__all__ = [
    "Indicator", "Matchers", "Promised", "alone", "boundary", "events_sli", "excluded", "expression", "histogram_name",
    "indicator", "latency_sli", "metric", "part", "selector_text", "timed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Promised:
    """One of several percentiles that an objective promises."""

    objective: Objective
    sli: Sli


@dataclass(frozen=True, slots=True)
class Indicator:
    """What an objective measures: the `sli`; or, with several percentiles, each of them; or, for a composite, `parts`:
    the node of each reference with its weight, to be resolved once all objectives are known."""

    sli: Sli
    promised: tuple[Promised, ...] = ()
    parts: tuple[tuple[Node, Decimal], ...] | None = None


def indicator(reading: Reading, node: Node) -> Indicator | None:
    """What the objective measures."""
    fields = Fields(
        reading,
        node,
        "an indicator",
        optional=(
            "events", "latency", "query", "gauge", "composite",
            "http", "grpc", "queue", "database", "cache", "batch", "payment", "time_to_complete", "business",
        ),
    )  # fmt: skip
    kind = fields.exactly_one(*KINDS)
    if kind is None:
        return None
    if kind == "events":
        return alone(fields.read("events", _events))
    if kind == "latency":
        return fields.read("latency", _latency)
    if kind == "query":
        return fields.read("query", _query)
    if kind == "gauge":
        return alone(fields.read("gauge", queries.gauge))
    if kind == "composite":
        return fields.read("composite", _composite)
    from sereno.spec import templates

    return fields.read(kind, templates.READERS[kind])


def alone(sli: Sli | None) -> Indicator | None:
    """An indicator of one promise."""
    return None if sli is None else Indicator(sli)


def _query(reading: Reading, node: Node) -> Indicator | None:
    return alone(queries.query(reading, node))


def _events(reading: Reading, node: Node) -> EventsSli | None:
    fields = Fields(reading, node, "an indicator of events", required=("total",), optional=("bad", "good", "except"))
    kind = fields.exactly_one("bad", "good")
    total = fields.read("total", metric)
    left_out = excluded(reading, fields)

    def chosen_part(reading: Reading, node: Node) -> Matchers | None:
        return part(reading, node, total)

    chosen = fields.read(kind, chosen_part) if kind else None
    if total is None or chosen is None:
        return None
    return events_sli(total, chosen, left_out, bad=kind == "bad")


def events_sli(total: Matchers, chosen: Matchers, excluded: Matchers = (), *, bad: bool) -> EventsSli:
    """Counters of all and of bad (or good) events, each without what is `excluded`."""
    selected = selector_text((*chosen, *excluded))
    return EventsSli(
        total=selector_text((*total, *excluded)), bad=selected if bad else None, good=None if bad else selected
    )


def _latency(reading: Reading, node: Node) -> Indicator | None:
    fields = Fields(
        reading,
        node,
        "an indicator of latency",
        required=("histogram",),
        optional=("within", "promises", "native", "except"),
    )
    histogram = fields.read("histogram", histogram_name)
    native = fields.read("native", values.flag) or False
    fields.exactly_one("within", "promises")
    return timed(reading, fields, histogram, excluded(reading, fields), native=native)


def timed(
    reading: Reading, fields: Fields, histogram: Matchers | None, excluded: Matchers = (), *, native: bool = False
) -> Indicator | None:
    """What the keys `within` or `promises` of `fields` make of a histogram, its name first."""
    within = fields.read("within", _WITHIN)
    promises = fields.read("promises", values.items(_promise, what="promises"))
    _complain_of_promises(reading, promises or ())
    if histogram is None:
        return None
    selected = (*histogram, *excluded)
    if within is not None:
        return Indicator(latency_sli(selected, within, native=native))
    promised = tuple(
        Promised(objective, latency_sli(selected, longest, native=native)) for objective, longest, _ in promises or ()
    )
    return Indicator(promised[0].sli, promised) if promised else None


def latency_sli(
    histogram: Matchers, within: timedelta, *, native: bool = False, unit: int = 1
) -> LatencySli | NativeLatencySli:
    """What counts as fast enough in the histogram that `histogram` selects, its name first.

    `unit` is how many seconds 1 means in a classic histogram's boundaries.
    """
    name, rest = histogram[0][2], histogram[1:]
    seconds = _plain(Decimal(to_ms(within)).scaleb(-3))
    selected = selector_text(histogram)
    if native:
        return NativeLatencySli(selected, seconds)
    return LatencySli(
        histogram=selected,
        buckets=selector_text((("__name__", "=", name + "_bucket"), *rest, boundary(_plain(seconds / unit)))),
        count=selector_text((("__name__", "=", name + "_count"), *rest)),
        within_seconds=seconds,
    )


def _plain(number: Decimal) -> Decimal:
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def _promise(reading: Reading, node: Node) -> tuple[Objective, timedelta, Node] | None:
    fields = Fields(reading, node, "a promise", required=("objective", "within"))
    objective, within = fields.read("objective", values.objective), fields.read("within", _WITHIN)
    return (objective, within, node) if objective and within else None


def _complain_of_promises(reading: Reading, promises: tuple[tuple[Objective, timedelta, Node], ...]) -> None:
    """A higher percentile that is promised to be faster says that the lower promise means nothing."""
    ordered = sorted(promises, key=lambda promise: promise[0].ratio)
    for (lower, longer, _), (higher, within, place) in pairwise(ordered):
        if lower.ratio == higher.ratio:
            reading.complain("SER012", place, f"the percentile {higher.text} is promised twice", expected="one of them")
        elif within <= longer:
            reading.complain(
                "SER117",
                place,
                f"{higher.text} within {format_duration(within)} already promises {lower.text} within "
                f"{format_duration(longer)}",
                expected=f"longer than {format_duration(longer)}, or the other promise left out",
            )


def _composite(reading: Reading, node: Node) -> Indicator | None:
    fields = Fields(reading, node, "a composite", required=("mode", "of"))
    mode = fields.read("mode", _MODE)

    def one(reading: Reading, node: Node) -> tuple[Node, Decimal] | None:
        return _part_of(reading, node, weighted=mode in ("weighted", None))

    parts = fields.read("of", values.items(one, what="objectives"))
    if mode is None or parts is None:
        return None
    if len(parts) == 1:
        place = fields.value("of") or node
        reading.complain("SER117", place, "one objective alone is no composite", expected="at least two")
    return Indicator(CompositeSli(cast(Literal["weighted", "all", "product"], mode), ()), parts=parts)


def _part_of(reading: Reading, node: Node, *, weighted: bool) -> tuple[Node, Decimal] | None:
    if isinstance(node, Scalar):
        return None if values.text(reading, node) is None else (node, Decimal(1))
    fields = Fields(reading, node, "a part of a composite", required=("slo",), optional=("weight",))
    weight = fields.read("weight", _WEIGHT)
    key = fields.key("weight")
    if key is not None and not weighted:
        reading.complain("SER117", key, "weights count in the mode `weighted` alone", expected="no `weight`")
    name = fields.value("slo")
    if name is None or fields.read("slo", values.text) is None:
        return None
    return name, weight or Decimal(1)


def boundary(seconds: Decimal) -> MatcherTuple:
    """The matcher of a bucket's boundary; whole seconds are written both `1` and `1.0` in the wild."""
    if seconds == seconds.to_integral_value():
        return ("le", "=~", f"{seconds:f}" + r"(\.0)?")
    return ("le", "=", f"{seconds:f}")


def histogram_name(reading: Reading, node: Node) -> Matchers | None:
    """The matchers of a selector of a histogram, its own name first."""
    found = metric(reading, node)
    if found is None:
        return None
    name = found[0][2]
    suffix = next((part for part in _PARTS if name.endswith(part)), None)
    if suffix:
        hint = f"write `{name.removesuffix(suffix)}`"
        reading.complain("SER063", node, f"`{name}` is a part of a histogram", expected="its own name", hint=hint)
        return None
    if any(label == "le" for label, _, _ in found):
        reading.complain("SER063", node, "the boundary is chosen by `within`, not by `le`", expected="no `le`")
        return None
    return found


def metric(reading: Reading, node: Node) -> Matchers | None:
    """The matchers of a selector of one metric, its name first."""
    found = selector(reading, node)
    if found is None:
        return None
    named = [matcher for matcher in found if matcher[0] == "__name__"]
    if len(named) != 1 or named[0][1] != "=" or not named[0][2]:
        reading.complain(
            "SER061", node, "the name of one metric is needed", expected='such as http_requests_total{job="api"}'
        )
        return None
    return (named[0], *(matcher for matcher in found if matcher[0] != "__name__"))


def part(reading: Reading, node: Node, total: Matchers | None) -> Matchers | None:
    """`bad` or `good`: matchers added to `total`, or a selector of its own."""
    if isinstance(node, Scalar) and _BARE_MATCHERS.match(node.value):
        found = selector(reading, node, bare=True)
        return None if found is None or total is None else (*total, *found)
    return metric(reading, node)


def excluded(reading: Reading, fields: Fields, key: str = "except") -> Matchers:
    """The conditions of `key`, each negated."""
    return fields.read(key, values.one_or_more(_negated, what="conditions")) or ()


def _negated(reading: Reading, node: Node) -> MatcherTuple | None:
    found = selector(reading, node, bare=True)
    if found is None:
        return None
    if len(found) != 1 or found[0][0] in ("__name__", "le"):
        reading.complain(
            "SER062",
            node,
            "each `except` holds one condition on one label",
            expected='such as endpoint=~"/health.*"',
            hint="to leave out what matches any of several, write a list" if len(found) > 1 else None,
        )
        return None
    label, operator, value = found[0]
    return label, _NEGATED[operator], value

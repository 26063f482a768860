"""What may be wrong with a result although it was computed: warnings of the numbers, infos of the question.

The sentences are those of Prometheus (util/annotations of 3.x), so that people find them where they look them up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

SHOWN_MAX = 10
"""How many warnings, and how many infos, one answer shows; the rest is counted."""

_WARNING = "PromQL warning: "
_INFO = "PromQL info: "


@dataclass(frozen=True, slots=True)
class Annotation:
    """One sentence; `text` is the same for the same trouble, `position` the character of the query it is about."""

    text: str
    position: int = 0

    @property
    def is_info(self) -> bool:
        """Whether it is about the question rather than the numbers."""
        return self.text.startswith(_INFO)

    def merged(self, earlier: Annotation) -> Annotation:
        """This one, after an earlier one of the same text."""
        return self

    def told(self, place: str) -> str:
        """The whole sentence, with its place."""
        return f"{self.text} ({place})"


@dataclass(frozen=True, slots=True)
class _Mended(Annotation):
    """Buckets of a classic histogram that fell where they should rise, and were mended."""

    first_ms: int = 0
    last_ms: int = 0
    least_bucket: float = 0.0
    most_bucket: float = 0.0
    most_diff: float = 0.0
    samples: int = 1

    def merged(self, earlier: Annotation) -> Annotation:
        if not isinstance(earlier, _Mended):
            return self
        return replace(
            earlier,
            first_ms=min(self.first_ms, earlier.first_ms),
            last_ms=max(self.last_ms, earlier.last_ms),
            least_bucket=min(self.least_bucket, earlier.least_bucket),
            most_bucket=max(self.most_bucket, earlier.most_bucket),
            most_diff=max(self.most_diff, earlier.most_diff),
            samples=self.samples + earlier.samples,
        )

    def told(self, place: str) -> str:
        return (
            f"{self.text}, from buckets {go_number(self.least_bucket)} to {go_number(self.most_bucket)}, with a max "
            f"diff of {_two_digits(self.most_diff)}, over {self.samples} samples from {_date(self.first_ms)} to "
            f"{_date(self.last_ms)} ({place})"
        )


@dataclass(frozen=True, slots=True)
class _Overlap(Annotation):
    """Start times that lie before the sample before, counted."""

    times: int = 1

    def merged(self, earlier: Annotation) -> Annotation:
        return replace(earlier, times=self.times + earlier.times) if isinstance(earlier, _Overlap) else self

    def told(self, place: str) -> str:
        counted = f" ({self.times} occurrences)" if self.times > 1 else ""
        return f"{self.text}{counted} ({place})"


@dataclass(slots=True)
class Annotations:
    """The annotations of one evaluation, each text once, gathered from all its tiles."""

    found: dict[str, Annotation] = field(default_factory=dict)

    def add(self, one: Annotation) -> None:
        """Remember `one`."""
        earlier = self.found.get(one.text)
        self.found[one.text] = one if earlier is None else one.merged(earlier)

    def __iter__(self) -> Iterator[Annotation]:
        return iter(self.found.values())

    def texts(self, query: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The warnings and the infos as sentences with places in `query`, at most `SHOWN_MAX` of either."""
        warnings = [one.told(place(query, one.position)) for one in self if not one.is_info]
        infos = [one.told(place(query, one.position)) for one in self if one.is_info]
        return _capped(warnings, "warning"), _capped(infos, "info")


def _capped(told: list[str], kind: str) -> tuple[str, ...]:
    if len(told) <= SHOWN_MAX:
        return tuple(told)
    return (*told[:SHOWN_MAX], f"{len(told) - SHOWN_MAX} more {kind} annotations omitted")


def place(query: str | None, position: int) -> str:
    """Line and column of `position`, both from 1: `1:15`. Without the query's text everything is on line 1."""
    before = (query or "")[:position]
    return f"{before.count(chr(10)) + 1}:{position - before.rfind(chr(10)) if query else position + 1}"


def go_number(value: float) -> str:
    """`value` as Go prints it with %g: 0.9, 1e+06, NaN, +Inf."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    power = len(digits) - 1 + exponent
    if -4 <= power < 6:
        return f"{Decimal(repr(value)).normalize():f}"
    shortest = "".join(map(str, digits))
    body = shortest[0] + ("." + shortest[1:] if len(shortest) > 1 else "")
    return f"{'-' if sign else ''}{body}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _two_digits(value: float) -> str:
    return f"{value:.2g}"


def _date(instant_ms: int) -> str:
    try:
        return datetime.fromtimestamp(instant_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{instant_ms} ms"


def go_quoted(text: str) -> str:
    """`text` in double quotes as Go prints it with %q."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    plain = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
    return '"' + "".join(plain.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in escaped) + '"'


def _named(text: str, metric: str) -> str:
    return f"{text} for metric name {go_quoted(metric)}" if metric else text


# Warnings ------------------------------------------------------------------------------------------------------------


def invalid_quantile(q: float, position: int) -> Annotation:
    """A quantile outside 0 … 1."""
    return Annotation(f"{_WARNING}quantile value should be between 0 and 1, got {go_number(q)}", position)


def invalid_ratio(ratio: float, capped: float, position: int) -> Annotation:
    """A ratio outside −1 … 1, taken as `capped`."""
    got = f"got {go_number(ratio)}, capping to {go_number(capped)}"
    return Annotation(f"{_WARNING}ratio value should be between -1 and 1, {got}", position)


def bad_bucket_label(metric: str, label: str, position: int) -> Annotation:
    """A bucket of a classic histogram whose `le` is missing or no number."""
    text = f'{_WARNING}bucket label "le" is missing or has a malformed value of {go_quoted(label)}'
    return Annotation(_named(text, metric), position)


def mixed_floats_histograms(metric: str, position: int) -> Annotation:
    """A range with both floats and native histograms, for a function that takes either alone."""
    text = f"{_WARNING}encountered a mix of histograms and floats for metric name {go_quoted(metric)}"
    return Annotation(text, position)


def mixed_floats_histograms_in_aggregation(position: int) -> Annotation:
    """An aggregation over both floats and native histograms."""
    return Annotation(f"{_WARNING}encountered a mix of histograms and floats for aggregation", position)


def mixed_classic_native(metric: str, position: int) -> Annotation:
    """A metric that is both a classic and a native histogram."""
    return Annotation(_named(f"{_WARNING}vector contains a mix of classic and native histograms", metric), position)


def native_not_counter(metric: str, position: int) -> Annotation:
    """A rate of a native histogram that is a gauge."""
    return Annotation(f"{_WARNING}this native histogram metric is not a counter: {go_quoted(metric)}", position)


def native_not_gauge(metric: str, position: int) -> Annotation:
    """A delta of a native histogram that is a counter."""
    return Annotation(f"{_WARNING}this native histogram metric is not a gauge: {go_quoted(metric)}", position)


def mixed_exponential_custom(metric: str, position: int) -> Annotation:
    """Native histograms of both kinds of buckets."""
    text = (
        f"{_WARNING}vector contains a mix of histograms with exponential and custom buckets schemas "
        f"for metric name {go_quoted(metric)}"
    )
    return Annotation(text, position)


def incompatible_bucket_layout(operator: str, position: int) -> Annotation:
    """Two native histograms whose buckets cannot be brought together."""
    text = f"{_WARNING}incompatible bucket layout encountered for binary operator {operator}"
    return Annotation(text, position)


def sort_in_range(position: int) -> Annotation:
    """sort in a range query, where it does nothing."""
    text = f"{_WARNING}sort is ineffective for range queries since results are always ordered by labels"
    return Annotation(text, position)


def counter_reset_collision(operation: str, position: int) -> Annotation:
    """Histograms of which one says that it was reset, the other that it was not. `operation`: addition, subtraction
    or aggregation."""
    return Annotation(f"{_WARNING}conflicting counter resets during histogram {operation}", position)


def start_time_overlap(metric: str, position: int) -> Annotation:
    """A sample whose start time lies before the sample before it."""
    text = f"{_WARNING}sample has start time that overlaps with previous sample timestamp for metric "
    return _Overlap(text + go_quoted(metric), position)


# Infos ---------------------------------------------------------------------------------------------------------------


def possible_non_counter(metric: str, position: int) -> Annotation:
    """A rate of what is not called as counters are."""
    text = f"{_INFO}metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
    return Annotation(text + go_quoted(metric), position)


def possible_non_counter_label(metric: str, type_: str, position: int) -> Annotation:
    """A rate of what says by its __type__ that it is no counter."""
    text = f'{_INFO}metric might not be a counter, __type__ label is not set to "counter" or "histogram"'
    return Annotation(f"{text}, got {go_quoted(type_)}: {go_quoted(metric)}", position)


def forced_monotonicity(
    metric: str, position: int, *, instant_ms: int, least_bucket: float, most_bucket: float, diff: float
) -> Annotation:
    """Buckets of a classic histogram, between the bounds `least_bucket` and `most_bucket`, mended by up to `diff`."""
    text = (
        f"{_INFO}input to histogram_quantile needed to be fixed for monotonicity "
        "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
    )
    return _Mended(_named(text, metric), position, instant_ms, instant_ms, least_bucket, most_bucket, diff)


def incompatible_types(left: str, operator: str, right: str, position: int) -> Annotation:
    """An operator between kinds of samples that have none in common; `left`, `right`: float or histogram."""
    text = f"{_INFO}incompatible sample types encountered for binary operator {go_quoted(operator)}"
    return Annotation(f"{text}: {left} {operator} {right}", position)


def histogram_ignored_in_aggregation(aggregation: str, position: int) -> Annotation:
    """A native histogram left out by an aggregation that takes only floats."""
    return Annotation(f"{_INFO}ignored histogram in {aggregation} aggregation", position)


def histogram_ignored_in_range(metric: str, position: int) -> Annotation:
    """Native histograms left out of a range of floats and histograms."""
    text = f"{_INFO}ignored histograms in a range containing both floats and histograms for metric name "
    return Annotation(text + go_quoted(metric), position)


def nan_quantile_result(metric: str, position: int) -> Annotation:
    """A quantile that is NaN because observations were."""
    text = f"{_INFO}input to histogram_quantile has NaN observations, result is NaN"
    return Annotation(_named(text, metric), position)


def nan_quantile_skew(metric: str, position: int) -> Annotation:
    """A quantile that is too high because observations were NaN."""
    text = f"{_INFO}input to histogram_quantile has NaN observations, result is skewed higher"
    return Annotation(_named(text, metric), position)


def nan_fraction(metric: str, position: int) -> Annotation:
    """A fraction from which NaN observations were left out."""
    text = f"{_INFO}input to histogram_fraction has NaN observations, which are excluded from all fractions"
    return Annotation(_named(text, metric), position)


def mismatched_custom_buckets(operation: str, position: int) -> Annotation:
    """Histograms of listed bounds that differ, brought to the bounds they share."""
    return Annotation(f"{_INFO}mismatched custom buckets were reconciled during {operation}", position)

"""What OpenTelemetry's data points become: series of Prometheus's kind.

Rules: opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics. Gauges and sums are one series,
histograms of explicit bounds classic ones, exponential ones native histograms. Deltas are added up.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
)

from sereno.adapters.samples.intake import BadLabels, BadSamples, Gathering, KnownSeries, shown
from sereno.adapters.samples.otlp_delta import Classic, Deltas, Native, Number, Stream, Total, reduced, sum_of
from sereno.adapters.samples.otlp_names import Kind, label_name, metric_name, unit_name
from sereno.adapters.samples.protocols.histogram import BadHistogram, check
from sereno.adapters.samples.source import Metadata
from sereno.adapters.samples.starts import Starts
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE
from sereno.promql.native import Buckets, Histogram

Pairs = tuple[tuple[str, str], ...]
_BUCKETS_MAX = 10_000
_SCHEMA_MAX, _SCHEMA_MIN = 8, -4
_ZERO_THRESHOLD = 1e-128
_IDENTITY = ("service.name", "service.namespace", "service.instance.id")
_STALE = float(STALE)
Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


class _Rejected(Exception):
    """This data point cannot be taken."""


@dataclass(frozen=True, slots=True)
class _Family:
    """The metric that points belong to; `base` are the labels that all of them have."""

    name: str
    base: Pairs
    delta: bool = False
    cumulative: bool = False


class Translator:
    """Takes in one request, into `gathering`; `rejected` counts the data points that could not be taken."""

    promoted: tuple[str, ...] = ()
    scopes = True

    def __init__(self, known: KnownSeries, gathering: Gathering, starts: Starts, deltas: Deltas) -> None:
        self.gathering = gathering
        self.rejected = 0
        self.fresh: dict[Labels, Stream] = {}
        self._known, self._starts, self._deltas = known, starts, deltas
        self._latest_ms = self._points = 0

    def request(self, request: ExportMetricsServiceRequest) -> None:
        """Everything in it. Raises BadSamples beyond a limit."""
        for resource in request.resource_metrics:
            self._resource(resource)

    def _resource(self, found: ResourceMetrics) -> None:
        attributes = {one.key: one.value for one in found.resource.attributes}
        identity = _identity(attributes)
        promoted = [one for one in found.resource.attributes if one.key in self.promoted]
        base = merged_pairs(promoted, identity)
        self._latest_ms = 0
        for scope in found.scope_metrics:
            self._scope(scope, base)
        rest = [one for one in found.resource.attributes if one.key not in _IDENTITY]
        if identity and rest and self._latest_ms:
            pairs = (("__name__", "target_info"), *merged_pairs(rest, identity))
            try:
                self._float(self._labels(pairs), self._latest_ms, 1.0)
            except BadLabels as problem:
                self.gathering.remark(f"target_info: {problem}")
            self.gathering.metadata["target_info"] = Metadata("gauge", "Target metadata", "")

    def _scope(self, found: ScopeMetrics, base: Pairs) -> None:
        if self.scopes and found.scope.name:
            own = [("otel_scope_name", found.scope.name), ("otel_scope_version", found.scope.version)]
            own.append(("otel_scope_schema_url", found.schema_url))
            more = [(f"otel_scope_{name}", value) for name, value in merged_pairs(found.scope.attributes, ())]
            base = _over(base, [*more, *own])
        for metric in found.metrics:
            self._metric(metric, base)

    def _metric(self, metric: Metric, base: Pairs) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        temporality = getattr(data, "aggregation_temporality", None)
        monotonic = bool(getattr(data, "is_monotonic", False))
        suffix: Kind = "counter" if kind == "sum" and monotonic else "gauge" if kind in ("gauge", "sum") else "other"
        name = metric_name(metric.name, metric.unit, suffix)
        points: Sequence[Point] = data.data_points
        self._points += len(points)
        if self._points > self._known.limits.samples:
            raise BadSamples(f"the request has more than {self._known.limits.samples} data points")
        if not name or temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_UNSPECIFIED:
            why = "nothing is left of its name" if not name else "its temporality is unspecified"
            self._reject(f"{shown(metric.name)}: {why}", len(points))
            return
        type_ = "counter" if suffix == "counter" else {"sum": "gauge", "gauge": "gauge", "summary": "summary"}.get(kind)
        limit = self.gathering.limits.label_value_bytes
        self.gathering.metadata[name] = Metadata(
            type_ or "histogram", metric.description[:limit], unit_name(metric.unit)[:limit]
        )
        delta = temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        cumulative = temporality is not None and not delta and (monotonic or kind != "sum")
        family = _Family(name, base, delta, cumulative)
        for point in points:
            try:
                self._point(point, family)
            except (_Rejected, BadLabels, BadHistogram) as problem:
                self._reject(f"{name}: {problem}", 1)

    def _reject(self, reason: str, count: int) -> None:
        self.rejected += count
        self.gathering.refuse(reason, count)

    def _point(self, point: Point, family: _Family) -> None:
        pairs = _over(merged_pairs(point.attributes, ()), family.base)
        at_ms = point.time_unix_nano // 1_000_000
        if not at_ms:
            raise _Rejected("a data point has no time")
        if not self.gathering.takes(at_ms):
            raise _Rejected(f"the time {at_ms} of a data point is too far ahead of us")
        self.gathering.exemplars += len(getattr(point, "exemplars", ()))
        stale = bool(point.flags & DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)
        before = self.gathering.refused
        if isinstance(point, SummaryDataPoint):
            self._summary(point, family.name, pairs, at_ms, stale=stale)
        elif isinstance(point, HistogramDataPoint) and stale:
            self._end_classic(point, family.name, pairs, at_ms)
        elif stale:
            self._float(self._named(family.name, pairs), at_ms, _STALE)
        else:
            self._counted(point, family, pairs, at_ms)
        if self.gathering.refused > before:
            self.rejected += 1
        else:
            self._latest_ms = max(self._latest_ms, at_ms)

    def _counted(
        self, point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint, family: _Family,
        pairs: Pairs, at_ms: int,
    ) -> None:  # fmt: skip
        """A point with a value: as it is, or added to those before; with a zero where its stream began."""
        total = _total(point)
        stream = self._named(family.name, pairs)
        start_ms = point.start_time_unix_nano // 1_000_000
        if family.delta:
            known = self.fresh.get(stream) or self._deltas.find(stream)
            if known is not None and point.time_unix_nano <= known.last_ns:
                return  # it came twice
            zero = start_ms + 1 if known is None and start_ms else 0
            total = sum_of(known.total, total) if known is not None else total
            self.fresh[stream] = Stream(point.time_unix_nano, total)
        else:
            started = family.cumulative and start_ms > 0
            began = started and self._starts.is_new(stream, start_ms, at_ms, self.gathering.starts)
            zero = start_ms if began else 0
        if 0 < zero < at_ms:
            self._give(family.name, pairs, zero, _nothing(total))
        self._give(family.name, pairs, at_ms, total)

    def _give(self, name: str, pairs: Pairs, at_ms: int, total: Total) -> None:
        if isinstance(total, Number):
            self._float(self._named(name, pairs), at_ms, total.value)
        elif isinstance(total, Native):
            self.gathering.histograms(self._named(name, pairs), np.array([at_ms], np.int64), [total.histogram])
        else:
            counts = np.cumsum(total.counts)
            for bound, count in zip(total.bounds, counts.tolist(), strict=False):
                self._float(
                    self._labels(_over((("__name__", f"{name}_bucket"), *pairs), [("le", plain(bound))])), at_ms, count
                )
            self._float(
                self._labels(_over((("__name__", f"{name}_bucket"), *pairs), [("le", "+Inf")])), at_ms, total.count
            )
            self._float(self._named(f"{name}_count", pairs), at_ms, total.count)
            if total.sum is not None:
                self._float(self._named(f"{name}_sum", pairs), at_ms, total.sum)

    def _end_classic(self, point: HistogramDataPoint, name: str, pairs: Pairs, at_ms: int) -> None:
        for bound in [*map(plain, point.explicit_bounds[:_BUCKETS_MAX]), "+Inf"]:
            self._float(self._labels(_over((("__name__", f"{name}_bucket"), *pairs), [("le", bound)])), at_ms, _STALE)
        for suffix in ("_count", "_sum"):
            self._float(self._named(name + suffix, pairs), at_ms, _STALE)

    def _summary(self, point: SummaryDataPoint, name: str, pairs: Pairs, at_ms: int, *, stale: bool) -> None:
        if len(point.quantile_values) > _BUCKETS_MAX:
            raise _Rejected(f"more than {_BUCKETS_MAX} quantiles")
        for one in point.quantile_values:
            labels = self._labels(_over((("__name__", name), *pairs), [("quantile", plain(one.quantile))]))
            self._float(labels, at_ms, _STALE if stale else one.value)
        self._float(self._named(f"{name}_sum", pairs), at_ms, _STALE if stale else point.sum)
        self._float(self._named(f"{name}_count", pairs), at_ms, _STALE if stale else float(point.count))

    def _named(self, name: str, pairs: Pairs) -> Labels:
        return self._labels((("__name__", name), *pairs))

    def _labels(self, pairs: Pairs) -> Labels:
        return self._known.get(pairs) or self._known.learn(pairs, pairs)

    def _float(self, labels: Labels, at_ms: int, value: float) -> None:
        self.gathering.floats(labels, np.array([at_ms], np.int64), np.array([value], np.float64))


def _total(point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint) -> Total:
    """The value of a point. Raises _Rejected, BadHistogram."""
    if isinstance(point, NumberDataPoint):
        kind = point.WhichOneof("value")
        if kind is None:
            raise _Rejected("a data point has no value")
        return Number(float(getattr(point, kind)))
    if isinstance(point, ExponentialHistogramDataPoint):
        return Native(native(point))
    bounds, counts = tuple(point.explicit_bounds), point.bucket_counts
    if len(bounds) > _BUCKETS_MAX:
        raise _Rejected(f"more than {_BUCKETS_MAX} buckets")
    if counts and len(counts) != len(bounds) + 1:
        raise _Rejected(f"{len(counts)} buckets do not go with {len(bounds)} bounds")
    if any(not a < b for a, b in pairwise(bounds)):
        raise _Rejected("the bounds of its buckets do not increase")
    kept = np.array(counts if counts else [0] * (len(bounds) + 1), np.float64)
    if bounds and bounds[-1] == float("inf"):
        bounds = bounds[:-1]
    return Classic(bounds, kept, float(point.count), point.sum if point.HasField("sum") else None)


def native(point: ExponentialHistogramDataPoint) -> Histogram:
    """An exponential histogram as a native one: bucket i there, (base^i, base^(i+1)], is bucket i+1 here.

    Raises _Rejected for a scale below -4, BadHistogram if it contradicts itself. Scales above 8 are made coarser.
    """
    if point.scale < _SCHEMA_MIN or point.scale > 64:
        raise _Rejected(f"the scale {point.scale} cannot be kept: {_SCHEMA_MIN} is the coarsest")
    sides = []
    for side in (point.positive, point.negative):
        if len(side.bucket_counts) > _BUCKETS_MAX:
            raise _Rejected(f"more than {_BUCKETS_MAX} buckets")
        counts = np.array(side.bucket_counts, np.float64)
        index = np.arange(len(counts), dtype=np.int64) + side.offset + 1
        sides.append(Buckets(index[counts != 0], counts[counts != 0]))
    found = Histogram(
        schema=point.scale, count=float(point.count), sum=point.sum if point.HasField("sum") else 0.0,
        zero_threshold=point.zero_threshold or _ZERO_THRESHOLD, zero_count=float(point.zero_count),
        positive=sides[0], negative=sides[1],
    )  # fmt: skip
    found = reduced(found, min(point.scale, _SCHEMA_MAX))
    check(found)
    return found


def _nothing(total: Total) -> Total:
    """The same with nothing counted yet."""
    if isinstance(total, Number):
        return Number(0.0)
    if isinstance(total, Classic):
        return Classic(total.bounds, np.zeros(len(total.counts)), 0.0, None if total.sum is None else 0.0)
    threshold = total.histogram.zero_threshold
    return Native(Histogram(total.histogram.schema, 0.0, 0.0, zero_threshold=threshold))


def _identity(attributes: dict[str, AnyValue]) -> Pairs:
    """`job` and `instance` of a resource."""
    name, space, instance = (text_of(attributes[key]) if key in attributes else "" for key in _IDENTITY)
    job = f"{space}/{name}" if space and name else name
    return tuple((label, value) for label, value in (("job", job), ("instance", instance)) if value)


def merged_pairs(attributes: Iterable[KeyValue], over: Iterable[tuple[str, str]]) -> Pairs:
    """Labels of attributes, `over` over them; of keys that become one label the values are joined, in order of keys.

    Raises BadLabels for a key of which nothing is left.
    """
    found: dict[str, str] = {}
    for one in sorted(attributes, key=lambda one: one.key):
        name, value = label_name(one.key), text_of(one.value)
        if not name or name == "__name__":
            raise BadLabels(f"the attribute {shown(one.key)} cannot be a label")
        found[name] = f"{found[name]};{value}" if name in found else value
    return _over(tuple(found.items()), over)


def _over(pairs: Iterable[tuple[str, str]], over: Iterable[tuple[str, str]]) -> Pairs:
    found = dict(pairs)
    found.update((name, value) for name, value in over if value)
    return tuple(found.items())


def text_of(value: AnyValue) -> str:
    """An attribute's value as a label's: texts as they are, numbers plainly, anything larger as JSON."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return plain(value.double_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value" | "kvlist_value":
            return json.dumps(_json_of(value), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
        case _:
            return ""


def _json_of(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_json_of(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: _json_of(one.value) for one in value.kvlist_value.values}
        case "bool_value" | "int_value" | "double_value" as kind:
            return getattr(value, kind)
        case None:
            return None
        case _:
            return text_of(value)


def plain(value: float) -> str:
    """A number without an exponent, as short as it can be: bounds of buckets are written so."""
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")

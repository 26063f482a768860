"""Metric families as Prometheus's protobuf, delimited: the only form in which native histograms are scraped.

Source: prometheus/client_model, io/prometheus/client/metrics.proto. The messages are few and small, so they are written
here, without a dependency.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sereno_kit.metrics.native import Snapshot, Spans, SparseHistogram

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.samples import Exemplar, Sample

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_COUNTER, _GAUGE, _SUMMARY, _UNTYPED, _HISTOGRAM, _GAUGE_HISTOGRAM = range(6)
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_:]")
_double = struct.Struct("<d").pack

Natives = Mapping[str, tuple[tuple[str, ...], Mapping[tuple[str, ...], SparseHistogram]]]
LabelPairs = tuple[tuple[str, str], ...]


# -- the wire (https://protobuf.dev/programming-guides/encoding/) ---------------------------------------


def varint(number: int) -> bytes:
    """A whole number, not negative, seven bits a byte, the least first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number: int) -> int:
    """A whole number of either sign as one that is not negative: 0, -1, 1, -2 … as 0, 1, 2, 3 …"""
    return number << 1 if number >= 0 else (-number << 1) - 1


def _int(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def _float(field: int, number: float) -> bytes:
    return varint(field << 3 | 1) + _double(number)


def _bytes(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode("utf-8", "replace"))


# -- families -------------------------------------------------------------------------------------------


def encode(family: Metric, natives: Natives) -> bytes:
    """One family, with its length before it; nothing, if it has no samples."""
    write = _KINDS.get(family.type, _write_untyped)
    number, name, metrics = write(family, natives)
    if not metrics:
        return b""
    message = _text(1, _FORBIDDEN.sub("_", name)) + _text(2, family.documentation) + _int(3, number)
    message += b"".join(_bytes(4, metric) for metric in metrics)
    return varint(len(message)) + message


def _write_counter(family: Metric, natives: Natives) -> tuple[int, str, list[bytes]]:
    name = f"{family.name}_total"
    metrics = [
        _labels(sample.labels) + _bytes(3, _float(1, sample.value) + _exemplar_field(2, sample.exemplar))
        for sample in family.samples
        if sample.name == name
    ]
    return _COUNTER, name, metrics


def _write_gauge(family: Metric, natives: Natives) -> tuple[int, str, list[bytes]]:
    name = f"{family.name}_info" if family.type == "info" else family.name
    return _GAUGE, name, [_labels(s.labels) + _bytes(2, _float(1, s.value)) for s in family.samples if s.name == name]


def _write_untyped(family: Metric, natives: Natives) -> tuple[int, str, list[bytes]]:
    samples = [s for s in family.samples if s.name == family.name]
    return _UNTYPED, family.name, [_labels(s.labels) + _bytes(5, _float(1, s.value)) for s in samples]


def _write_summary(family: Metric, natives: Natives) -> tuple[int, str, list[bytes]]:
    metrics = []
    for labels, samples in _by_labels(family, "quantile"):
        body = b""
        for sample in samples:
            if sample.name == f"{family.name}_count":
                body += _int(1, int(sample.value))
            elif sample.name == f"{family.name}_sum":
                body += _float(2, sample.value)
            elif sample.name == family.name:
                body += _bytes(3, _float(1, float(sample.labels["quantile"])) + _float(2, sample.value))
        metrics.append(_labels(dict(labels)) + _bytes(4, body))
    return _SUMMARY, family.name, metrics


def _write_histogram(family: Metric, natives: Natives) -> tuple[int, str, list[bytes]]:
    names, by_values = natives.get(family.name, ((), {}))
    metrics = []
    for labels, samples in _by_labels(family, "le"):
        values = dict(labels)
        native = by_values.get(tuple(values.get(name, "") for name in names))
        body = _classic(family.name, samples)
        if native is not None:
            body = _native(native.snapshot(), samples)
        metrics.append(_labels(values) + _bytes(7, body))
    return _GAUGE_HISTOGRAM if family.type == "gaugehistogram" else _HISTOGRAM, family.name, metrics


def _classic(name: str, samples: list[Sample]) -> bytes:
    count = sum_ = b""
    buckets = []
    for sample in samples:
        ending = sample.name[len(name) :]
        if ending == "_bucket":
            buckets.append(_bucket(sample))
        elif ending in ("_count", "_gcount"):
            count = _int(1, int(sample.value))
        elif ending in ("_sum", "_gsum"):
            sum_ = _float(2, sample.value)
    return count + sum_ + b"".join(buckets)


def _bucket(sample: Sample) -> bytes:
    bound = float(sample.labels["le"])
    return _bytes(3, _int(1, int(sample.value)) + _float(2, bound) + _exemplar_field(3, sample.exemplar))


def _native(native: Snapshot, samples: list[Sample]) -> bytes:
    """The classic buckets too, for scrapers that keep those; the count is that of the native ones."""
    body = _int(1, native.count) + _float(2, native.sum)
    body += b"".join(_bucket(sample) for sample in samples if sample.name.endswith("_bucket"))
    body += _int(5, zigzag(native.schema)) + _float(6, native.zero_threshold) + _int(7, native.zero_count)
    body += _spans(9, 10, native.negative)
    positive = native.positive if native.count else Spans(((0, 0),), ())  # an empty span says: native, and empty
    return body + _spans(12, 13, positive)


def _spans(span_field: int, delta_field: int, buckets: Spans) -> bytes:
    spans = b"".join(_bytes(span_field, _int(1, zigzag(offset)) + _int(2, length)) for offset, length in buckets.spans)
    if not buckets.deltas:
        return spans
    return spans + _bytes(delta_field, b"".join(varint(zigzag(delta)) for delta in buckets.deltas))


def _labels(labels: Mapping[str, str]) -> bytes:
    return b"".join(
        _bytes(1, _text(1, _FORBIDDEN.sub("_", name)) + _text(2, value)) for name, value in sorted(labels.items())
    )


def _exemplar_field(field: int, exemplar: Exemplar | None) -> bytes:
    if exemplar is None:
        return b""
    body = _labels(exemplar.labels) + _float(2, exemplar.value)
    if exemplar.timestamp is not None:
        at = float(exemplar.timestamp)
        body += _bytes(3, _int(1, int(at)) + _int(2, int(at % 1 * 1e9)))
    return _bytes(field, body)


def _by_labels(family: Metric, without: str) -> Iterable[tuple[LabelPairs, list[Sample]]]:
    """Samples that belong to one series of the family, in their order."""

    def key(sample: Sample) -> LabelPairs:
        return tuple(sorted((name, value) for name, value in sample.labels.items() if name != without))

    return ((labels, list(samples)) for labels, samples in groupby(sorted(family.samples, key=key), key))


_KINDS: dict[str, Any] = {
    "counter": _write_counter,
    "gauge": _write_gauge,
    "info": _write_gauge,
    "stateset": _write_gauge,
    "summary": _write_summary,
    "histogram": _write_histogram,
    "gaugehistogram": _write_histogram,
}

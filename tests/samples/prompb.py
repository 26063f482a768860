"""The public protobuf messages of remote write and remote read, built without a compiler: an independent writer."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {
    "double": 1, "int64": 3, "uint64": 4, "string": 9, "message": 11, "bytes": 12, "uint32": 13, "enum": 5, "sint32": 17,
    "sint64": 18,
}  # fmt: skip

_HISTOGRAM = [
    "1 uint64 count_int count", "2 double count_float count", "3 double sum", "4 sint32 schema",
    "5 double zero_threshold", "6 uint64 zero_count_int zero_count", "7 double zero_count_float zero_count",
    "8 *BucketSpan negative_spans", "9 *sint64 negative_deltas", "10 *double negative_counts",
    "11 *BucketSpan positive_spans", "12 *sint64 positive_deltas", "13 *double positive_counts",
    "14 enum reset_hint", "15 int64 timestamp", "16 *double custom_values", "17 int64 start_timestamp",
]  # fmt: skip
_SPAN = ["1 sint32 offset", "2 uint32 length"]

V1 = {
    "WriteRequest": ["1 *TimeSeries timeseries", "3 *MetricMetadata metadata"],
    "TimeSeries": ["1 *Label labels", "2 *Sample samples", "3 *Exemplar exemplars", "4 *Histogram histograms"],
    "Label": ["1 string name", "2 string value"],
    "Sample": ["1 double value", "2 int64 timestamp"],
    "Exemplar": ["1 *Label labels", "2 double value", "3 int64 timestamp"],
    "MetricMetadata": ["1 enum type", "2 string metric_family_name", "4 string help", "5 string unit"],
    "Histogram": _HISTOGRAM,
    "BucketSpan": _SPAN,
    "ReadRequest": ["1 *Query queries"],
    "Query": ["1 int64 start_timestamp_ms", "2 int64 end_timestamp_ms", "3 *LabelMatcher matchers"],
    "LabelMatcher": ["1 enum type", "2 string name", "3 string value"],
    "ReadResponse": ["1 *QueryResult results"],
    "QueryResult": ["1 *TimeSeries timeseries"],
}
V2 = {
    "Request": ["4 *string symbols", "5 *TimeSeries timeseries"],
    "TimeSeries": [
        "1 *uint32 labels_refs", "2 *Sample samples", "3 *Histogram histograms", "4 *Exemplar exemplars",
        "5 Metadata metadata",
    ],
    "Sample": ["1 double value", "2 int64 timestamp", "3 int64 start_timestamp"],
    "Exemplar": ["1 *uint32 labels_refs", "2 double value", "3 int64 timestamp"],
    "Metadata": ["1 enum type", "3 uint32 help_ref", "4 uint32 unit_ref"],
    "Histogram": _HISTOGRAM,
    "BucketSpan": _SPAN,
}  # fmt: skip


def _classes(package: str, messages: dict[str, list[str]]) -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, lines in messages.items():
        message = file.message_type.add(name=name)
        oneofs: list[str] = []
        for line in lines:
            number, kind, field_name, *oneof = line.split()
            many, kind = kind.startswith("*"), kind.removeprefix("*")
            field = message.field.add(name=field_name, number=int(number), label=3 if many else 1)
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = 11, f".{package}.{kind}"
            if oneof:
                if oneof[0] not in oneofs:
                    oneofs.append(oneof[0])
                    message.oneof_decl.add(name=oneof[0])
                field.oneof_index = oneofs.index(oneof[0])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{n}")) for n in messages}


v1 = _classes("sereno.test.v1", V1)
v2 = _classes("sereno.test.v2", V2)


def series_v1(labels: dict[str, str], samples: list[tuple[int, float]] = (), **more: Any) -> Any:  # type: ignore[assignment]
    """A time series of version 1.0, labels as they come."""
    return v1["TimeSeries"](
        labels=[v1["Label"](name=n, value=v) for n, v in labels.items()],
        samples=[v1["Sample"](timestamp=t, value=v) for t, v in samples],
        **more,
    )


def write_v1(*series: Any, metadata: Any = ()) -> bytes:
    """A request of version 1.0, unpacked."""
    return bytes(v1["WriteRequest"](timeseries=series, metadata=metadata).SerializeToString())


class Symbols:
    """The table of texts of a request of version 2.0."""

    def __init__(self) -> None:
        self.texts = [""]

    def ref(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def series(self, labels: dict[str, str], samples: Any = (), **more: Any) -> Any:
        refs = [self.ref(text) for pair in labels.items() for text in pair]
        made = [v2["Sample"](timestamp=t, value=v, start_timestamp=s) for t, v, s in samples]
        return v2["TimeSeries"](labels_refs=refs, samples=made, **more)

    def request(self, *series: Any) -> bytes:
        return bytes(v2["Request"](symbols=self.texts, timeseries=series).SerializeToString())

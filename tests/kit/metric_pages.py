"""What the tests of metrics share: pages read back, by prometheus_client's parser and by protobuf's own classes."""

from __future__ import annotations

import functools
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from sereno_kit.endpoints import Answer, Ask
from sereno_kit.metrics import exposition
from sereno_kit.metrics.registry import Registry
from sereno_kit.options import Metrics

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

_SHAPES = {
    # https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
    "LabelPair": "1 name string, 2 value string",
    "Gauge": "1 value double",
    "Exemplar": "1 label *LabelPair, 2 value double, 3 timestamp .google.protobuf.Timestamp",
    "Counter": "1 value double, 2 exemplar Exemplar",
    "Quantile": "1 quantile double, 2 value double",
    "Summary": "1 sample_count uint64, 2 sample_sum double, 3 quantile *Quantile",
    "Untyped": "1 value double",
    "Bucket": "1 cumulative_count uint64, 2 upper_bound double, 3 exemplar Exemplar",
    "BucketSpan": "1 offset sint32, 2 length uint32",
    "Histogram": "1 sample_count uint64, 2 sample_sum double, 3 bucket *Bucket, 5 schema sint32, 6 zero_threshold double, "
    "7 zero_count uint64, 9 negative_span *BucketSpan, 10 negative_delta *sint64, 12 positive_span *BucketSpan, "
    "13 positive_delta *sint64",
    "Metric": "1 label *LabelPair, 2 gauge Gauge, 3 counter Counter, 4 summary Summary, 5 untyped Untyped, "
    "7 histogram Histogram",
    "MetricFamily": "1 name string, 2 help string, 3 type int32, 4 metric *Metric",
}


@functools.cache
def _family_class() -> Any:
    from google.protobuf import timestamp_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="m.proto", package="m", syntax="proto2")
    file.dependency.append("google/protobuf/timestamp.proto")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _SHAPES.items():
        message = file.message_type.add(name=name)
        for field in fields.split(", "):
            number, called, kind = field.split()
            label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            added = message.field.add(name=called, number=int(number), label=label)
            if kind[0].isupper() or kind[0] == ".":
                added.type, added.type_name = kinds.TYPE_MESSAGE, kind if kind[0] == "." else f".m.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("m.MetricFamily"))


def read_protobuf(page: bytes) -> list[Any]:
    """The families of a delimited page."""
    families, at = [], 0
    while at < len(page):
        length = shift = 0
        while True:
            length |= (page[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if page[at - 1] < 0x80:
                break
        family = _family_class()()
        assert family.ParseFromString(page[at : at + length]) == length
        assert len(unknown_fields.UnknownFieldSet(family)) == 0
        families.append(family)
        at += length
    return families


def fresh(**options: Any) -> Registry:
    """A registry of the test's own."""
    return Registry(CollectorRegistry(), options=Metrics(**options))


def ask(registry: Registry, accept: str = "", **headers: str) -> Answer:
    """What `/metrics` answers outside of an event loop, wherever it is asked."""
    page = exposition.endpoint(registry)
    with ThreadPoolExecutor(1) as outside:
        answer = outside.submit(page, Ask("GET", "/metrics", {"accept": accept, **headers})).result()
    assert isinstance(answer, Answer)
    return answer


def samples(page: bytes, *, openmetrics: bool = False) -> dict[str, float]:
    """Every sample of a page of text, by its name and labels."""
    read = read_openmetrics if openmetrics else read_text
    found = {}
    for family in read(page.decode()):
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            name = sample.name + (f"{{{labels}}}" if labels else "")
            assert name not in found, f"{name} twice"
            found[name] = sample.value
    return found


def promtool_complaints(page: bytes) -> list[str]:
    """What `promtool check metrics` has to say of a page."""
    program = shutil.which("promtool")
    if program is None:
        pytest.fail("promtool is missing: install Debian's package `prometheus` (apt-get install prometheus)")
    done = subprocess.run([program, "check", "metrics"], input=page, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode().strip().splitlines()

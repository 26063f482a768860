"""OpenTelemetry's metrics, as OTLP/HTTP sends them: protobuf or JSON, read within limits.

Specification: opentelemetry.io/docs/specs/otlp. What a point becomes is in `otlp_points.py`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from sereno.adapters.samples.intake import BadSamples, Gathering, KnownSeries, Received
from sereno.adapters.samples.otlp_delta import Deltas, Stream
from sereno.adapters.samples.otlp_points import Translator
from sereno.adapters.samples.protocols import wire
from sereno.adapters.samples.starts import Starts
from sereno.kernel.labels import Labels

JSON_BYTES_MAX = 4 << 20
_UNCOUNTED_BYTES = 1 << 20
_MESSAGES_MAX = 2_000_000
_DEPTH_MAX = 64


@dataclass(frozen=True, slots=True, eq=False)
class OtlpReceived:
    """A request understood. `deltas` are the streams as they stand with it, to be learnt once it is kept.

    `rejected` data points could not be taken.
    """

    received: Received
    rejected: int = 0
    deltas: Mapping[Labels, Stream] = field(default_factory=dict)


@dataclass(slots=True)
class OtlpReader:
    """Reads the requests of all senders. `promoted` resource attributes become labels of every series."""

    known: KnownSeries
    promoted: tuple[str, ...] = ()
    scopes: bool = True
    starts: Starts = field(default_factory=Starts)
    deltas: Deltas = field(default_factory=Deltas)

    def read(self, body: bytes, now_ms: int, *, is_json: bool = False) -> OtlpReceived:
        """What the (unpacked) request holds. Raises BadSamples if it is none, or beyond a limit."""
        request = from_json(body) if is_json else from_protobuf(body)
        translator = Translator(self.known, Gathering(self.known.limits, now_ms), self.starts, self.deltas)
        translator.promoted, translator.scopes = self.promoted, self.scopes
        translator.request(request)
        return OtlpReceived(translator.gathering.finish(), translator.rejected, translator.fresh)

    def learn(self, kept: OtlpReceived) -> None:
        """Remember what a request has shown, now that it is kept."""
        self.starts.learn(kept.received.starts)
        self.deltas.learn(kept.deltas)


def unzipped(body: bytes, bytes_max: int) -> bytes:
    """A gzip body unpacked. Raises BadSamples beyond `bytes_max`, or if it is none."""
    unpack = zlib.decompressobj(31)
    try:
        found = unpack.decompress(body, bytes_max + 1)
    except zlib.error as problem:
        raise BadSamples(f"the body is not gzip: {problem}") from None
    if len(found) > bytes_max:
        raise BadSamples(f"the request unpacks to more than {bytes_max} bytes")
    if not unpack.eof:
        raise BadSamples("the compressed body is cut off")
    return found


def from_protobuf(body: bytes) -> ExportMetricsServiceRequest:
    """The request. Raises BadSamples if it is none, or holds more messages than its memory may cost."""
    try:
        if len(body) > _UNCOUNTED_BYTES:
            _count(body, 0, len(body), ExportMetricsServiceRequest.DESCRIPTOR, _MESSAGES_MAX, _DEPTH_MAX)
        return ExportMetricsServiceRequest.FromString(body)
    except (DecodeError, wire.WireError) as problem:
        raise BadSamples(f"not an OTLP metrics request: {problem}") from None


def from_json(body: bytes) -> ExportMetricsServiceRequest:
    """The request, from its JSON. Raises BadSamples if it is none. Fields we do not know are passed over."""
    if len(body) > JSON_BYTES_MAX:
        raise BadSamples(f"a JSON request has at most {JSON_BYTES_MAX} bytes", hint="send protobuf")
    try:
        parsed: Any = json.loads(body)
        if not isinstance(parsed, dict):
            raise BadSamples("not an OTLP metrics request: an object is wanted")
        return json_format.ParseDict(
            _without_exemplars(parsed, _DEPTH_MAX), ExportMetricsServiceRequest(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, ValueError, RecursionError, TypeError, AttributeError) as problem:
        raise BadSamples(f"not an OTLP metrics request: {str(problem)[:200]}") from None


def response(rejected: int, message: str, *, is_json: bool) -> bytes:
    """The answer to a request of which `rejected` data points were not taken, for the reasons in `message`."""
    told = ExportMetricsServiceResponse()
    if rejected or message:
        told.partial_success.rejected_data_points = rejected
        told.partial_success.error_message = message
    return json_format.MessageToJson(told, indent=None).encode() if is_json else told.SerializeToString()


def _without_exemplars(value: Any, depth: int) -> Any:
    """OTLP's JSON writes trace ids in hexadecimal, protobuf's would read base64: exemplars are not kept anyway."""
    if depth < 0:
        raise ValueError("the request is nested too deeply")
    if isinstance(value, dict):
        return {k: _without_exemplars(v, depth - 1) for k, v in value.items() if k != "exemplars"}
    return [_without_exemplars(one, depth - 1) for one in value] if isinstance(value, list) else value


def _count(data: bytes, begin: int, end: int, kind: Descriptor, left: int, depth: int) -> int:
    """How many more messages may come after those inside of data[begin:end]. Raises TooBig, WireError."""
    if depth < 0:
        raise wire.TooBig("it is nested too deeply")
    known = kind.fields_by_number
    for number, wire_kind, at, until in wire.fields(data, begin, end):
        if wire_kind != wire.BYTES:
            continue
        one = known.get(number)
        if one is not None and one.type == FieldDescriptor.TYPE_MESSAGE and one.message_type is not None:
            left -= 1
            if left < 0:
                raise wire.TooBig("it holds too many messages")
            left = _count(data, at, until, one.message_type, left, depth - 1)
    return left

"""A receiver of OTLP over HTTP that decodes the real protobuf: traces, metrics and logs."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS = {0: "UNSPECIFIED", 1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


@dataclass(frozen=True)
class Received:
    """One span as it arrived, ids in hexadecimal."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    status: str
    description: str
    seconds: float
    resource: dict[str, Any]
    scope: str


@dataclass
class OtlpReceiver:
    """What has arrived. `status` is what it answers; `delay_seconds` how long it takes; `silent` never answers."""

    spans: list[Received] = field(default_factory=list)
    metrics: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    logs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)
    """The sender's port of each request: the same for the same connection."""
    raw: list[bytes] = field(default_factory=list)
    status: int = 200
    delay_seconds: float = 0.0
    port: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of_kind(self, kind: str) -> list[Received]:
        return [span for span in self.spans if span.kind == kind]

    def wait(self, count: int, seconds: float = 10.0) -> list[Received]:
        """The spans, once there are `count` of them; what there is by then otherwise."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.spans) >= count, seconds)
            return list(self.spans)

    def take(self, path: str, body: bytes) -> bytes:
        with self._arrived:
            self.raw.append(body)
            if path.endswith("/v1/traces"):
                self.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
                answer: Any = ExportTraceServiceResponse()
            elif path.endswith("/v1/metrics"):
                self.metrics.extend(_metrics(ExportMetricsServiceRequest.FromString(body)))
                answer = ExportMetricsServiceResponse()
            else:
                self.logs.extend(_logs(ExportLogsServiceRequest.FromString(body)))
                answer = ExportLogsServiceResponse()
            self._arrived.notify_all()
        return bytes(answer.SerializeToString())


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Received(
                    span.name,
                    KINDS[span.kind],
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _attributes(span.attributes),
                    [(event.name, _attributes(event.attributes)) for event in span.events],
                    {0: "UNSET", 1: "OK", 2: "ERROR"}[span.status.code],
                    span.status.message,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    resource,
                    of_scope.scope.name,
                )


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                yield metric.name, _attributes(of_resource.resource.attributes)


def _logs(request: ExportLogsServiceRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                yield str(_value(record.body)), _attributes(record.attributes)


@contextmanager
def otlp_receiver(status: int = 200, delay_seconds: float = 0.0) -> Iterator[OtlpReceiver]:
    """A receiver on a free port of 127.0.0.1, gone with the block."""
    receiver = OtlpReceiver(status=status, delay_seconds=delay_seconds)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            encoding = self.headers.get("Content-Encoding", "")
            body = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(encoding, bytes)(body)
            receiver.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            receiver.connections.append(self.client_address[1])
            receiver.ending.wait(receiver.delay_seconds)
            answer = receiver.take(self.path, body) if receiver.status == 200 else b""
            self.send_response(receiver.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ending.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


if __name__ == "__main__":
    with otlp_receiver() as peer:
        print(peer.url, flush=True)
        time.sleep(3600)

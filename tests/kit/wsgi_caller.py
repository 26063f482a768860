"""A WSGI server of a few lines that does what PEP 3333 says, with wsgiref's validator as the judge of both sides."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import prometheus_client

from sereno_kit import Kit, context, instrument
from sereno_kit.metrics import registry
from sereno_kit.testing.clock import FakeClock

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Heard:
    """What the caller got."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    raised: BaseException | None = None
    environ: dict[str, Any] = field(default_factory=dict)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def ask(
    app: App,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
    pieces_max: int | None = None,
    strict: bool = True,
    **more: Any,
) -> Heard:
    """Ask `app`, read its body (or only `pieces_max` of it, as when the client leaves) and close it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "REMOTE_ADDR": "192.0.2.7",
        "SCRIPT_NAME": "",
        **more,
    }
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.errors"] = sys.stderr
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in (headers or {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    setup_testing_defaults(environ)
    environ.setdefault("QUERY_STRING", "")
    heard = Heard(environ=environ)
    started: list[Any] = []

    def send(data: bytes) -> None:
        if data:
            heard.status, heard.headers = int(started[-1][0][:3]), started[-1][1]
            heard.body += data

    def start_response(status: str, given: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        assert not started or exc_info, "start_response called twice"
        if exc_info and heard.body:
            raise exc_info[1].with_traceback(exc_info[2])
        started.append((status, given))
        return send

    result: Any = ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = (validator(app) if strict else app)(environ, start_response)
            for count, piece in enumerate(result, 1):
                send(piece)
                if pieces_max is not None and count >= pieces_max:
                    break
        except BaseException as error:
            heard.raised = error
        finally:
            try:
                if hasattr(result, "close"):
                    result.close()
            except BaseException as error:
                heard.raised = heard.raised or error
    if started:
        heard.status, heard.headers = int(started[-1][0][:3]), started[-1][1]
    return heard


class Lines:
    """Takes what the access log would write."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(
        self,
        method: str,
        route: str,
        path: str,
        status: int,
        duration_seconds: float,
        client: str,
        error: BaseException | None,
        trace_id: str,
        span_id: str,
    ) -> None:
        self.lines.append(
            {
                "method": method,
                "route": route,
                "path": path,
                "status": status,
                "seconds": duration_seconds,
                "client": client,
                "error": error,
                "trace_id": trace_id,
                "request_id": context.request_id.get(),
            }
        )


class Served:
    """A plain application under the kit, and what the kit knows of it."""

    def __init__(self, app: App, **options: Any) -> None:
        self.clock = FakeClock()
        self.kit: Kit = instrument(
            app, service="served", logs=None, drain=None, admin=None, clock=self.clock, **options
        )
        self.lines = Lines()
        self.kit.observer.access = self.lines  # type: ignore[assignment]
        self.app: App = self.kit.app if not hasattr(self.kit.app, "wsgi_app") else self.kit.app.wsgi_app

    def ask(self, path: str = "/", *words: Any, **more: Any) -> Heard:
        return ask(self.app, path, *words, **more)

    def counted(self) -> dict[tuple[str, str, str], float]:
        """Requests by route, method and status."""
        return {
            (sample.labels["endpoint"], sample.labels["method"], sample.labels["status"]): sample.value
            for family in self.kit.metrics.prometheus.collect()
            for sample in family.samples
            if sample.name == "http_requests_total" and sample.value
        }

    def errors(self) -> Counter[str]:
        """Failed requests by whose fault it was."""
        found: Counter[str] = Counter()
        for family in self.kit.metrics.prometheus.collect():
            for sample in family.samples:
                if sample.name == "http_errors_total" and sample.value:
                    found[sample.labels["error_type"]] += int(sample.value)
        return found

    @property
    def in_progress(self) -> float | None:
        return self.kit.metrics.value("http_requests_in_progress")


Serve = Callable[..., Served]


@contextlib.contextmanager
def serving_wsgi() -> Iterator[Serve]:
    """Serves applications, with a registry of their own; everything is put back afterwards."""
    served: list[Served] = []
    with registry.use(registry.Registry(prometheus_client.CollectorRegistry())):

        def make(app: Any, **options: Any) -> Served:
            served.append(Served(app, **options))
            return served[-1]

        try:
            yield make
        finally:
            for one in served:
                one.kit.close()
    assert context.request_id.get() == ""
    assert all(one.in_progress == 0 for one in served)

"""What `instrument` gives back: the one object by which a program talks to its kit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.metrics.faults import failed

if TYPE_CHECKING:
    from sereno_kit.drain import Drainer
    from sereno_kit.endpoints import Endpoint
    from sereno_kit.features import Features
    from sereno_kit.flags import Flags
    from sereno_kit.health import HealthChecks
    from sereno_kit.logs import Logging
    from sereno_kit.logs.bound import BoundLogger
    from sereno_kit.metrics.metric import Counter, Gauge, Histogram
    from sereno_kit.metrics.registry import Labels, Multiprocess, Registry
    from sereno_kit.metrics.server import MetricsServer
    from sereno_kit.observing import Observer
    from sereno_kit.problems import Answers
    from sereno_kit.redact import Redactor
    from sereno_kit.traces import Span, Tracing
    from sereno_kit.websockets import WebsocketMetrics

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
ClientT = TypeVar("ClientT")
_FLUSH_SECONDS = 5.0


class Kit:
    """The kit of one service. Made by `instrument`.

    Its counters, gauges and histograms are declared once, with all values that their labels may have; its checks say
    when the service wants requests; `close` puts everything back as it was.
    """

    app: Any
    """What the server should serve: the application itself where it could be instrumented in place."""
    metrics: Registry
    log: BoundLogger
    """A structlog logger with the service's fields."""
    health: HealthChecks
    drain: Drainer | None
    flags: Flags
    features: Features
    redactor: Redactor
    tracing: Tracing | None
    observer: Observer
    problems: Answers | None
    websockets: WebsocketMetrics | None
    logging: Logging | None

    def __init__(
        self,
        *,
        service: str,
        environment: str = "",
        version: str = "",
        deadline_header: str = "",
        slo_latency: Sequence[float] = (),
        clock: Clock = SYSTEM,
    ) -> None:
        self.service = service
        self.environment = environment
        self.version = version
        self.deadline_header = deadline_header
        self.slo_latency = tuple(slo_latency)
        self.clock = clock
        self.endpoints: dict[str, Endpoint] = {}
        """The addresses that the kit answers itself; a path that ends in `/` is a prefix."""
        self.at_start: list[Callable[[], object]] = []
        """What to call when the application has started, in each process, and in its event loop if it has one."""
        self.at_flush: list[Callable[[], object]] = []
        self.at_close: list[Callable[[], object]] = []
        self._closed = False

    def counter(
        self, name: str, help: str, /, *, unit: str = "", series_max: int | None = None, **labels: Labels
    ) -> Counter:
        """Declare something that only grows, such as `orders_created_total`; see `Registry.counter`.

        Args:
            name: ends in `_total`.
            help: what it counts, for people.
            unit: what it counts in, if its name does not say so.
            series_max: how many combinations of labels there may be.
            labels: each label with all values it may have, or None where they are not known beforehand.
        """
        return self.metrics.counter(name, help, unit=unit, series_max=series_max, **labels)

    def gauge(
        self,
        name: str,
        help: str,
        /,
        *,
        unit: str = "",
        series_max: int | None = None,
        multiprocess: Multiprocess = "livesum",
        **labels: Labels,
    ) -> Gauge:
        """Declare something that goes up and down; see `Registry.gauge`."""
        return self.metrics.gauge(name, help, unit=unit, series_max=series_max, multiprocess=multiprocess, **labels)

    def histogram(
        self,
        name: str,
        help: str,
        /,
        *,
        unit: str = "",
        bounds: Sequence[float] = (),
        slo: Sequence[float] = (),
        native: bool | None = None,
        series_max: int | None = None,
        **labels: Labels,
    ) -> Histogram:
        """Declare how something is spread; see `Registry.histogram`."""
        return self.metrics.histogram(
            name, help, unit=unit, bounds=bounds, slo=slo, native=native, series_max=series_max, **labels
        )

    def watch(self, thing: T, *, name: str | None = None) -> T:
        """Measure a pool, an engine, a client or an executor; see `sereno_kit.metrics.watching.watch`."""
        from sereno_kit.metrics.watching import watch

        return watch(thing, name=name, registry=self.metrics)

    def serve_metrics(self, port: int, *, host: str = "0.0.0.0", token: str | None = None) -> MetricsServer:  # noqa: S104
        """Show the metrics on a port of their own, for services whose own port is public.

        Args:
            port: where; 0 takes a free one.
            host: the address it listens on.
            token: what scrapers must send as a bearer.
        """
        from sereno_kit.metrics.server import serve

        server = serve(self.metrics, port, host=host, token=token)
        self.at_close.append(server.close)
        return server

    def readiness(self, name: str, *, timeout: float | None = None, cache: float | None = None) -> Callable[[F], F]:
        """A decorator: the service wants requests only while the function neither raises nor returns False.

        Args:
            name: what the check is called.
            timeout: seconds after which it has failed.
            cache: seconds for which its result holds.
        """
        return self.health.check(name, timeout=timeout, cache=cache, kind="ready")

    def liveness(self, name: str, *, timeout: float | None = None, cache: float | None = None) -> Callable[[F], F]:
        """The same for what only a restart can mend. Never ask a database here."""
        return self.health.check(name, timeout=timeout, cache=cache, kind="live")

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Span]:
        """A span around a block; without traces it does nothing and costs next to nothing."""
        from sereno_kit import traces

        return traces.span(name, **attributes) if self.tracing is None else self.tracing.span(name, **attributes)

    def outgoing(
        self,
        client: ClientT,
        *,
        integration: str,
        endpoint: str | Callable[[Any], str] | None = None,
        propagate: bool | Callable[[str], bool] = True,
    ) -> ClientT:
        """Observe what a client of httpx, requests or aiohttp calls; see `sereno_kit.outgoing.observe`."""
        from sereno_kit import outgoing

        header = self.deadline_header or None
        return outgoing.observe(
            client, integration=integration, endpoint=endpoint, propagate=propagate, deadline_header=header
        )

    def start(self) -> None:
        """The application serves: take SIGTERM, begin to measure. Called by the middlewares, once a process."""
        self.started()
        self._all("start", self.at_start)

    def starting(self) -> None:
        """The application starts up: it is not ready yet."""
        self.health.starting = True

    def started(self) -> None:
        """It has."""
        self.health.starting = False

    def flush(self) -> None:
        """Send what waits: spans, errors, lines. Bounded by each part's own time-out."""
        self._all("flush", self.at_flush)

    async def aflush(self) -> None:
        """As `flush`, without holding up the event loop, and for at most five seconds."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self.flush), _FLUSH_SECONDS)
        except Exception as error:
            failed("flush", error)

    def close(self) -> None:
        """Flush, and put everything back as it was before `instrument`. A second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        self.flush()
        self._all("close", self.at_close[::-1])

    def _all(self, part: str, callbacks: Sequence[Callable[[], object]]) -> None:
        for callback in callbacks:
            try:
                callback()
            except Exception as error:
                failed(part, error)

"""The parts of a kit, each made from its options: what `instrument` puts together."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sereno_kit.kit import Kit
from sereno_kit.options import Admin, Drain, Health, Logs, Metrics, Problems, Sentry, Traces

if TYPE_CHECKING:
    from typing import Any

    from sereno_kit.flags import Flags
    from sereno_kit.observing import Observer
    from sereno_kit.redact import Redactor


def redactor(kit: Kit, given: Redactor | None) -> None:
    """What logs, spans, Sentry and answers pass."""
    from sereno_kit import redact

    kit.redactor = redact.DEFAULT if given is None else given


def metrics(kit: Kit, options: Metrics | None) -> None:
    """The process's registry, and where it is shown."""
    from sereno_kit.metrics import faults, identity, registry

    kit.metrics = registry.current()
    kit.websockets = None
    if options is None:
        return
    from sereno_kit.websockets import WebsocketMetrics

    kit.metrics.configure(options)
    faults.expect(kit.metrics)
    identity.tell(
        kit.metrics,
        service=kit.service,
        environment=kit.environment,
        version=kit.version,
        slo_seconds=kit.slo_latency,
    )
    if options.process:
        from sereno_kit.metrics import process

        kit.at_close.append(process.install(kit.metrics))
    if options.loop_lag:
        kit.at_start.append(lambda: _measure_loop(kit))
    kit.websockets = WebsocketMetrics(kit.metrics)
    if options.path is not None:
        from sereno_kit.metrics import exposition

        kit.endpoints[options.path] = exposition.endpoint(kit.metrics)


def _measure_loop(kit: Kit) -> None:
    """The event loop that runs now, if one does, and the threads of its framework."""
    import asyncio

    from sereno_kit.metrics import loop, pools

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    kit.health.lag = loop.watch(kit.metrics).late
    if "anyio" in sys.modules:
        pools.watch_anyio(kit.metrics)


def logs(kit: Kit, options: Logs | None) -> None:
    """Logging as the options say, and the logger of the program."""
    from sereno_kit import logs as logging

    kit.logging = None
    if options is not None:
        kit.logging = logging.configure(
            options,
            service=kit.service,
            environment=kit.environment,
            version=kit.version,
            redactor=kit.redactor,
            metrics=kit.metrics,
        )
        kit.at_start.append(kit.logging.adopt)  # servers set up their own after the application is imported
        kit.at_close.append(kit.logging.close)
    kit.log = logging.get_logger(kit.service)


def health(kit: Kit, options: Health | None) -> None:
    """The checks, and where they are asked for."""
    from sereno_kit.health import HealthChecks

    kit.health = HealthChecks(options or Health(), kit.clock, kit.redactor)
    if options is not None:
        kit.endpoints[options.live] = kit.health.live
        kit.endpoints[options.ready] = kit.health.ready
    if kit.logging is not None:
        kit.logging.access.hush(kit.endpoints)  # of machines that ask all day; operators' addresses come later


def drain(kit: Kit, options: Drain | None) -> None:
    """SIGTERM, from the start of the application on."""
    kit.drain = None
    if options is not None:
        from sereno_kit.drain import Drainer

        kit.drain = Drainer(options, kit.health, kit.clock)
        kit.drain.at_end.append(kit.flush)
        kit.drain.install_early()
        kit.at_start.append(kit.drain.install)
        kit.at_close.append(kit.drain.uninstall)


def flags(kit: Kit, given: Flags | None) -> None:
    """Feature flags, from wherever they come."""
    from sereno_kit.flags import Flags

    kit.flags = Flags(clock=kit.clock) if given is None else given
    kit.at_start.append(kit.flags.start)
    kit.at_close.append(kit.flags.close)


def features(kit: Kit) -> None:
    """What can be degraded while the program runs."""
    from sereno_kit.features import Features

    kit.features = Features(kit.flags, clock=kit.clock, registry=kit.metrics)


def admin(kit: Kit, options: Admin | None) -> None:
    """Where operators look, if a token lets them in."""
    token = None if options is None else options.token or os.environ.get("SERENO_KIT_TOKEN")
    if options is None or not token:
        return
    from sereno_kit import admin, chaos_admin

    endpoint = admin.endpoint(options, kit)
    path = options.path.rstrip("/")
    kit.endpoints[path] = kit.endpoints[path + "/"] = endpoint
    drills = chaos_admin.endpoint(options, environment=kit.environment, clock=kit.clock, kit=kit)
    if drills is not None:
        kit.endpoints[path + "/chaos"] = drills


def traces(kit: Kit, app: Any, options: Traces | None) -> None:
    """OpenTelemetry, where it is asked for."""
    kit.tracing = None
    if options is None:
        return
    from sereno_kit import traces

    kit.tracing = traces.configure(
        options,
        service=kit.service,
        environment=kit.environment,
        version=kit.version,
        app=app,
        redactor=kit.redactor,
        exclude=kit.endpoints,
    )
    kit.at_flush.append(kit.tracing.flush)
    kit.at_close.append(kit.tracing.shutdown)


def sentry(kit: Kit, options: Sentry | None) -> None:
    """Sentry, where it is asked for."""
    if options is None:
        return
    from sereno_kit import sentry

    reporting = sentry.configure(options, kit.redactor, kit.service, kit.environment, kit.version)
    kit.at_flush.append(reporting.flush)
    kit.at_close.append(reporting.close)


def problems(kit: Kit, options: Problems | None) -> None:
    """How errors become answers."""
    from sereno_kit.problems import Answers

    kit.problems = None if options is None else Answers(options, kit.redactor)


def observer(kit: Kit, options: Metrics | None, *, sentry: bool) -> None:
    """What becomes of each request."""
    from sereno_kit.observing import Observer

    http = None
    if options is not None:
        from sereno_kit.metrics.http import HttpMetrics
        from sereno_kit.metrics.names import MetricError

        try:
            http = HttpMetrics(kit.metrics, options, kit.slo_latency)
        except MetricError as error:
            raise MetricError(
                "services of one process count requests in the same metrics: "
                f"give all of them the same `slo_latency` and `metrics` ({error})"
            ) from None
    capture = isolated = None
    if sentry:
        from sereno_kit import sentry as errors

        capture, isolated = errors.capture, errors.scope
    access = kit.logging.access if kit.logging is not None else None
    kit.observer = Observer(clock=kit.clock, http=http, access=access, capture=capture, isolated=isolated)
    kit.at_start.append(lambda: _look_for_traces(kit.observer))


def _look_for_traces(observer: Observer) -> None:
    """Whoever is behind OpenTelemetry's API, if not its own SDK."""
    api = sys.modules.get("opentelemetry.trace")
    kind = type(api.get_tracer_provider()).__name__ if api is not None else "NoOpTracerProvider"
    observer.otel = kind not in ("ProxyTracerProvider", "NoOpTracerProvider")

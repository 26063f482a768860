"""`instrument(app, service=…)`: the one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sereno_kit import given
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.kit import Kit
from sereno_kit.options import Admin, Drain, Health, Logs, Metrics, Problems, Sentry, Traces

if TYPE_CHECKING:
    from sereno_kit.flags import Flags
    from sereno_kit.redact import Redactor

_MARK = "_sereno_kit"
LOGS, METRICS, HEALTH, DRAIN, ADMIN, PROBLEMS = Logs(), Metrics(), Health(), Drain(), Admin(), Problems()


def instrument(
    app: Any,
    *,
    service: str,
    environment: str = "",
    version: str = "",
    slo_latency: Sequence[float] = (),
    logs: Logs | None = LOGS,
    metrics: Metrics | None = METRICS,
    traces: float | Traces | None = None,
    sentry: str | Sentry | None = None,
    health: Health | None = HEALTH,
    drain: Drain | None = DRAIN,
    admin: Admin | None = ADMIN,
    redactor: Redactor | None = None,
    flags: Flags | None = None,
    problems: Problems | None = PROBLEMS,
    deadline_header: str = "",
    clock: Clock = SYSTEM,
) -> Kit:
    """Make `app` observable, and able to end without losing a request.

    FastAPI, Starlette, Litestar and Flask are instrumented in place. Of anything else that speaks ASGI or WSGI, Django
    among it, serve `Kit.app`. Nothing of the program changes but what this is told.

    Args:
        app: the application, before it serves its first request.
        service: its name, in every line, span and error.
        environment: where it runs: `prod`, `staging` …
        version: what runs.
        slo_latency: thresholds of latency objectives in seconds; each becomes a bucket's bound.
        logs: how it logs; None leaves logging alone and writes no line of requests.
        metrics: what is counted and where it is shown; None counts no requests and shows nothing.
        traces: the share of traces that begin here, or more of it; none are made, if not given. Needs the extra `otel`.
        sentry: the DSN, or more of it. Needs the extra `sentry`.
        health: where orchestrators ask; None for nowhere.
        drain: how the process ends after SIGTERM; None leaves SIGTERM alone.
        admin: where operators look; without a token it does not exist.
        redactor: what nothing secret passes; the default one, if not given.
        flags: where feature flags come from; none are known, if not given.
        problems: how errors become answers; None leaves them to the framework.
        deadline_header: a header in which callers say how many seconds they will wait, such as `X-Request-Timeout`;
            believed only if named here.
        clock: for tests.

    Returns:
        The service's kit.

    Raises:
        TypeError: `app` speaks neither ASGI nor WSGI, or an option is of another kind.
        RuntimeError: `app` is instrumented already, or serves already.
        ImportError: an extra is missing; the text says what to install.
        ValueError: an option cannot be.
    """
    _refuse_twice(app)
    given.check(
        app,
        service=service,
        slo_latency=slo_latency,
        logs=logs,
        metrics=metrics,
        traces=traces,
        sentry=sentry,
        health=health,
        drain=drain,
        admin=admin,
        redactor=redactor,
        flags=flags,
        problems=problems,
    )
    kit = Kit(
        service=service,
        environment=environment,
        version=version,
        deadline_header=deadline_header,
        slo_latency=slo_latency,
        clock=clock,
    )
    try:
        _prepare(kit, app, logs, metrics, traces, sentry, health, drain, admin, redactor, flags, problems)
        kit.app = _wrap(app, kit)
    except BaseException:
        kit.close()
        raise
    _mark(app, kit)
    return kit


def _prepare(
    kit: Kit,
    app: Any,
    logs: Logs | None,
    metrics: Metrics | None,
    traces: float | Traces | None,
    sentry: str | Sentry | None,
    health: Health | None,
    drain: Drain | None,
    admin: Admin | None,
    redactor: Redactor | None,
    flags: Flags | None,
    problems: Problems | None,
) -> None:
    """Each part by itself, those that others need first."""
    from sereno_kit import parts

    parts.redactor(kit, redactor)
    parts.metrics(kit, metrics)
    parts.logs(kit, logs)
    parts.health(kit, health)
    parts.drain(kit, drain)
    parts.flags(kit, flags)
    parts.features(kit)
    parts.admin(kit, admin)
    parts.traces(kit, app, Traces(share=traces) if isinstance(traces, (int, float)) else traces)
    parts.sentry(kit, Sentry(dsn=sentry) if isinstance(sentry, str) else sentry)
    parts.problems(kit, problems)
    parts.observer(kit, metrics, sentry=sentry is not None)


def _wrap(app: Any, kit: Kit) -> Any:
    """The application as it shall be served."""
    from sereno_kit import frameworks

    return frameworks.wrap(app, kit)


def _refuse_twice(app: Any) -> None:
    if getattr(app, _MARK, None) is not None:
        raise RuntimeError("this application is instrumented already; `instrument` is called once, where it is made")


def _mark(app: Any, kit: Kit) -> None:
    """Remember on the application itself that it has its kit."""
    try:
        setattr(app, _MARK, kit)
    except AttributeError:  # an object with slots, or a bound method; its kit.app is what knows
        return

    def forget() -> None:
        if getattr(app, _MARK, None) is kit:
            delattr(app, _MARK)

    kit.at_close.append(forget)

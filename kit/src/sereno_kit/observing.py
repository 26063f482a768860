"""One request, the same under ASGI and WSGI: named, timed, counted and logged exactly once, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Token
from sys import modules
from typing import TYPE_CHECKING, Any

from sereno_kit import context, traces
from sereno_kit.clock import new_id, new_span_id
from sereno_kit.context import Trace
from sereno_kit.errors import Category, KitError, classify
from sereno_kit.metrics.faults import failed
from sereno_kit.routes import METHODS, OTHER_METHOD

if TYPE_CHECKING:
    from sereno_kit.clock import Clock
    from sereno_kit.logs import AccessLog
    from sereno_kit.metrics.http import HttpMetrics

CLIENT_GONE = 499
"""The status that is counted when the client left before any was sent (nginx's; it is never sent to anybody)."""
DISCONNECT = "client_disconnect"
_DEADLINE_SECONDS_MAX = 3600.0
_SDK = "opentelemetry.sdk.trace"


class Observer:
    """What becomes of each request of one service.

    Args:
        clock: for durations and deadlines.
        http: where requests are counted; nowhere, if not given.
        access: where each leaves a line; nowhere, if not given.
        capture: what errors that nobody handled are told to (Sentry).
        isolated: what each request runs inside of, so that what one tells Sentry of itself is not seen in another.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        http: HttpMetrics | None = None,
        access: AccessLog | None = None,
        capture: Callable[..., None] | None = None,
        isolated: Callable[[], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self.monotonic = clock.monotonic
        self.http = http
        self.access = access
        self.capture = capture
        self.isolated = isolated
        self.otel = False
        """Whether OpenTelemetry runs, although its SDK is not imported: another one behind its API."""

    def begin(
        self,
        method: str,
        path: str,
        *,
        request_id: str | None = None,
        traceparent: str | None = None,
        timeout: str | None = None,
        client: str = "",
        counted: bool = True,
    ) -> Observation:
        """A request has arrived: its id, trace and deadline are known everywhere from now until `leave`.

        Args:
            method: as it came.
            path: as it came, for the line; never a label.
            request_id: what the caller says; kept if well-formed, otherwise a new one is made.
            traceparent: what the caller says; for where OpenTelemetry does not run.
            timeout: the seconds that the caller will wait.
            client: its address, for the line.
            counted: whether it is one of the service's own requests, and not the kit's health or metrics.
        """
        return Observation(
            self, METHODS.get(method, OTHER_METHOD), path, client, request_id, traceparent, timeout, counted
        )


class Observation:
    """A request under way. `end` tells of it, the first time; `leave` must follow, in the same context."""

    __slots__ = (
        "_deadline_token",
        "_id_token",
        "_isolation",
        "_trace_token",
        "answered",
        "client",
        "counted",
        "cut_short",
        "disconnected",
        "ended",
        "error",
        "method",
        "observer",
        "path",
        "request_id",
        "started_at",
        "status",
        "trace",
    )

    def __init__(
        self,
        observer: Observer,
        method: str,
        path: str,
        client: str,
        request_id: str | None,
        traceparent: str | None,
        timeout: str | None,
        counted: bool,
    ) -> None:
        self.observer = observer
        self.method = method
        self.path = path
        self.client = client
        self.started_at = observer.monotonic()
        self.counted = self.ended = False
        self.disconnected = False
        """Whether the client is known to have left before the end of the answer."""
        self.cut_short = False
        """Whether the answer is known to be less than it should be, although it seems to be whole."""
        self.status = 0
        """What was sent, or 0 as long as nothing was."""
        self.error: BaseException | None = None
        """What the application raised, handled or not."""
        self.answered: BaseException | None = None
        """What the kit has made an answer of."""
        self.trace: Trace | None = None
        self._trace_token: Token[Trace | None] | None = None
        self._deadline_token: Token[float | None] | None = None
        self._isolation: AbstractContextManager[Any] | None = None
        self.request_id = new_id() if request_id is None else context.accept_request_id(request_id)
        self._id_token = context.request_id.set(self.request_id)
        try:
            if observer.otel or _SDK in modules:
                self.trace = traces.current()
            if traceparent is not None and self.trace is None:
                self.trace = _next_span(traceparent)
                self._trace_token = context.trace.set(self.trace)
            if timeout is not None and (seconds := _seconds(timeout)) is not None:
                self._deadline_token = context.deadline.set(context.Asked(self.started_at + seconds))
            if counted and observer.http is not None:
                self.counted = True
                observer.http.begin(method)
            if observer.isolated is not None:
                isolation = observer.isolated()
                isolation.__enter__()
                self._isolation = isolation
        except Exception as error:
            failed("middleware", error)

    def failed_with(self, error: BaseException) -> None:
        """The application raised `error`, whether or not somebody makes an answer of it."""
        if error is not self.error:
            traces.failed(error)
        self.error = error

    def end(self, route: str, complete: bool = True) -> None:
        """The answer has ended, or will never: count it and write its line. Only the first call does anything.

        Args:
            route: the template of its route.
            complete: whether the whole answer was sent.
        """
        if self.ended:
            return
        self.ended = True
        if self._deadline_token is not None:
            context.deadline.set(None)  # The caller waits no longer for what runs behind the answer.
        observer, trace = self.observer, self.trace
        duration = observer.monotonic() - self.started_at
        status, fault = self.status, None
        if not complete or self.error is not None or not status:
            status, fault = self._verdict(complete)
        if self.counted and observer.http is not None:
            observer.http.end(self.method, route, status, duration, fault, trace)
        if observer.access is not None:
            trace_id, span_id = ("", "") if trace is None else (trace.trace_id, trace.span_id)
            try:
                observer.access.write(
                    self.method, route, self.path, status, duration, self.client, self.error, trace_id, span_id
                )
            except Exception as error:
                failed("logs", error)

    def capture(self, route: str) -> None:
        """Tell Sentry of the error, if nobody handled it and it is not of the client's making."""
        capture, error = self.observer.capture, self.error
        if capture is None or error is None or self.gone(error) or not is_ours(error):
            return
        try:
            capture(error, route=route, request_id=self.request_id)
        except Exception as problem:
            failed("sentry", problem)

    def leave(self) -> None:
        """Nobody below knows of this request any more."""
        if self._isolation is not None:
            isolation, self._isolation = self._isolation, None
            try:
                isolation.__exit__(None, None, None)
            except Exception as error:
                failed("sentry", error)
        try:
            context.request_id.reset(self._id_token)
            if self._trace_token is not None:
                context.trace.reset(self._trace_token)
            if self._deadline_token is not None:
                context.deadline.reset(self._deadline_token)
        except ValueError:
            pass  # Closed from another context, which knows nothing of this request anyway.

    def gone(self, error: BaseException) -> bool:
        """Whether `error` only says that the client has left, or that the server gave the request up."""
        if not isinstance(error, Exception):
            return True
        return self.disconnected and (isinstance(error, OSError) or type(error).__name__ == "ClientDisconnect")

    def _verdict(self, complete: bool) -> tuple[int, str | None]:
        """The status to count and whose fault it was.

        A client that leaves is counted with the status that it was sent, 499 if none; an answer that breaks off through
        our own fault is a 500, whatever had been sent.
        """
        error = self.error
        if complete and error is not None and self.status and not self.cut_short:
            return self.status, category(error) if self.status >= 400 else None
        if self.disconnected if error is None else self.gone(error):
            return self.status or CLIENT_GONE, DISCONNECT
        return 500, Category.INTERNAL if error is None else category(error)


def category(error: BaseException) -> str:
    """Whose fault an error is, seen from our caller: what a dependency says of our request is not its own fault."""
    try:
        found = classify(error)
    except Exception as problem:  # an exception whose attributes raise
        failed("errors", problem)
        return Category.INTERNAL
    return Category.INTERNAL if found is Category.CLIENT and not isinstance(error, KitError) else found


def is_ours(error: BaseException) -> bool:
    """Whether somebody of ours must look: the kit's own errors are answers, unless they say that we are at fault."""
    return not isinstance(error, KitError) or error.category is Category.INTERNAL


def _next_span(traceparent: str) -> Trace | None:
    """A place of our own in the caller's trace."""
    parent = context.parse_traceparent(traceparent)
    return None if parent is None else Trace(parent.trace_id, new_span_id(), parent.sampled)


def _seconds(timeout: str) -> float | None:
    try:
        seconds = float(timeout) if len(timeout) <= 16 else 0.0
    except ValueError:
        return None
    return min(seconds, _DEADLINE_SECONDS_MAX) if seconds > 0 else None

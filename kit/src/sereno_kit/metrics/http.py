"""What is counted of every request: how many, how long, what went wrong, how many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sereno_kit.context import Trace
from sereno_kit.errors import Category
from sereno_kit.metrics.faults import failed
from sereno_kit.metrics.labels import OTHER, text_of
from sereno_kit.metrics.registry import Registry
from sereno_kit.options import Metrics

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY", "WEBSOCKET"}
)
METHOD_OTHER = "_OTHER"
"""What OpenTelemetry's semantic conventions say for a method that is not known."""
_METHOD_VALUES = (*sorted(METHODS), METHOD_OTHER)
_STATUS_VALUES = (*map(str, range(100, 600)), OTHER)
_FAILURES = ("500", "503")
"""What a service answers by itself when it fails: unhandled errors, and what the kit refuses."""
_ERROR_TYPES = frozenset({*Category, "client_disconnect"})
_ERROR_TYPE_VALUES = (*sorted(_ERROR_TYPES), OTHER)

INFINITY = float("inf")

_Key = tuple[str, str, int]
_Calls = tuple[Callable[[], None], Callable[..., None], Callable[[], None] | None]


class HttpMetrics:
    """RED by method, route template and status; two dictionary look-ups a request.

    Series are bounded by construction: methods and statuses are known sets, error types a fixed one, and of routes at
    most as many are told apart as fit into `Metrics.series_max`; those that come later are counted as `__other__`.

    Args:
        registry: where it counts.
        options: bounds, exemplars, limits.
        slo_seconds: thresholds of latency objectives; each is a bucket's bound.
    """

    def __init__(self, registry: Registry, options: Metrics, slo_seconds: Sequence[float] = ()) -> None:
        self._requests = registry.counter(
            "http_requests_total", "HTTP requests answered",
            method=_METHOD_VALUES, endpoint=None, status=_STATUS_VALUES, series_max=options.series_max,
        )  # fmt: skip
        self._durations = registry.histogram(
            "http_request_duration_seconds", "Time from the request's arrival to the end of its answer",
            method=_METHOD_VALUES, endpoint=None, bounds=options.bounds_seconds, slo=slo_seconds, native=options.native,
            series_max=options.series_max,
        )  # fmt: skip
        self._errors = registry.counter(
            "http_errors_total", "HTTP requests that failed, by whose fault it was",
            method=_METHOD_VALUES, endpoint=None, error_type=_ERROR_TYPE_VALUES, series_max=options.series_max,
        )  # fmt: skip
        progress = registry.gauge("http_requests_in_progress", "HTTP requests being answered now").labels()
        self._enter, self._leave = progress.up, progress.down
        self._exemplars = options.exemplars and not registry.multiprocess
        self._keys_max = options.series_max
        self._hot: dict[_Key, _Calls] = {}
        self._routes: set[str] = set()
        self._routes_max = max(1, options.series_max // 8)

    def begin(self, method: str = "") -> None:
        """A request has arrived. Never raises."""
        try:
            self._enter()
        except Exception as problem:
            failed("metrics", problem, what="a request could not be counted")

    def end(
        self,
        method: str,
        route: str,
        status: int,
        duration_seconds: float,
        error_type: str | None = None,
        trace: Trace | None = None,
    ) -> None:
        """The request that had begun is over, whatever became of it. To be called exactly once. Never raises.

        Args:
            method: as it came; what is not known becomes `_OTHER`.
            route: its template, never the path itself.
            status: as answered.
            duration_seconds: from its arrival to the end of the answer.
            error_type: whose fault it was, one of `errors.Category` or `client_disconnect`; told by the status (4xx
                the client's, 5xx the server's), if not given.
            trace: whose id becomes an exemplar, if it is recorded.
        """
        try:
            self._leave()
            calls = self._hot.get((method, route, status)) or self._prepare(method, route, status)
            count, observe, error = calls
            count()
            if not 0.0 <= duration_seconds < INFINITY:
                raise ValueError("a duration that is none")
            if trace is not None and trace.sampled and self._exemplars:
                observe(duration_seconds, {"trace_id": trace.trace_id, "span_id": trace.span_id})
            else:
                observe(duration_seconds)
            if error_type:
                self._count_error(method, route, error_type)
            elif error is not None:
                error()
        except Exception as problem:
            failed("metrics", problem, what="a request could not be counted")

    def _prepare(self, method: str, route: str, status: int) -> _Calls:
        """The children for one kind of request; remembered as long as there is room."""
        known_method, known_route, known_status = self._method(method), self._route(route), self._status(status)
        requests = self._requests.labels(method=known_method, endpoint=known_route, status=known_status)
        durations = self._durations.labels(method=known_method, endpoint=known_route)
        # At zero from the route's first request on, so that the first error of all is an increase.
        for failure in _FAILURES:
            self._requests.labels(method=known_method, endpoint=known_route, status=failure)
        ours = self._errors.labels(method=known_method, endpoint=known_route, error_type=Category.INTERNAL.value)
        error = ours.inc if status >= 500 else None
        if 400 <= status < 500:
            client = Category.CLIENT.value
            error = self._errors.labels(method=known_method, endpoint=known_route, error_type=client).inc
        calls: _Calls = (requests.one, durations.quick, error)
        if len(self._hot) < self._keys_max and (method, route) == (known_method, known_route):
            self._hot[method, route, status] = calls
        return calls

    def _count_error(self, method: str, route: str, error_type: str) -> None:
        known = error_type if error_type in _ERROR_TYPES else OTHER
        self._errors.labels(method=self._method(method), endpoint=self._route(route), error_type=str(known)).inc()

    def _method(self, method: str) -> str:
        return method if method in METHODS else METHOD_OTHER

    def _status(self, status: int) -> str:
        return str(int(status)) if 100 <= status <= 599 else OTHER

    def _route(self, route: str) -> str:
        if route in self._routes:
            return route
        route = text_of(route)
        if route not in self._routes:
            if len(self._routes) >= self._routes_max:
                failed("metrics", what="http_requests_total: more routes than can be told apart")
                return OTHER
            self._routes.add(route)
        return route

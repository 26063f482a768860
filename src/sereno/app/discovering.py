"""What a service's own metrics say about it: which requests, times, integrations and pools could be promised.

Recognised by shape, not by guess: a counter with a label whose values are HTTP statuses, a histogram beside it, the
kit's own names. What is not recognised is said to be so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

STATUS_LABELS = ("status", "code", "status_code", "http_response_status_code", "http_status_code")
ROUTE_LABELS = ("endpoint", "handler", "http_route", "route", "path", "uri")
# Counters that are known by name, and the histogram that belongs to each; what is not here is found by its shape.
_KNOWN = (
    ("http_requests_total", "http_request_duration_seconds"),
    ("starlette_requests_total", "starlette_request_duration_seconds"),
    ("http_server_request_duration_seconds_count", "http_server_request_duration_seconds"),
    ("http_server_requests_seconds_count", "http_server_requests_seconds"),
    ("flask_http_request_total", "flask_http_request_duration_seconds"),
    ("django_http_responses_total_by_status_total", "django_http_requests_latency_including_middlewares_seconds"),
)
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)")
_INTERNAL = re.compile(
    r"/(?:-/|_)?(?:health|healthz|live|livez|ready|readyz|ping|metrics|-|_fault)\b[A-Za-z0-9/_.-]{0,80}"
)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_OUTCOMES = re.compile(r"(?i)fail(?:ed|ure)?|error|success|succeeded|ok|declined|rejected|paid|timeout")
_EVENTS_ENOUGH = 100
_SHARE = Decimal(95)
"""Per cent of requests that a first promise of times is about."""
_USUAL_SECONDS = Decimal("0.5")
_NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: the labels of its series, each with its value."""

    name: str
    series: tuple[tuple[Mapping[str, str], float], ...] = ()

    def values(self, label: str) -> tuple[str, ...]:
        """The values that `label` has, in order."""
        return tuple(sorted({labels[label] for labels, _ in self.series if label in labels}))

    def labels(self) -> frozenset[str]:
        """The labels that any series has."""
        return frozenset(name for labels, _ in self.series for name in labels)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was scraped: families by name, and names that were only announced (`# TYPE`)."""

    families: Mapping[str, Family]
    announced: frozenset[str] = frozenset()

    @classmethod
    def of(cls, samples: Iterable[tuple[Mapping[str, str], float]], announced: Iterable[str] = ()) -> Seen:
        """Sort samples, whose labels hold `__name__`, into families."""
        found: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for labels, value in samples:
            rest = {name: text for name, text in labels.items() if name != "__name__"}
            found[labels["__name__"]].append((rest, value))
        return cls({name: Family(name, tuple(series)) for name, series in found.items()}, frozenset(announced))

    def get(self, name: str) -> Family:
        """The family of that name; without series if there is none."""
        return self.families.get(name, Family(name))

    def __contains__(self, name: str) -> bool:
        return name in self.families or name in self.announced


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests that the service answers, and how their success is told."""

    counter: str
    status: str
    route: str = ""
    internal: tuple[str, ...] = ()
    """Routes that no customer asks for."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long requests take: the promises are (share, seconds), each threshold a boundary of the histogram."""

    histogram: str
    promises: tuple[tuple[Decimal, Decimal], ...]
    why: str
    route: str = ""
    internal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A counter of the business with a label that tells how things ended."""

    counter: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovered:
    """What the metrics of a service tell about it."""

    service: str = ""
    kit: bool = False
    requests: Requests | None = None
    times: Times | None = None
    integrations: tuple[str, ...] = ()
    pools: bool = False
    breakers: bool = False
    outcomes: tuple[Outcomes, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    """What was looked for and not found, a sentence each."""


def discover(seen: Seen) -> Discovered:
    """What `seen` tells about the service it came from."""
    requests, beside = _requests(seen)
    times, remark = _times(seen, requests, beside)
    remarks = [remark] if remark else []
    if requests is None:
        remarks.insert(0, "no counter of HTTP requests with a status was recognised")
    info = seen.get("sereno_kit_info")
    return Discovered(
        service=next(iter(info.values("service")), ""),
        kit=bool(info.series),
        requests=requests,
        times=times,
        integrations=_plain(seen.get("integration_api_calls_total").values("integration")),
        pools="db_connections_active" in seen and "db_connections_max" in seen,
        breakers="sereno_circuit_state" in seen,
        outcomes=tuple(_outcomes(seen, requests)),
        remarks=tuple(remarks),
    )


def _plain(values: Iterable[str]) -> tuple[str, ...]:
    """Those that can stand in a name and a matcher as they are; others are somebody's mischief."""
    return tuple(value for value in values if _PLAIN.fullmatch(value) and not value.startswith("__"))[:_NAMED_MAX]


def _requests(seen: Seen) -> tuple[Requests | None, str]:
    """The counter of requests, and the name of the histogram that usually stands beside it."""
    known = [(counter, beside) for counter, beside in _KNOWN if counter in seen]
    shaped = [(name, "") for name in sorted(seen.families) if _counts_requests(name)]
    for counter, beside in (*known, *shaped):
        family = seen.get(counter)
        status = next((label for label in STATUS_LABELS if _tells_status(family, label)), "")
        if not status and not family.series and counter == "http_requests_total" and "sereno_kit_info" in seen:
            status = "status"  # the kit's, before its first request
        if status:
            route, internal = _routes(family)
            if not family.series:
                route = "endpoint"
            return Requests(counter, status, route, internal), beside
    return None, ""


def _counts_requests(name: str) -> bool:
    return name.endswith(("_requests_total", "_request_total", "_duration_seconds_count")) and "promhttp" not in name


def _tells_status(family: Family, label: str) -> bool:
    values = family.values(label)
    return bool(values) and all(_STATUS.fullmatch(value) for value in values)


def _routes(family: Family) -> tuple[str, tuple[str, ...]]:
    """The label of the route, and those of its values that are nobody's request."""
    route = next((label for label in ROUTE_LABELS if label in family.labels()), "")
    return route, tuple(value for value in family.values(route) if _INTERNAL.fullmatch(value))[:_NAMED_MAX]


def _times(seen: Seen, requests: Requests | None, beside: str) -> tuple[Times | None, str]:
    candidates = [name for name in (beside, *(histogram for _, histogram in _KNOWN)) if name]
    for name in dict.fromkeys(candidates):
        buckets = seen.get(f"{name}_bucket")
        bounds = _bounds(buckets)
        if not bounds:
            continue
        route, internal = _routes(buckets)
        promises, why = _promises(seen, buckets, bounds, internal, route)
        return Times(name, promises, why, route, internal), ""
    if any(name in seen or f"{name}_count" in seen for name in candidates):
        return None, "times of requests are measured, but without buckets yet: ask again after some requests"
    return None, "no histogram of the times of requests was recognised"


def _bounds(buckets: Family) -> list[Decimal]:
    found = set()
    for text in buckets.values("le"):
        try:
            bound = Decimal(text)
        except InvalidOperation:
            continue
        if bound.is_finite() and bound > 0 and bound * 1000 == int(bound * 1000):
            found.add(bound.normalize())
    return sorted(found)


def _promises(
    seen: Seen, buckets: Family, bounds: Sequence[Decimal], internal: Sequence[str], route: str
) -> tuple[tuple[tuple[Decimal, Decimal], ...], str]:
    declared = sorted(
        bound
        for labels, _ in seen.get("sereno_kit_slo_seconds").series
        for bound in bounds
        if _number(labels.get("threshold", "")) == bound
    )
    if declared:
        shares = (_SHARE, Decimal(99))
        return tuple(zip(shares, declared, strict=False)), "the thresholds that the service was given"
    bound = _kept(buckets, bounds, internal, route)
    if bound is not None:
        return ((_SHARE, bound),), "the lowest bound that its requests have kept so far"
    nearest = min(bounds, key=lambda one: (abs(one - _USUAL_SECONDS), one))
    return ((_SHARE, nearest),), "a usual threshold; few requests have been measured yet"


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _kept(buckets: Family, bounds: Sequence[Decimal], internal: Sequence[str], route: str) -> Decimal | None:
    """The lowest bound within which the promised share of customers' requests has been answered; None of too few."""
    within: dict[Decimal | None, float] = defaultdict(float)
    for labels, value in buckets.series:
        if labels.get(route) not in internal:
            bound = _number(labels.get("le", ""))
            within[bound.normalize() if bound is not None and bound.is_finite() else None] += value
    total = within[None]
    if total < _EVENTS_ENOUGH:
        return None
    return next((bound for bound in bounds if within[bound] * 100 >= float(_SHARE) * total), None)


def _outcomes(seen: Seen, requests: Requests | None) -> Iterator[Outcomes]:
    """Counters with a label that tells how things ended, other than those that are promised already."""
    taken = {requests.counter} if requests else set()
    for name, family in sorted(seen.families.items()):
        if name in taken or not name.endswith("_total") or name.startswith(_OTHERS):
            continue
        for label in sorted(family.labels() & {"status", "result", "outcome"}):
            values = _plain(family.values(label))
            if len(values) > 1 and any(_OUTCOMES.search(value) for value in values):
                yield Outcomes(name, label, values)
                break


_OTHERS = ("http_", "integration_", "sereno_", "feature_flag", "python_", "process_", "redis_", "db_", "promhttp_")

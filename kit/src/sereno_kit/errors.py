"""What went wrong, as whoever must decide needs to know it: whose fault, whether to try again, what to answer.

KitError
├── ClientError        the caller's fault: 4xx, never retried, never counted against a dependency
├── DependencyError    somebody else's fault: 502; retried only if it is also transient
│   └── Transient      may pass by itself: 503, retried, counted by breakers
│       └── DeadlineExceeded   the time allowed is over: 504
├── InternalError      our fault: 500, not retried
└── Rejected           the kit said no before anything was tried: not counted by breakers
    ├── CircuitOpen        503 with Retry-After
    ├── BulkheadFull       503
    └── RateLimited        429 with Retry-After
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from errno import EHOSTUNREACH, ENETDOWN, ENETUNREACH
from typing import Any


class Category(StrEnum):
    """Whose fault it is. Retries and breakers decide by it; it is the label `error_type` of metrics."""

    TRANSIENT = "transient"
    CLIENT = "client_error"
    DEPENDENCY = "dependency_error"
    INTERNAL = "server_error"
    REJECTED = "rejected"


class KitError(Exception):
    """An error that says what to do about it.

    Args:
        message: for the people who run the service; it is not shown to its callers.
        status: the HTTP status to answer with; that of the class, if not given.
        retry_after: seconds after which trying again makes sense, if that is known.
        detail: what the caller may read; nothing, if not given.
        fields: more to log, such as an order's number.
    """

    category: Category = Category.INTERNAL
    status: int = 500
    retryable: bool = False
    title: str = "Internal error"

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
        detail: str = "",
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        self.retry_after = retry_after
        self.detail = detail
        self.fields: Mapping[str, Any] = fields

    def __str__(self) -> str:
        return self.message or self.title

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[KitError], args: tuple[Any, ...], state: dict[str, Any]) -> KitError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ClientError(KitError):
    """The caller's fault; asking again in the same way cannot help."""

    category = Category.CLIENT
    status = 400
    title = "Bad request"


class InternalError(KitError):
    """Our own fault."""


class DependencyError(KitError):
    """Somebody we depend on failed; trying again is not known to help."""

    category = Category.DEPENDENCY
    status = 502
    title = "A service this one depends on failed"


class Transient(DependencyError):
    """Somebody we depend on failed in a way that may pass: a connection refused, a 503, a time-out."""

    category = Category.TRANSIENT
    status = 503
    retryable = True
    title = "Temporarily unavailable"


class Rejected(KitError):
    """Refused before anything was tried, to protect this service or the one behind it."""

    category = Category.REJECTED
    status = 503
    title = "Temporarily unavailable"


class CircuitOpen(Rejected):
    """The breaker is open: the dependency has failed too often lately."""


class BulkheadFull(Rejected):
    """As many calls as allowed are under way, and as many as allowed wait."""


class RateLimited(Rejected):
    """More calls than allowed in this time."""

    status = 429
    title = "Too many requests"


class DeadlineExceeded(Transient):
    """The time that was allowed is over; breakers count it against whoever took so long."""

    status = 504
    title = "Took too long"


_GIVEN_UP = "__sereno_given_up__"
_CAUSES_MAX = 10


def give_up(error: BaseException) -> None:
    """Remember on `error` that this program has tried again already, in vain: its callers are asked not to."""
    with suppress(Exception):  # one that takes no attributes; its callers may then try again
        setattr(error, _GIVEN_UP, True)


def given_up(error: BaseException | None) -> bool:
    """Whether `error`, or what it was raised from, was tried again already, in vain."""
    for _ in range(_CAUSES_MAX):
        if error is None:
            return False
        if getattr(error, _GIVEN_UP, False) is True:
            return True
        error = error.__cause__
    return False


_GRAVEST = (Category.INTERNAL, Category.CLIENT, Category.DEPENDENCY, Category.TRANSIENT, Category.REJECTED)
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})


def classify(error: BaseException) -> Category:
    """Whose fault `error` is.

    Ours say so. An exception that carries an HTTP response (httpx, requests, aiohttp) is judged by its status: 408,
    425, 429, 500, 502, 503 and 504 may pass, other 5xx are the dependency's, other 4xx ours to mend: `ClientError`s of
    the dependency's caller. Lost connections and time-outs, databases' too, may pass. A group of exceptions, as
    `asyncio.TaskGroup` raises it, is the gravest of what it holds. Everything else is a fault of this program.
    """
    if isinstance(error, KitError):
        return error.category
    if isinstance(error, BaseExceptionGroup):
        return min((classify(one) for one in error.exceptions), key=_GRAVEST.index)
    status = _status_of(error)
    if status is not None:
        return by_status(status)
    return Category.TRANSIENT if _is_of_network(error) else Category.INTERNAL


def by_status(status: int) -> Category:
    """What an HTTP status that a dependency answered says."""
    if status in _RETRYABLE:
        return Category.TRANSIENT
    return Category.DEPENDENCY if status >= 500 else Category.CLIENT


def _status_of(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    for holder, name in ((response, "status_code"), (error, "status"), (error, "status_code"), (error, "code")):
        value = getattr(holder, name, None)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


_NETWORK_NAMES = frozenset(
    {"TransportError", "ConnectionError", "Timeout", "TimeoutError", "ClientConnectionError", "ServerTimeoutError"}
    # An answer that breaks off, a name that cannot be resolved, and urllib3's own words.
    | {"ClientPayloadError", "ChunkedEncodingError", "ProtocolError", "IncompleteRead", "gaierror", "URLError"}
    | {"NewConnectionError", "MaxRetryError"}
    # What databases' drivers call a connection that was lost, refused or not to be had.
    | {"OperationalError", "PostgresConnectionError", "CannotConnectNowError", "TooManyConnectionsError"}
)
_NETWORK_MODULES = frozenset(
    {"httpx", "httpcore", "requests", "urllib3", "aiohttp", "redis", "sqlalchemy", "psycopg", "asyncpg", "pymysql"}
    | {"socket", "urllib", "http"}
)


_UNREACHABLE = frozenset({ENETDOWN, ENETUNREACH, EHOSTUNREACH})


def _is_of_network(error: BaseException) -> bool:
    """Judged by names, so that no client library has to be imported."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return True
    return any(
        kind.__name__ in _NETWORK_NAMES and kind.__module__.partition(".")[0] in _NETWORK_MODULES
        for kind in type(error).__mro__
    )

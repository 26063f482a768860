"""Sentry without its surprises: no framework patched, nothing personal sent, no event lost to its own filter.

Of the extra `sentry`. What the SDK would send passes the redactor first: errors, transactions, breadcrumbs and logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import mmh3

from sereno_kit import context, traces
from sereno_kit.options import Sentry
from sereno_kit.redact import UNREDACTABLE, Redactor

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Event = MutableMapping[str, Any]

FLUSH_SECONDS = 2.0
_AS_THEY_ARE = frozenset(
    {
        "event_id", "timestamp", "start_timestamp", "level", "platform", "sdk", "modules", "release", "environment",
        "dist", "type", "_meta", "debug_meta", "measurements", "transaction_info", "_metrics_summary", "logger",
    }
)  # fmt: skip
"""Parts of an event that the SDK and the kit fill, not the program."""
_STACKS = ("exception", "threads")
_OF_LATER_VERSIONS = ("before_send_log", "before_send_metric")

_current: Reporting | None = None


class Reporting:
    """What passes before anything is sent.

    Args:
        options: where to, and how much.
        redactor: what everything passes.
    """

    def __init__(self, options: Sentry, redactor: Redactor) -> None:
        self.options = options
        self.redactor = redactor

    def before_send(self, event: Event, hint: Any = None) -> Event | None:
        """The event without secrets; None for those beyond the share, the same for a whole trace."""
        _identify(event)
        if not kept(self.options.share, event):
            return None
        return self._cleaned(event)

    def before_send_transaction(self, event: Event, hint: Any = None) -> Event | None:
        """The transaction without secrets."""
        return self._cleaned(event)

    def before_breadcrumb(self, crumb: Event, hint: Any = None) -> Event | None:
        """The breadcrumb without secrets."""
        try:
            clean = self.redactor.redact(dict(crumb))
            return clean if isinstance(clean, dict) else None
        except Exception as error:
            _count(error)
            return {name: crumb[name] for name in ("type", "category", "level", "timestamp") if name in crumb}

    def before_send_log(self, log: Event, hint: Any = None) -> Event | None:
        """The log line, or the metric, without secrets."""
        try:
            for name in ("body", "attributes"):
                if name in log:
                    log[name] = self.redactor.redact(log[name])
        except Exception as error:
            _count(error)
            log.update({name: UNREDACTABLE if name == "body" else {} for name in ("body", "attributes") if name in log})
        return log

    def flush(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Send what waits, for at most `timeout_seconds`."""
        import sentry_sdk

        if _current is self:
            sentry_sdk.flush(timeout=timeout_seconds)

    def close(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Send what waits, for at most `timeout_seconds`, and no more after it."""
        import sentry_sdk

        global _current
        if _current is self:
            _current = None
            sentry_sdk.get_client().close(timeout=timeout_seconds)

    def _cleaned(self, event: Event) -> Event:
        try:
            for name in list(event):
                if name in _STACKS:
                    event[name] = self._stacks(event[name])
                elif name == "logentry" and isinstance(event[name], Mapping):
                    # What was put into the message is in `formatted`, where one sees beside what it stands.
                    told = {part: one for part, one in event[name].items() if part != "params"}
                    event[name] = self.redactor.redact(told)
                elif name == "spans" and isinstance(event[name], list):
                    event[name] = [self.redactor.redact(span) for span in event[name]]
                elif name not in _AS_THEY_ARE:
                    event[name] = self.redactor.redact(event[name], name)
            return event
        except Exception as error:
            _count(error)
            return minimal(event)

    def _stacks(self, section: Any) -> Any:
        """Errors and threads, frame by frame, so that a deep stack is not cut."""
        if not isinstance(section, Mapping) or not isinstance(section.get("values"), list):
            return self.redactor.redact(section)
        return {**section, "values": [self._stack(one) for one in section["values"]]}

    def _stack(self, value: Any) -> Any:
        stack = value.get("stacktrace") if isinstance(value, Mapping) else None
        if not isinstance(stack, Mapping) or not isinstance(stack.get("frames"), list):
            return self.redactor.redact(value)
        rest = self.redactor.redact({name: one for name, one in value.items() if name != "stacktrace"})
        return {**rest, "stacktrace": {**stack, "frames": [self.redactor.redact(one) for one in stack["frames"]]}}


def configure(
    options: Sentry, redactor: Redactor, service: str = "", environment: str = "", version: str = ""
) -> Reporting:
    """Send this process's errors to Sentry. Calling it again replaces what an earlier call did.

    The SDK's integrations with frameworks, databases and clients stay off: the kit's middleware captures what nobody
    handled. Errors that are logged are events too, unless the same exception was sent already.

    Args:
        options: where to, and how much.
        redactor: what everything passes.
        service: its name; part of the release.
        environment: where it runs.
        version: what runs.

    Returns:
        What passes before anything is sent, with `close`.

    Raises:
        ImportError: the extra is missing.
        ValueError: the DSN is none.
    """
    try:
        import sentry_sdk
    except ImportError:
        raise ImportError("Sentry is an extra of the kit: pip install 'sereno-kit[sentry]'") from None
    global _current
    if _current is not None:
        _current.close()
    made = Reporting(options, redactor)
    given = _arguments(made, service, environment, version)
    try:
        _init(given)
    except sentry_sdk.utils.BadDsn as error:
        raise ValueError(f"Sentry's DSN is none: {error}") from None
    _current = made
    return made


def _arguments(made: Reporting, service: str, environment: str, version: str) -> dict[str, Any]:
    from sentry_sdk.integrations.atexit import AtexitIntegration

    options = made.options
    return {
        "dsn": options.dsn,
        "environment": environment or None,
        "release": f"{service}@{version}" if service and version else version or None,
        "sample_rate": 1.0,
        "traces_sample_rate": options.traces_share if options.traces_share > 0 else None,
        "max_request_body_size": "never",
        "auto_enabling_integrations": False,
        "integrations": [AtexitIntegration(callback=_say_nothing)],
        "before_send": made.before_send,
        "before_send_transaction": made.before_send_transaction,
        "before_breadcrumb": made.before_breadcrumb,
        "before_send_log": made.before_send_log,
        "before_send_metric": made.before_send_log,
        "shutdown_timeout": FLUSH_SECONDS,
    }


def _init(given: dict[str, Any]) -> None:
    """Start the SDK, without the options that its version does not know."""
    import sentry_sdk
    from sentry_sdk.integrations.logging import ignore_logger

    ignore_logger("django.request")  # It tells of every 5xx by its path, with or without the error that is captured.
    start: Callable[..., Any] = sentry_sdk.init
    try:
        start(**given)
    except TypeError:
        start(**{name: value for name, value in given.items() if name not in _OF_LATER_VERSIONS})


def _say_nothing(pending: int, timeout: float) -> None:
    """The SDK would tell people at the terminal that it waits."""


def scope() -> AbstractContextManager[Any]:
    """What a request runs inside of, so that breadcrumbs, tags and users of one are not seen in another's errors."""
    if _current is None:
        return nullcontext()
    import sentry_sdk

    return sentry_sdk.isolation_scope()


def capture(error: BaseException, *, route: str = "", request_id: str = "") -> None:
    """Send `error` to Sentry, if it is configured. Never raises.

    Args:
        error: what nobody handled.
        route: the template of the route; the event's transaction.
        request_id: the request's; the one in hand, if not given.
    """
    if _current is None:
        return
    try:
        _capture(error, route, request_id or context.request_id.get())
    except Exception as problem:
        _count(problem)


def _capture(error: BaseException, route: str, request_id: str) -> None:
    import sentry_sdk

    trace = traces.current()
    with sentry_sdk.new_scope() as own:
        if route:
            own.set_transaction_name(route, source="route")
            own.set_tag("http.route", route)
        if request_id:
            own.set_tag("request_id", request_id)
        if trace is not None:
            own.set_tag("trace_id", trace.trace_id)
            own.set_context("trace", {"trace_id": trace.trace_id, "span_id": trace.span_id})
        sentry_sdk.capture_exception(error)


def _identify(event: Event) -> None:
    """Say of which request an event is that the program, or its log, has sent by itself."""
    try:
        trace, request_id = traces.current(), context.request_id.get()
        tags = event.setdefault("tags", {})
        for name, value in (("request_id", request_id), ("trace_id", trace.trace_id if trace else "")):
            if value and isinstance(tags, dict):
                tags.setdefault(name, value)
    except Exception as error:
        _count(error)


def close(timeout_seconds: float = FLUSH_SECONDS) -> None:
    """Send what waits and end, if it is configured."""
    if _current is not None:
        _current.close(timeout_seconds)


def kept(share: float, event: Mapping[str, Any]) -> bool:
    """Whether an event is among the `share` that is sent: decided by its trace, so that a trace is kept whole."""
    if share >= 1.0:
        return True
    tags = event.get("tags")
    told = tags if isinstance(tags, Mapping) else {}
    trace = (event.get("contexts") or {}).get("trace") or {}
    name = told.get("trace_id") or trace.get("trace_id") or told.get("request_id") or event.get("event_id") or ""
    return mmh3.hash(str(name), signed=False) / 2**32 < share


def minimal(event: Mapping[str, Any]) -> Event:
    """What is left of an event that could not be judged: that it happened, of what type, in which request."""
    section = event.get("exception")
    values = section.get("values") if isinstance(section, Mapping) else None
    tags = event.get("tags")
    known = ("event_id", "timestamp", "level", "platform", "sdk", "release", "environment", "type", "start_timestamp")
    left: dict[str, Any] = {name: event[name] for name in known if name in event}
    left["tags"] = {
        name: tags[name] for name in ("request_id", "trace_id") if isinstance(tags, Mapping) and name in tags
    } | {"unredactable": "true"}
    if isinstance(values, list):
        left["exception"] = {
            "values": [
                {"type": one.get("type"), "module": one.get("module"), "value": UNREDACTABLE}
                for one in values
                if isinstance(one, Mapping)
            ]
        }
    else:
        left["message"] = UNREDACTABLE
    return left


def _count(error: Exception) -> None:
    from sereno_kit.metrics.faults import failed

    failed("sentry", error)

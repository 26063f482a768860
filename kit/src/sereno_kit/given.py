"""What `instrument` was given: mistakes are told where they were made, with what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from sereno_kit.options import Admin, Drain, Health, Logs, Metrics, Problems, Sentry, Traces

_KINDS: Mapping[str, type] = {
    "logs": Logs,
    "metrics": Metrics,
    "traces": Traces,
    "sentry": Sentry,
    "health": Health,
    "drain": Drain,
    "admin": Admin,
    "problems": Problems,
}
_SHORT: Mapping[str, tuple[tuple[type, ...], str]] = {
    "traces": ((int, float), "the share of traces, or "),
    "sentry": ((str,), "the DSN, or "),
}
_LATENCY_SECONDS_MAX = 100.0
"""A threshold above it was meant in milliseconds."""


def check(app: Any, *, service: object, slo_latency: object, **options: object) -> None:
    """Raise TypeError or ValueError for what was given by mistake, before anything is changed.

    Args:
        app: should be an application, not its class.
        service: should be a text that is not empty.
        slo_latency: should be seconds.
        options: all the others of `instrument`, by name.
    """
    if inspect.isclass(app):
        raise TypeError(f"give the application, not its class: instrument({app.__name__}(), …)")
    if inspect.isfunction(app) and not inspect.signature(app).parameters:
        raise TypeError(f"give the application, not the function that makes it: instrument({app.__name__}(), …)")
    if not isinstance(service, str):
        raise TypeError(f"service is the service's name, a text, not {_a(service)}")
    if not service.strip():
        raise ValueError("service is empty: say what the service is called, such as service='orders'")
    _latency(slo_latency)
    for name, given in options.items():
        if given is not None:
            _option(name, given)
    _places(options)


def _option(name: str, given: object) -> None:
    short, words = _SHORT.get(name, ((), ""))
    kind = _KINDS.get(name)
    if kind is not None and not isinstance(given, kind) and (isinstance(given, bool) or not isinstance(given, short)):
        hint = "; None leaves it out" if given is False else f"; {kind.__name__}() has the defaults" * (given is True)
        raise TypeError(f"{name} takes {words}{kind.__name__}(…), not {_a(given)}{hint}")
    if name == "flags" and not callable(getattr(given, "details", None)):
        raise TypeError(f"flags takes Flags, such as Flags.file('flags.json'), not {_a(given)}")
    if name == "redactor" and not callable(getattr(given, "redact", None)):
        raise TypeError(f"redactor takes a Redactor, such as Redactor(keys=['policy_number']), not {_a(given)}")


def _places(options: Mapping[str, Any]) -> None:
    """No address is two things: the later one would hide the earlier."""
    told: dict[str, str] = {}
    for name, field in (("metrics", "path"), ("health", "live"), ("health", "ready"), ("admin", "path")):
        path = getattr(options.get(name), field, None)
        if path is None:
            continue
        if path in told:
            raise ValueError(f"{told[path]} and {name}.{field} are both at {path!r}")
        told[path] = f"{name}.{field}"


def _latency(given: object) -> None:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"slo_latency takes several thresholds in seconds, such as [0.2, 0.3], not {given!r}")
    for threshold in given:
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
            raise TypeError(f"slo_latency takes seconds, such as [0.2, 0.3], not {_a(threshold)}")
        if not threshold > 0:
            raise ValueError(f"slo_latency: a threshold is above 0 seconds, not {threshold:g}")
        if threshold > _LATENCY_SECONDS_MAX:
            raise ValueError(f"slo_latency is in seconds: {threshold / 1000:g} for {threshold:g} milliseconds")


def _a(given: object) -> str:
    kind = type(given).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"

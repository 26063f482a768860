"""In which order policies work together. An order that defeats one of them is refused, with the reason.

The rule is Polly's and the .NET standard handler's: limiter, total time-out, retry, breaker, time-out of the attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sereno_kit.resilience.policy import Policy

_RANKS = (
    "fallback", "rate_limit", "bulkhead", "timeout", "retry", "hedge", "circuit_breaker", "adaptive_limit", "attempt",
)  # fmt: skip
_REPEATING = ("retry", "hedge")
_DEFEATED = (
    ("hedge", "retry", "every hedged call would retry by itself, so that attempts multiply"),
    ("circuit_breaker", "retry", "the breaker would see one result where the dependency saw several, and open late"),
    ("circuit_breaker", "hedge", "the breaker would see only the quickest of several calls"),
    ("adaptive_limit", "retry", "the limit would take the waits between attempts for slowness of the dependency"),
    ("adaptive_limit", "hedge", "the limit would see only the quickest of several calls"),
    ("adaptive_limit", "bulkhead", "the limit would take the wait in the bulkhead's queue for slowness"),
    ("circuit_breaker", "bulkhead", "the breaker would take the wait in the bulkhead's queue for slowness"),
)
"""(outside, inside, why it is refused)"""


def check(name: str, policies: Sequence[Policy]) -> None:
    """Raise ValueError if `policies`, outermost first, do not work together."""
    kinds = [policy.kind for policy in policies]
    reason = _wrong(policies, kinds)
    if reason:
        raise ValueError(f"pipeline {name!r}: {reason}; an order that works: {', '.join(_right(policies))}")


def _wrong(policies: Sequence[Policy], kinds: Sequence[str]) -> str:
    for kind, times in Counter(kinds).items():
        if times > (2 if kind == "timeout" else 1):
            return f"{times} policies of the kind {kind}, of which one can be"
    if "fallback" in kinds[1:]:
        return "Fallback must be the outermost, or what is outside takes its answer for the dependency's"
    idle = {policy.kind for policy in policies if policy.kind == "bulkhead" and not getattr(policy, "queue", 0)}
    for outside, inside, why in _DEFEATED:
        if inside in idle:  # without a queue nobody waits in a bulkhead
            continue
        if outside in kinds and inside in kinds and kinds.index(outside) < kinds.index(inside):
            return f"{_name(policies, outside)} is outside {_name(policies, inside)}: {why}"
    return _wrong_timeouts(policies, kinds)


def _wrong_timeouts(policies: Sequence[Policy], kinds: Sequence[str]) -> str:
    if kinds.count("timeout") < 2:
        return ""
    first = kinds.index("timeout")
    last = len(kinds) - 1 - list(reversed(kinds)).index("timeout")
    if not any(kind in _REPEATING for kind in kinds[first:last]):
        return "two Timeouts with no Retry between them bound the same call twice"
    total, attempt = getattr(policies[first], "seconds", 0), getattr(policies[last], "seconds", 0)
    if attempt >= total:
        return f"the Timeout of each attempt ({attempt:g} s) is never over before that of all ({total:g} s)"
    return ""


def _name(policies: Sequence[Policy], kind: str) -> str:
    return next(type(policy).__name__ for policy in policies if policy.kind == kind)


def _right(policies: Sequence[Policy]) -> list[str]:
    """The names in the order of `_RANKS`; the last of several time-outs, or the only one, is of the attempt."""
    kept: dict[tuple[int, str], str] = {}
    timeouts = [policy for policy in policies if policy.kind == "timeout"]
    for policy in policies:
        kind = "attempt" if timeouts and policy is timeouts[-1] else policy.kind
        kept.setdefault((_RANKS.index(kind) if kind in _RANKS else len(_RANKS), kind), type(policy).__name__)
    repeats = any(policy.kind in _REPEATING for policy in policies)
    return [name for (_, kind), name in sorted(kept.items()) if kind != "timeout" or repeats]

"""What a kit's admin endpoint says, read with suspicion: version 1 of its contract (docs/kit/admin.md).

Whatever is missing or makes no sense is None, which is shown as unknown; a breaker whose state cannot be read is never
taken for closed. Texts are cut, lists are bounded, so that a page of them stays a page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

VERSION = 1
BREAKER = "circuit_breaker"
BREAKER_STATES = frozenset({"closed", "open", "half_open", "forced_open", "forced_closed"})
BREAKER_COMMANDS = ("force_open", "isolate", "force_closed", "reset")
FEATURE_STATES = ("enabled", "degraded", "disabled")
TEXT_MAX = 200
MANY = 200
"""Pipelines, policies or features of one replica that are read; a service has a few."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something is not known or was not done: a code for which there are words in every language, and a value."""

    code: str
    value: str = ""


class Unreadable(Exception):
    """It is no answer of a kit's admin endpoint that we understand; `trouble` says why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.code)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One policy of a pipeline. `part` is how a command names it: its kind, or its index where the kind is not alone.

    What does not concern its kind, or is not known, is None.
    """

    kind: str
    part: str
    commands: tuple[str, ...]
    state: str | None = None
    failure_ratio: float | None = None
    calls: int | None = None
    in_use: int | None = None
    limit: int | None = None
    queued: int | None = None
    queue: int | None = None
    budget_left: float | None = None

    @property
    def breaks(self) -> bool:
        """Whether this is a circuit breaker."""
        return self.kind == BREAKER


@dataclass(frozen=True, slots=True)
class PipelineView:
    """A pipeline of one replica."""

    name: str
    policies: tuple[PolicyView, ...]

    @property
    def breakers(self) -> tuple[PolicyView, ...]:
        """Its circuit breakers."""
        return tuple(policy for policy in self.policies if policy.breaks)


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A feature of one replica. `state` None is unknown; `by`, `reason` and `seconds_left` are an override's."""

    name: str
    state: str | None
    description: str = ""
    by: str | None = None
    reason: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class FlagsView:
    """Where its flags come from."""

    source: str
    count: int | None
    stale: bool | None
    error: str | None


@dataclass(frozen=True, slots=True)
class KitView:
    """How one replica stands. `more` says that it told of more than is read."""

    service: str
    environment: str
    release: str
    instance: str
    scope: str
    log_level: str
    pipelines: tuple[PipelineView, ...] = ()
    features: tuple[FeatureView, ...] = ()
    flags: FlagsView | None = None
    chaos: int = 0
    more: bool = False


def parse(body: bytes) -> Mapping[str, Any]:
    """The JSON object in `body`, if it is of our version. Raises Unreadable."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(Trouble("not_json")) from None
    if not isinstance(found, dict) or not isinstance(found.get("version"), int):
        raise Unreadable(Trouble("not_a_kit"))
    if found["version"] != VERSION:
        raise Unreadable(Trouble("version", str(found["version"])[:10]))
    return found


def kit_view(found: Mapping[str, Any]) -> KitView:
    """How a replica stands that says `found`. Raises Unreadable where its parts are missing."""
    pipelines, features = found.get("pipelines"), found.get("features")
    if not isinstance(pipelines, list) or not isinstance(features, list):
        raise Unreadable(Trouble("not_a_kit"))
    chaos = found.get("chaos")
    return KitView(
        service=_text(found.get("service")), environment=_text(found.get("environment")),
        release=_text(found.get("release")), instance=_text(found.get("instance")), scope=_text(found.get("scope")),
        log_level=_text(found.get("log_level")), pipelines=_list(pipelines, pipeline_view),
        features=_list(features, feature_view), flags=_flags(found.get("flags")),
        chaos=len(chaos) if isinstance(chaos, list) else 0, more=max(len(pipelines), len(features)) > MANY,
    )  # fmt: skip


def pipeline_view(found: object) -> PipelineView | None:
    """A pipeline as it was told, or None for what is none."""
    if not isinstance(found, dict) or not _text(found.get("name")) or not isinstance(found.get("policies"), list):
        return None
    told = [one for one in found["policies"][:MANY] if isinstance(one, dict)]
    kinds = [_text(one.get("kind")) for one in told]
    policies = [
        _policy(one, kind, kind if kinds.count(kind) == 1 else str(index))
        for index, (one, kind) in enumerate(zip(told, kinds, strict=True))
    ]
    return PipelineView(_text(found["name"]), tuple(policies))


def feature_view(found: object) -> FeatureView | None:
    """A feature as it was told, or None for what is none."""
    if not isinstance(found, dict) or not _text(found.get("name")):
        return None
    override = found.get("override")
    override = override if isinstance(override, dict) else {}
    return FeatureView(
        _text(found["name"]), _one_of(found.get("state"), FEATURE_STATES), _text(found.get("description")),
        _text(override.get("by")) or None, _text(override.get("reason")), _number(override.get("seconds_left")),
    )  # fmt: skip


def _policy(found: Mapping[str, Any], kind: str, part: str) -> PolicyView:
    view = found.get("view")
    view = view if isinstance(view, dict) else {}
    commands = found.get("commands")
    known = tuple(one for one in BREAKER_COMMANDS if isinstance(commands, list) and one in commands)
    left = view.get("budget_left", view.get("budget_left_ratio"))
    return PolicyView(
        kind, part, known,
        state=_one_of(view.get("state"), BREAKER_STATES) if kind == BREAKER else None,
        failure_ratio=_share(view.get("failure_ratio")), calls=_count(view.get("calls")),
        in_use=_count(view.get("in_use")), limit=_count(view.get("limit")), queued=_count(view.get("queued")),
        queue=_count(view.get("queue")), budget_left=_number(left),
    )  # fmt: skip


def _flags(found: object) -> FlagsView | None:
    if not isinstance(found, dict):
        return None
    stale = found.get("stale")
    return FlagsView(
        _text(found.get("source")), _count(found.get("count")), stale if isinstance(stale, bool) else None,
        _text(found.get("error")) or None,
    )  # fmt: skip


def _list(found: list[Any], read: Callable[[object], T | None]) -> tuple[T, ...]:
    return tuple(one for each in found[:MANY] if (one := read(each)) is not None)


def _text(found: object) -> str:
    return found[:TEXT_MAX] if isinstance(found, str) else ""


def _one_of(found: object, known: frozenset[str] | tuple[str, ...]) -> str | None:
    return found if isinstance(found, str) and found in known else None


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        value = float(found)
    except OverflowError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _share(found: object) -> float | None:
    value = _number(found)
    return value if value is not None and value <= 1 else None


def _count(found: object) -> int | None:
    value = _number(found)
    return int(value) if value is not None and value == int(value) and value < 1e12 else None

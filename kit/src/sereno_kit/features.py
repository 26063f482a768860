"""Features that people may do without for a while: enabled, degraded or disabled, switched while the program runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast, get_args

from sereno_kit import forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import CircuitOpen, Rejected
from sereno_kit.metrics.faults import failed

if TYPE_CHECKING:
    from sereno_kit.flags.flags import Flags
    from sereno_kit.metrics.registry import Registry

State = Literal["enabled", "degraded", "disabled"]
STATES: tuple[State, ...] = get_args(State)
P = ParamSpec("P")
T = TypeVar("T")
_OPEN = frozenset({"open", "half_open", "forced_open"})
_MISSING: Any = object()
_log = logging.getLogger("sereno_kit.features")


class FeatureDisabled(Rejected):
    """The feature is switched off, and nothing is declared to answer instead."""


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator decided."""

    state: State
    by: str
    reason: str = ""
    until: float | None = None
    """On the monotonic clock; until it is cleared, if None."""


class Feature:
    """One feature. Decorate with it the function that is the feature when all is well.

    Made by `Features.declare`, which says what its parts mean.
    """

    def __init__(
        self, features: Features, name: str, degraded: Any, disabled: Any, flag: str, breaker: str, text: str
    ) -> None:
        self.name, self.flag, self.breaker, self.description = name, flag, breaker, text
        self._features = features
        self._answers: dict[State, Any] = {"degraded": degraded, "disabled": disabled}
        for state, answer in self._answers.items():
            _check_answer(name, state, answer)

    @property
    def state(self) -> State:
        """What holds now: an operator's word, else the worst of the flag's and the breaker's."""
        return self._features.state(self.name)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """`function` while the feature is enabled, and what was declared otherwise.

        Raises:
            TypeError: `function` yields; or it is not async, and an answer is.
        """
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise TypeError(f"feature {self.name!r}: a generator answers piece by piece; guard the function behind it")
        if iscoroutinefunction(function):
            return cast("Callable[P, T]", self._of_tasks(function))
        for state, answer in self._answers.items():
            if iscoroutinefunction(answer):
                raise TypeError(f"feature {self.name!r}: {function!r} is not async, its {state} answer must not be")
        return self._of_threads(function)

    def _of_threads(self, function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def featured(*args: P.args, **kwargs: P.kwargs) -> T:
            state = self._features.decided(self)
            if self._runs(state):
                try:
                    return function(*args, **kwargs)
                except CircuitOpen:
                    if not self.breaker or self._answers["degraded"] is _MISSING:
                        raise
                    state = "degraded"
            return cast("T", self._answer(state, args, kwargs))

        return featured

    def _of_tasks(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def featured(*args: Any, **kwargs: Any) -> Any:
            state = self._features.decided(self)
            if self._runs(state):
                try:
                    return await function(*args, **kwargs)
                except CircuitOpen:
                    if not self.breaker or self._answers["degraded"] is _MISSING:
                        raise
                    state = "degraded"
            answer = self._answer(state, args, kwargs)
            return await answer if isawaitable(answer) else answer

        return featured

    def _runs(self, state: State) -> bool:
        """Whether the feature's own function answers; it does too where it was not said what degraded means."""
        return state == "enabled" or (state == "degraded" and self._answers["degraded"] is _MISSING)

    def _answer(self, state: State, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = self._answers[state]
        if answer is _MISSING:
            raise FeatureDisabled(f"the feature {self.name} is {state}", feature=self.name)
        if isinstance(answer, type):
            return answer()
        return answer(*args, **kwargs) if callable(answer) else answer


class Features:
    """The features of a program.

    Args:
        flags: where those tied to a flag look.
        clock: its monotonic time ends overrides.
        registry: where `feature_state` is exposed; the process's, if not given.
    """

    def __init__(self, flags: Flags | None = None, *, clock: Clock = SYSTEM, registry: Registry | None = None) -> None:
        self.flags = flags
        self._clock = clock
        self._registry = registry
        self._lock = forks.lock()
        self._declared: dict[str, Feature] = {}
        self._overrides: Mapping[str, Override] = {}

    def declare(
        self,
        name: str,
        *,
        degraded: Any = _MISSING,
        disabled: Any = _MISSING,
        flag: str = "",
        breaker: str = "",
        description: str = "",
    ) -> Feature:
        """Say that there is a feature, and what answers when it is not fully there.

        Args:
            name: short, in lower case; it is a label of metrics.
            degraded: a function with the feature's arguments, a class such as `list` to be made anew, or a value that
                nobody can change (None is one). If not given, the feature runs as ever, and may ask for its `state`.
            disabled: likewise; if not given, callers get `FeatureDisabled`, a 503.
            flag: a flag that decides: a text, one of the three states, or a boolean, for enabled and disabled.
            breaker: a pipeline whose open breaker degrades it. Calls still reach the pipeline, for otherwise nothing
                would probe the dependency: it is `CircuitOpen` that is answered.
            description: for people.

        Raises:
            ValueError: the name is taken; or a value could be changed by whoever gets it.
        """
        feature = Feature(self, name, degraded, disabled, flag, breaker, description)
        with self._lock:
            if not name or name in self._declared:
                raise ValueError(f"a feature called {name!r} is declared already" if name else "a feature has a name")
            self._declared[name] = feature
        self._expose(feature)
        return feature

    def __contains__(self, name: object) -> bool:
        return name in self._declared

    def state(self, name: str) -> State:
        """What holds now for the feature `name`, its breaker included. Raises KeyError if it was not declared."""
        feature = self._declared.get(name)
        if feature is None:
            raise KeyError(f"no feature {name!r} is declared; there are: {', '.join(self._declared) or 'none'}")
        state = self.decided(feature)
        if state == "enabled" and feature.breaker and name not in self._overrides and _is_open(feature.breaker):
            return "degraded"
        return state

    def decided(self, feature: Feature) -> State:
        """What people decided: an operator, else the flag."""
        override = self._overrides.get(feature.name) if self._overrides else None
        if override is not None:
            if override.until is None or self._clock.monotonic() < override.until:
                return override.state
            self._end(feature.name, override)
        return self._flagged(feature.flag) if feature.flag and self.flags is not None else "enabled"

    def set(
        self, name: str, state: State, *, by: str = "program", seconds: float | None = None, reason: str = ""
    ) -> None:
        """Override what flag and breaker say.

        Args:
            name: of a declared feature; KeyError otherwise.
            state: `enabled`, `degraded` or `disabled`; ValueError otherwise.
            by: who decided.
            seconds: after which flag and breaker decide again; until `clear`, if not given.
            reason: why.
        """
        if state not in STATES:
            raise ValueError(f"a feature is {', '.join(STATES)}, not {state!r}")
        if seconds is not None and not 0 < seconds < float("inf"):
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        until = None if seconds is None else self._clock.monotonic() + seconds
        before = self.state(name)
        with self._lock:
            self._overrides = {**self._overrides, name: Override(state, by, reason, until)}
        _tell("feature set", name, state=state, before=before, by=by, seconds=seconds, reason=reason)

    def clear(self, name: str, *, by: str = "program") -> None:
        """Let flag and breaker decide again. Raises KeyError if the feature was not declared."""
        before = self.state(name)
        with self._lock:
            self._overrides = {key: kept for key, kept in self._overrides.items() if key != name}
        _tell("feature cleared", name, state=self.state(name), before=before, by=by)

    def view(self) -> list[dict[str, Any]]:
        """How the features stand, for people: plain values for JSON."""
        return [self._view(feature) for feature in self._declared.values()]

    def _view(self, feature: Feature) -> dict[str, Any]:
        state = self.state(feature.name)
        override = self._overrides.get(feature.name)
        left = override.until - self._clock.monotonic() if override and override.until is not None else None
        return {
            "name": feature.name,
            "state": state,
            "description": feature.description,
            "flag": feature.flag or None,
            "breaker": feature.breaker or None,
            "override": override
            and {"state": override.state, "by": override.by, "reason": override.reason, "seconds_left": left},
        }

    def _flagged(self, key: str) -> State:
        assert self.flags is not None
        said = self.flags.string(key, "")
        if said in STATES:
            return said
        return "enabled" if self.flags.boolean(key, True) else "disabled"

    def _end(self, name: str, override: Override) -> None:
        with self._lock:
            if self._overrides.get(name) is not override:
                return
            self._overrides = {key: kept for key, kept in self._overrides.items() if key != name}
        _tell("feature override over", name, state=self.state(name), before=override.state, by=override.by)

    def _expose(self, feature: Feature) -> None:
        try:
            from sereno_kit.metrics.registry import current

            gauge = (self._registry or current()).read_gauge(
                "feature_state", "1 for the state that a feature is in", labels=("feature", "state"),
                multiprocess="livemax",
            )  # fmt: skip
            for state in STATES:
                gauge.read(_reader(self, feature.name, state), feature=feature.name, state=state)
        except Exception as error:
            failed("features", error)


def _reader(features: Features, name: str, state: State) -> Callable[[], float]:
    return lambda: float(features.state(name) == state)


def _is_open(pipeline: str) -> bool:
    from sereno_kit.resilience.registry import all as pipelines

    found = pipelines().get(pipeline)
    return found is not None and any(getattr(policy, "state", "") in _OPEN for policy in found.policies)


def _check_answer(name: str, state: State, answer: Any) -> None:
    if callable(answer):
        return
    try:
        hash(answer)
    except TypeError:
        raise ValueError(
            f"feature {name!r}: everybody would get the same {type(answer).__name__}, and could change it; "
            f"give a function that makes one: {state}=lambda *_: …"
        ) from None


def _tell(event: str, name: str, **fields: Any) -> None:
    _log.warning(event, extra={"feature": name, **{key: value for key, value in fields.items() if value is not None}})

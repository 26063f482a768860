"""Stops asking a dependency that fails, and asks carefully whether it is well again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Literal

from sereno_kit import context, forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import Category, CircuitOpen, classify
from sereno_kit.resilience.matching import Errors, fault_of, known, matcher, safely
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter
from sereno_kit.resilience.window import CountWindow, TimeWindow, Window

State = Literal["closed", "open", "half_open", "forced_open", "forced_closed"]
STATES: tuple[State, ...] = ("closed", "open", "half_open", "forced_open", "forced_closed")
_COUNTED = frozenset({Category.TRANSIENT, Category.DEPENDENCY})
_EARLY_SECONDS = 0.005
"""A loop's timer may fire so much before the deadline it was set for."""


class _Era:
    """The time between two changes of state. A call belongs to the era that admitted it: it counts in no other."""

    __slots__ = ("admits", "done", "failed", "permits", "slow", "state", "until", "window")

    def __init__(self, state: State, *, permits: int = 0, until: float = 0.0, window: Window | None = None) -> None:
        self.state = state
        self.window = window
        self.admits = state in ("closed", "forced_closed")
        self.permits = permits
        self.until = until
        self.done = self.failed = self.slow = 0


class CircuitBreaker(Policy):
    """Opens when too large a share of recent calls failed or was slow, and half-opens to exactly `probes` calls.

    Failures are errors that `classify` finds transient or the dependency's own, and responses of status 408, 425,
    429 and 5xx even if nobody raised. Callers' own faults (4xx, `ClientError`), what the kit itself rejected, errors
    of this program (`ValueError` …) and cancellations say nothing about the dependency and are not counted; a
    cancellation after the deadline of the call was the dependency's slowness and is, unless the caller of the request
    asked for that deadline: then only `slow_call` judges.

    Args:
        failure_ratio: the share of failures in the window that opens, in (0, 1].
        minimum: calls in the window below which nothing is concluded.
        window: what is remembered, in seconds.
        window_calls: remember so many calls instead, however old.
        slow_call: seconds after which a call is slow; None to not measure it.
        slow_ratio: the share of slow calls that opens, in (0, 1].
        open_for: seconds without a call after opening.
        open_growth: by what `open_for` is multiplied each time the probes fail again.
        open_for_max: the most that it grows to, in seconds.
        probes: calls admitted to judge whether the dependency is well again.
        half_open_max: seconds after the latest probe at which those that have not come back are taken for failed.
        failures: which errors count, instead of the above.
        failed: which results count as failures, instead of the above.

    Raises:
        ValueError: for a value out of its range.
    """

    kind: ClassVar[str] = "circuit_breaker"
    events: ClassVar[tuple[str, ...]] = (
        "opened",
        "half_opened",
        "closed",
        "rejected",
        "forced_open",
        "forced_closed",
        "reset",
    )
    commands: ClassVar[tuple[str, ...]] = ("force_open", "force_closed", "isolate", "reset")

    def __init__(
        self,
        failure_ratio: float = 0.5,
        *,
        minimum: int = 20,
        window: float = 30.0,
        window_calls: int | None = None,
        slow_call: float | None = None,
        slow_ratio: float = 0.8,
        open_for: float = 15.0,
        open_growth: float = 1.0,
        open_for_max: float = 300.0,
        probes: int = 3,
        half_open_max: float = 60.0,
        failures: Errors | tuple[Errors, ...] | None = None,
        failed: Callable[[Any], bool] | None = None,
    ) -> None:
        _check(failure_ratio=failure_ratio, slow_ratio=slow_ratio)
        for name, value in {"minimum": minimum, "probes": probes, "window_calls": window_calls}.items():
            if value is not None and value < 1:
                raise ValueError(f"CircuitBreaker: {name} must be at least 1, not {value}")
        seconds = {"window": window, "open_for": open_for, "half_open_max": half_open_max, "slow_call": slow_call}
        for name, wait in seconds.items():
            if wait is not None and not 0 < wait < float("inf"):
                raise ValueError(f"CircuitBreaker: {name} is in seconds, above 0, not {wait}")
        if open_growth < 1:
            raise ValueError(f"CircuitBreaker: open_growth must be at least 1, not {open_growth}")
        if window_calls is not None and window_calls < minimum:
            raise ValueError(f"CircuitBreaker: a window of {window_calls} calls never holds the minimum of {minimum}")
        self.failure_ratio, self.slow_ratio, self.minimum, self.probes = failure_ratio, slow_ratio, minimum, probes
        self.slow_call, self.open_for, self.half_open_max = slow_call, open_for, half_open_max
        self.open_growth, self.open_for_max = open_growth, max(open_for, open_for_max)
        self._new_window: Callable[[], Window] = (
            (lambda: CountWindow(window_calls)) if window_calls else (lambda: TimeWindow(window))
        )
        self._is_failure = matcher(failures) if failures is not None else safely(_counted)
        self._is_bad = safely(failed if failed is not None else _bad_response)
        self._quick = failed is None
        self._lock = forks.lock()
        self._clock = SYSTEM
        self._reporter: Reporter | None = None
        self._monotonic = SYSTEM.monotonic
        self._era = _Era("closed", window=self._new_window())
        self._reopened = 0

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take the clock and the reporter of the one pipeline that this breaker is of."""
        if self._reporter is not None:
            raise ValueError("this CircuitBreaker is of another pipeline already; make one for each")
        self._reporter, self._clock, self._monotonic = reporter, clock, clock.monotonic
        self._rejected = reporter.counter("rejected")
        for state in STATES:
            help = "1 for the state that the breaker is in, else 0."
            reporter.watch("sereno_circuit_state", help, partial(self._is, state), state=state)

    # The call

    def sync(self, inner: Call) -> Call:
        """`inner`, refused while open and judged otherwise."""
        leave, is_bad, quick, judge = self._leave, self._is_bad, self._quick, self._judge
        monotonic, timed = self._clock.monotonic, self.slow_call is not None

        def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            era = self._era
            if not era.admits:
                era = self._enter()
            begun = monotonic() if timed else 0.0
            try:
                result = inner(function, args, kwargs)
            except BaseException as error:
                leave(era, judge(error), begun)
                raise
            leave(era, is_bad(result) if not quick or known(type(result), result) is not None else False, begun)
            return result

        return guarded

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """The same for tasks, over the same state."""
        leave, is_bad, quick, judge = self._leave, self._is_bad, self._quick, self._judge
        monotonic, timed = self._clock.monotonic, self.slow_call is not None

        async def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            era = self._era
            if not era.admits:
                era = self._enter()
            begun = monotonic() if timed else 0.0
            try:
                result = await inner(function, args, kwargs)
            except BaseException as error:
                leave(era, judge(error), begun)
                raise
            leave(era, is_bad(result) if not quick or known(type(result), result) is not None else False, begun)
            return result

        return guarded

    @contextmanager
    def block(self) -> Iterator[None]:
        """A block of a thread: an exception that leaves it is judged as one of a call."""
        era = self._era
        if not era.admits:
            era = self._enter()
        begun = self._clock.monotonic()
        bad: bool | None = None
        try:
            yield
            bad = False
        except BaseException as error:
            bad = self._judge(error)
            raise
        finally:
            self._leave(era, bad, begun)

    def _judge(self, error: BaseException) -> bool | None:
        """True for a failure, None for what says nothing about the dependency."""
        if isinstance(error, Exception):
            return True if self._is_failure(error) else None
        until = context.deadline.get()
        late = until is not None and self._clock.monotonic() >= until - _EARLY_SECONDS
        return True if late and type(error).__name__ == "CancelledError" else None

    # The state

    def _enter(self) -> _Era:
        """Admit a probe, or raise CircuitOpen."""
        note: tuple[str, dict[str, Any]] | None = None
        wait = 0.0
        with self._lock:
            now = self._clock.monotonic()
            era = self._era
            if era.state == "open" and now >= era.until:
                era = self._era = _Era("half_open", permits=self.probes, until=now + self.half_open_max)
                note = "half_opened", {"probes": self.probes}
            elif era.state == "half_open" and now >= era.until and era.permits + era.done < self.probes:
                note = self._open(now, "probes did not come back")
                era = self._era
            admitted = era.admits or era.permits > 0
            if era.permits > 0:
                era.permits -= 1
                era.until = now + self.half_open_max  # calls may be rare: it is this probe's time, not all probes'
            wait = max(0.0, era.until - now) if era.state == "open" else self.open_for
        if note is not None:
            self._tell(*note)
        if admitted:
            return era
        if self._reporter is not None:
            self._rejected()
        raise CircuitOpen("the circuit breaker is open", retry_after=wait)

    def _leave(self, era: _Era, bad: bool | None, begun: float) -> None:
        """Count how a call ended: `bad` is None for what says nothing."""
        now = self._monotonic()
        slow = self.slow_call is not None and now - begun >= self.slow_call
        if bad and context.asked_too_little(now):
            bad = False if slow else None
        note = None
        lock = self._lock
        lock.acquire()  # half the cost of `with`
        try:
            if era is not self._era:
                return  # it was admitted in an earlier state, of which this result says nothing now
            window = era.window
            if window is None:
                note = self._probed(era, bad, slow, now) if era.state == "half_open" else None
            elif bad is not None:
                if bad or slow or now >= window.until:
                    window.add(now, bad, slow)
                else:  # most calls by far
                    window.calls += 1
                    window.here[0] += 1
                if (window.failures or window.slow) and window.calls >= self.minimum:
                    note = self._judge_window(window, now)
        finally:
            lock.release()
        if note is not None:
            self._tell(*note)

    def _judge_window(self, window: Window, now: float) -> tuple[str, dict[str, Any]] | None:
        if window.failures >= self.failure_ratio * window.calls:
            return self._open(now, f"{window.failures} of {window.calls} calls failed")
        if window.slow >= self.slow_ratio * window.calls:
            return self._open(now, f"{window.slow} of {window.calls} calls were slow")
        return None

    def _probed(self, era: _Era, bad: bool | None, slow: bool, now: float) -> tuple[str, dict[str, Any]] | None:
        if bad is None:
            era.permits += 1
            return None
        era.done += 1
        era.failed += bad
        era.slow += slow
        if era.failed >= self.failure_ratio * self.probes or era.slow >= self.slow_ratio * self.probes:
            return self._open(now, f"{era.failed} of {era.done} probes failed, {era.slow} were slow")
        if era.done < self.probes:
            return None
        self._reopened = 0
        self._era = _Era("closed", window=self._new_window())
        return "closed", {}

    def _open(self, now: float, reason: str) -> tuple[str, dict[str, Any]]:
        self._reopened = self._reopened + 1 if self._era.state == "half_open" else 0
        seconds = min(self.open_for_max, self.open_for * self.open_growth ** min(self._reopened, 64))
        self._era = _Era("open", until=now + seconds)
        return "opened", {"reason": reason, "open_seconds": seconds}

    def _tell(self, event: str, attributes: dict[str, Any]) -> None:
        """Outside the lock: logs and listeners may be slow."""
        if self._reporter is not None:
            self._reporter.note(event, **attributes)

    def _is(self, state: State) -> float:
        return float(self._era.state == state)

    # People

    @property
    def state(self) -> State:
        """`closed`, `open`, `half_open`, `forced_open` or `forced_closed`; open until a call asks after its time."""
        return self._era.state

    def force_open(self) -> None:
        """Refuse every call until `reset` (Polly says `isolate`)."""
        self._force("forced_open")

    def force_closed(self) -> None:
        """Admit every call, whatever its result, until `reset`."""
        self._force("forced_closed")

    def reset(self) -> None:
        """Close, forget what was counted, and decide by oneself again."""
        self._force("closed")

    def _force(self, state: State) -> None:
        with self._lock:
            self._reopened = 0
            self._era = _Era(state, window=self._new_window() if state == "closed" else None)
        self._tell("reset" if state == "closed" else state, {"by": "operator"})

    def command(self, name: str) -> None:
        """Obey an operator: `force_open` (also called `isolate`), `force_closed`, `reset`."""
        if name not in self.commands:
            raise ValueError(f"{self.kind} knows no command {name!r}; it knows {', '.join(self.commands)}")
        {"force_closed": self.force_closed, "reset": self.reset}.get(name, self.force_open)()

    def view(self) -> Mapping[str, Any]:
        """State, what the window holds, and how long it stays open."""
        with self._lock:
            now, era = self._clock.monotonic(), self._era
            window = era.window
            if isinstance(window, TimeWindow):
                window.turn(now)
            calls = window.calls if window is not None else None
            return {
                "state": era.state,
                "calls": calls,
                "failures": window.failures if window is not None else None,
                "slow": window.slow if window is not None else None,
                "failure_ratio": window.failures / calls if window is not None and calls else None,
                "opens_at_ratio": self.failure_ratio,
                "minimum": self.minimum,
                "probes_left": era.permits if era.state == "half_open" else None,
                "open_seconds_left": max(0.0, era.until - now) if era.state == "open" else None,
            }


def _check(**ratios: float) -> None:
    for name, value in ratios.items():
        if not 0 < value <= 1:
            raise ValueError(f"CircuitBreaker: {name} must be above 0 and at most 1, not {value}")


def _counted(error: BaseException) -> bool:
    return classify(error) in _COUNTED


def _bad_response(result: Any) -> bool:
    return fault_of(result) in _COUNTED

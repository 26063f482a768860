"""How pipelines tell what they decide: counters, gauges, rare log lines, marks on the span, listeners."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sereno_kit import forks
from sereno_kit.clock import Clock

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Multiprocess, Registry

_LOG_EVERY_SECONDS = 1.0
_ORDINARY = frozenset({"retried", "recovered", "closed", "half_opened", "left_to_outer"})
_HINTS = {
    "not_idempotent": "nothing says that this call may be done twice; if it may: @idempotent, an idempotency_key, or "
    "Retry(idempotent=True)",
    "would_block_loop": "a synchronous call on an event loop's thread cannot wait: make it async, or use a thread",
}
"""What to do about events that surprise."""
_logger = logging.getLogger("sereno_kit.pipeline")


@dataclass(frozen=True, slots=True)
class Event:
    """Something rare that a policy decided."""

    pipeline: str
    policy: str
    event: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Have `listener` called with each Event of every pipeline, in the thread that decided.

    Returns:
        What to call to be told no more.
    """
    _listeners.append(listener)

    def leave() -> None:
        if listener in _listeners:
            _listeners.remove(listener)

    return leave


class Tally:
    """Counts without a lock: a step of `itertools.count` is one indivisible act of the interpreter."""

    __slots__ = ("_count", "_lock", "_looks", "add")

    def __init__(self) -> None:
        self._count = count()
        self.add: Callable[[], object] = partial(next, self._count)
        self._looks = 0
        self._lock = forks.lock()

    def value(self) -> float:
        """How often `add` was called."""
        with self._lock:
            self._looks += 1
            return float(next(self._count) - self._looks + 1)


class PolicyReporter:
    """The Reporter of one policy of one pipeline. Nothing in it ever raises.

    Args:
        pipeline, policy: their names.
        clock: for the bound of log lines.
        registry: where metrics are; the process's own, if not given.
    """

    def __init__(self, pipeline: str, policy: str, clock: Clock, registry: Registry | None = None) -> None:
        from sereno_kit.metrics.registry import current

        self.pipeline = pipeline
        self.policy = policy
        self._clock = clock
        self._registry = registry or current()
        self._counters: dict[str, Callable[[], None]] = {}
        self._quiet_until: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def counter(self, event: str) -> Callable[[], None]:
        """What to call each time `event` happens."""
        known = self._counters.get(event)
        if known is None:
            try:
                known = (
                    self._registry.counter(
                        "sereno_pipeline_events_total",
                        "Decisions of the policies of pipelines",
                        pipeline=None,
                        policy=None,
                        event=None,
                    )
                    .labels(pipeline=self.pipeline, policy=self.policy, event=event)
                    .inc
                )
            except Exception as error:
                _failed(error)
                known = _nothing
            self._counters[event] = known
        return known

    def watch(self, name: str, help: str, read: Callable[[], float], **labels: str) -> None:
        """A gauge that is read when it is scraped."""
        try:
            over_processes: Multiprocess = "livemin" if name.endswith("_ratio") else "livesum"
            gauge = self._registry.read_gauge(name, help, labels=("pipeline", *labels), multiprocess=over_processes)
            gauge.read(read, pipeline=self.pipeline, **labels)
        except Exception as error:
            _failed(error)

    def note(self, event: str, **attributes: Any) -> None:
        """Count it, log it (each event once a second at most), mark the span, tell the listeners."""
        self.counter(event)()
        try:
            self._log(event, attributes)
            traces = sys.modules.get("sereno_kit.traces")
            if traces is not None:
                traces.event(f"{self.policy}.{event}", pipeline=self.pipeline, **attributes)
        except Exception as error:
            _failed(error)
        if _listeners:
            happened = Event(self.pipeline, self.policy, event, attributes)
            for listener in tuple(_listeners):
                try:
                    listener(happened)
                except Exception as error:
                    _failed(error)

    def _log(self, event: str, attributes: Mapping[str, Any]) -> None:
        level = logging.INFO if event in _ORDINARY else logging.WARNING
        if not _logger.isEnabledFor(level):
            return
        now = self._clock.monotonic()
        if now < self._quiet_until.get(event, now):
            self._unsaid[event] = self._unsaid.get(event, 0) + 1
            return
        self._quiet_until[event] = now + _LOG_EVERY_SECONDS
        unsaid = self._unsaid.pop(event, 0)
        more: dict[str, Any] = {"unsaid": unsaid} if unsaid else {}
        if event in _HINTS:
            more["hint"] = _HINTS[event]
        fields = {"pipeline": self.pipeline, "policy": self.policy, **attributes, **more}
        _logger.log(level, "%s: %s %s", self.pipeline, self.policy, event, extra=fields)


_tallies: WeakKeyDictionary[Registry, dict[tuple[str, str], Tally]] = WeakKeyDictionary()


class Outcomes:
    """How calls of a pipeline ended: `ok`, `error`, `rejected`, `cancelled`, each a function to call.

    Args:
        pipeline: its name.
        registry: where metrics are; the process's own, if not given.
    """

    def __init__(self, pipeline: str, registry: Registry | None = None) -> None:
        from sereno_kit.metrics.registry import current

        self._registry = registry or current()
        self._pipeline = pipeline
        self.ok, self.error, self.rejected, self.cancelled = map(
            self._counted, ("ok", "error", "rejected", "cancelled")
        )

    def _counted(self, outcome: str) -> Callable[[], object]:
        name, help = "sereno_pipeline_calls_total", "Calls through a pipeline by how they ended"
        try:
            if self._registry.multiprocess:  # another process answers the scrape: this one writes each count down
                metric = self._registry.counter(name, help, pipeline=None, outcome=None)
                return metric.labels(pipeline=self._pipeline, outcome=outcome).inc
            tallies = _tallies.setdefault(self._registry, {})
            tally = tallies.get((self._pipeline, outcome))
            if tally is None:  # the one that takes a pipeline's place goes on counting where it was
                tally = tallies[self._pipeline, outcome] = Tally()
                family = self._registry.sampled("counter", name, help, ("pipeline", "outcome"))
                family.add(tally.value, pipeline=self._pipeline, outcome=outcome)
            return tally.add
        except Exception as error:
            _failed(error)
            return _nothing


def _nothing(*_: float) -> None:
    return None


def _failed(error: Exception) -> None:
    from sereno_kit.metrics.faults import failed

    failed("pipeline", error)

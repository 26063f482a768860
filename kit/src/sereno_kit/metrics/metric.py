"""Counters, gauges and histograms that cannot break the program they count for.

What is wrong with a declaration is raised where it is declared. What is wrong at run time (a negative amount, a value
of a label that nobody declared) is counted in `sereno_kit_errors_total`, logged once, and the program goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, SupportsFloat, TypeVar

from sereno_kit import forks
from sereno_kit.metrics.direct import adding, observing
from sereno_kit.metrics.faults import failed
from sereno_kit.metrics.labels import LabelSpace, LabelValues
from sereno_kit.metrics.native import SparseHistogram
from sereno_kit.metrics.timer import Timer

if TYPE_CHECKING:
    import prometheus_client

    from sereno_kit.metrics.sampled import Sampled

_HOT_MAX = 10_000
INFINITY = float("inf")

Child = TypeVar("Child", "CounterChild", "GaugeChild", "HistogramChild")


class Metric(Generic[Child]):
    """What counters, gauges and histograms have in common: children by label values, found quickly."""

    kind = ""

    def __init__(self, name: str, help: str, space: LabelSpace) -> None:
        self.name = name
        self.help = help
        self.space = space
        self._children: dict[LabelValues, Child] = {}
        self._hot: dict[tuple[tuple[str, Any], ...], Child] = {}
        self._lock = forks.lock()

    def _initialise(self) -> None:
        for row in self.space.initial():
            self._children[row] = self._make(row)

    def _make(self, row: LabelValues) -> Child:
        raise NotImplementedError

    def labels(self, /, **labels: Any) -> Child:
        """The series with these labels, to keep and use often. Never raises."""
        key = tuple(labels.items())
        try:
            found = self._hot.get(key)
        except TypeError:  # a value without a hash
            found = None
        return self._place(key, labels) if found is None else found

    def _place(self, key: tuple[tuple[str, Any], ...], labels: Mapping[str, Any]) -> Child:
        try:
            row, problem = self.space.place(labels)
        except Exception:  # a value whose text cannot be made
            row, problem = self.space.place({}) if self.space.names else ((), "a label has no text")
        if problem:
            failed("metrics", what=f"{self.name}: {problem}")
        child = self._children.get(row)
        if child is None:
            with self._lock:
                child = self._children.get(row) or self._make(row)
                self._children[row] = child
        # Only texts are kept: 1, 1.0 and True are one key, and three values of a label.
        if not problem and len(self._hot) < _HOT_MAX and all(type(value) is str for _, value in key):
            self._hot[key] = child
        return child

    def series(self) -> list[LabelValues]:
        """The combinations of label values that exist now."""
        return list(self._children)

    def _refused(self, value: object) -> None:
        reason = "an amount that is no number, not finite, or negative where it may only grow"
        failed("metrics", what=f"{self.name}: {reason}")


class CounterChild:
    """One series of a counter."""

    __slots__ = ("_inc", "_refused", "one")

    def __init__(self, child: prometheus_client.Counter, refused: Callable[[object], None]) -> None:
        self._inc = adding(child)
        self._refused = refused
        self.one: Callable[[], None] = partial(self._inc, 1.0)
        """Counts one more, for what happens at every request."""

    def inc(self, amount: SupportsFloat = 1.0, /) -> None:
        """Count `amount` more; negative amounts and NaN are refused. Never raises."""
        try:
            amount = float(amount)
            if 0.0 <= amount < INFINITY:
                self._inc(amount)
                return
        except Exception:  # noqa: S110 - told below
            pass
        self._refused(amount)


class Counter(Metric[CounterChild]):
    """Something that only grows: orders created, money paid out."""

    kind = "counter"

    def __init__(self, name: str, help: str, space: LabelSpace, parent: prometheus_client.Counter) -> None:
        super().__init__(name, help, space)
        self._parent = parent
        self._initialise()

    def _make(self, row: LabelValues) -> CounterChild:
        return CounterChild(self._parent.labels(*row) if row else self._parent, self._refused)

    def inc(self, amount: SupportsFloat = 1.0, /, **labels: Any) -> None:
        """Count `amount` more under `labels`. Never raises."""
        self.labels(**labels).inc(amount)


class GaugeChild:
    """One series of a gauge."""

    __slots__ = ("_add", "_child", "_refused", "down", "up")

    def __init__(self, child: prometheus_client.Gauge, refused: Callable[[object], None]) -> None:
        self._child = child
        self._add = adding(child)
        self.up: Callable[[], None] = partial(self._add, 1.0)
        self.down: Callable[[], None] = partial(self._add, -1.0)
        """One higher, and one lower, for what happens at every request."""
        self._refused = refused

    def set(self, value: SupportsFloat, /) -> None:
        """It is `value` now. Never raises."""
        try:
            self._child.set(float(value))
        except Exception:
            self._refused(value)

    def inc(self, amount: SupportsFloat = 1.0, /) -> None:
        """It has grown by `amount`. Never raises."""
        try:
            self._add(float(amount))
        except Exception:
            self._refused(amount)

    def dec(self, amount: SupportsFloat = 1.0, /) -> None:
        """It has shrunk by `amount`. Never raises."""
        try:
            self._add(-float(amount))
        except Exception:
            self._refused(amount)

    def track(self) -> InProgress:
        """A `with` block during which it is one higher."""
        return InProgress(self)


class InProgress:
    """One more while the block runs."""

    __slots__ = ("_child",)

    def __init__(self, child: GaugeChild) -> None:
        self._child = child

    def __enter__(self) -> None:
        self._child.inc()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.dec()


class Gauge(Metric[GaugeChild]):
    """Something that goes up and down: credits that run, payments that are late."""

    kind = "gauge"

    def __init__(self, name: str, help: str, space: LabelSpace, parent: prometheus_client.Gauge) -> None:
        super().__init__(name, help, space)
        self._parent = parent
        self._initialise()

    def _make(self, row: LabelValues) -> GaugeChild:
        return GaugeChild(self._parent.labels(*row) if row else self._parent, self._refused)

    def set(self, value: SupportsFloat, /, **labels: Any) -> None:
        """It is `value` now under `labels`. Never raises."""
        self.labels(**labels).set(value)

    def inc(self, amount: SupportsFloat = 1.0, /, **labels: Any) -> None:
        """It has grown by `amount` under `labels`. Never raises."""
        self.labels(**labels).inc(amount)

    def dec(self, amount: SupportsFloat = 1.0, /, **labels: Any) -> None:
        """It has shrunk by `amount` under `labels`. Never raises."""
        self.labels(**labels).dec(amount)

    def track(self, /, **labels: Any) -> InProgress:
        """A `with` block during which it is one higher."""
        return self.labels(**labels).track()


class ReadGauge:
    """A gauge whose values are asked for when it is scraped (in multi-process mode: every few seconds)."""

    kind = "gauge"

    def __init__(self, family: Sampled) -> None:
        self.name = family.name
        self.help = family.help
        self._family = family

    def read(self, function: Callable[[], float | None], /, **labels: str) -> Callable[[], None]:
        """Ask `function` for the value under `labels`; None and exceptions mean that there is none now.

        Returns:
            What to call when it should be asked no more.
        """
        return self._family.add(function, **labels)


class HistogramChild:
    """One series of a histogram, with a native twin if that is wanted."""

    __slots__ = ("_observe", "_refused", "native", "quick")

    def __init__(
        self,
        child: prometheus_client.Histogram,
        native: SparseHistogram | None,
        refused: Callable[[object], None],
    ) -> None:
        self._observe = observing(child)
        self._refused = refused
        self.native = native
        self.quick: Callable[..., None] = self._observe if native is None else self.observe
        """As `observe`, for what is known to be a finite number."""

    def observe(self, value: SupportsFloat, exemplar: dict[str, str] | None = None, /) -> None:
        """Count `value`; `exemplar` are labels that lead to an example, such as a trace's id. Never raises."""
        try:
            value = float(value)
            if -INFINITY < value < INFINITY:
                self._observe(value, exemplar)
                if self.native is not None:
                    self.native.observe(value)
                return
        except Exception:  # noqa: S110 - told below
            pass
        self._refused(value)


class Histogram(Metric[HistogramChild]):
    """How something is spread: durations, sizes, scores."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        help: str,
        space: LabelSpace,
        parent: prometheus_client.Histogram,
        *,
        bounds: tuple[float, ...],
        native: bool,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(name, help, space)
        self.bounds = bounds
        self._parent = parent
        self._native = native
        self._monotonic = monotonic
        self._initialise()

    def _make(self, row: LabelValues) -> HistogramChild:
        native = SparseHistogram() if self._native else None
        return HistogramChild(self._parent.labels(*row) if row else self._parent, native, self._refused)

    def natives(self) -> dict[LabelValues, SparseHistogram]:
        """The native twins by label values."""
        return {row: child.native for row, child in list(self._children.items()) if child.native is not None}

    def observe(self, value: SupportsFloat, /, **labels: Any) -> None:
        """Count `value` under `labels`. Never raises."""
        self.labels(**labels).observe(value)

    def time(self, /, **labels: Any) -> Timer:
        """Measure a `with` block, or every call of the function that this decorates, in seconds."""
        return Timer(partial(_observe, self), self._monotonic, labels)


def _observe(histogram: Histogram, seconds: float, labels: dict[str, Any]) -> None:
    histogram.labels(**labels).observe(seconds)

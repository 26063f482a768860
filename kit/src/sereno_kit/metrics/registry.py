"""Where a program declares what it counts: names checked, labels bounded, series there from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sereno_kit import forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.metrics import forked
from sereno_kit.metrics.labels import LabelSpace
from sereno_kit.metrics.metric import Counter, Gauge, Histogram, ReadGauge
from sereno_kit.metrics.names import MetricError, advise, check_labels, check_name
from sereno_kit.metrics.sampled import Sampled, Writer
from sereno_kit.options import SECONDS, Metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from sereno_kit.metrics.native import SparseHistogram

Labels = Sequence[str] | None
Multiprocess = Literal[
    "all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent"
]
BYTES = tuple(float(4**n) for n in range(4, 16))
"""Bounds of sizes: 256 B, 1 KiB, 4 KiB … 1 GiB."""
RATIO = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_BOUNDS_BY_UNIT = {"seconds": SECONDS, "bytes": BYTES, "ratio": RATIO}
_WRITE_EVERY_SECONDS = 5.0

T = TypeVar("T")


class Registry:
    """The metrics of one program. Safe between threads.

    Args:
        prometheus: where they are collected; prometheus_client's own REGISTRY, if not given, so that metrics which
            libraries declare there are exposed too.
        clock: for timers.
        options: how many series a metric may have, and whether histograms are native too.
    """

    def __init__(
        self, prometheus: CollectorRegistry | None = None, *, clock: Clock = SYSTEM, options: Metrics | None = None
    ) -> None:
        from prometheus_client import REGISTRY, values

        self.prometheus: CollectorRegistry = REGISTRY if prometheus is None else prometheus
        self.multiprocess: bool = bool(getattr(values.ValueClass, "_multiprocess", False))
        """Whether several processes write files that are added up when one is scraped (PROMETHEUS_MULTIPROC_DIR)."""
        self.options = options or Metrics()
        self.clock = clock
        self.writer: Writer | None = None
        self.watched: dict[str, Callable[[], Any]] = {}
        """What is watched, by the label `pool`."""
        self._declared: dict[str, tuple[tuple[object, ...], Any]] = {}
        self._lock = RLock()
        forks.keep(self._lock)
        forked.watch(self.prometheus)

    def configure(self, options: Metrics) -> None:
        """Take `options` for what is declared from now on."""
        self.options = options

    @cached_property
    def errors(self) -> Counter:
        """`sereno_kit_errors_total{part}`: the kit's own mishaps."""
        return self.counter(
            "sereno_kit_errors_total",
            "Errors inside the kit itself",
            part=None,
        )

    def counter(
        self, name: str, help: str, /, *, unit: str = "", series_max: int | None = None, **labels: Labels
    ) -> Counter:
        """Declare something that only grows. The same declaration twice gives the same counter.

        Args:
            name: ends in `_total`, and is exported as exactly that.
            help: what it counts, in the words of those who will read it.
            unit: what it counts in, if the name does not end in a base unit: `mxn`, `kilometers`.
            series_max: how many label combinations there may be; `Metrics.series_max`, if not given.
            labels: each label with its possible values, which exist at zero from the start, or None where they are
                not known beforehand. Other values are counted as `__other__`.

        Raises:
            MetricError: if it was declared otherwise before, or its name or labels cannot stand.
        """

        def make(space: LabelSpace, unit: str) -> Counter:
            from prometheus_client import Counter as Parent

            return Counter(name, help, space, Parent(name, help, space.names, unit=unit, registry=self.prometheus))

        return self._declare("counter", name, help, unit, series_max, labels, (), make)

    def gauge(
        self,
        name: str,
        help: str,
        /,
        *,
        unit: str = "",
        series_max: int | None = None,
        multiprocess: Multiprocess = "livesum",
        **labels: Labels,
    ) -> Gauge:
        """Declare something that goes up and down.

        Args:
            name, help, unit, series_max, labels: as of `counter`; the name does not end in `_total`.
            multiprocess: what several processes make of their values: `livesum` adds those that live,
                `livemostrecent` takes the last one that was set (for facts that every process reads in the same
                database), `livemax`, `livemin`, `liveall` one series a process.

        Raises:
            MetricError: as of `counter`.
        """

        def make(space: LabelSpace, unit: str) -> Gauge:
            from prometheus_client import Gauge as Parent

            parent = Parent(
                name, help, space.names, unit=unit, registry=self.prometheus, multiprocess_mode=multiprocess
            )
            return Gauge(name, help, space, parent)

        return self._declare("gauge", name, help, unit, series_max, labels, (multiprocess,), make)

    def read_gauge(
        self,
        name: str,
        help: str,
        function: Callable[[], float | None] | None = None,
        /,
        *,
        labels: Sequence[str] = (),
        multiprocess: Multiprocess = "livesum",
    ) -> ReadGauge:
        """Declare a gauge that is asked for when it is scraped; `read` of what is returned adds more to ask.

        Args:
            function: says the value; None and exceptions mean that there is none now. It should be quick.
            labels: the names of its labels, for `read`.
        """
        family = self.sampled("gauge", name, help, tuple(labels), multiprocess)
        if function is not None:
            family.add(function)
        return ReadGauge(family)

    def histogram(
        self,
        name: str,
        help: str,
        /,
        *,
        unit: str = "",
        bounds: Sequence[float] = (),
        slo: Sequence[float] = (),
        native: bool | None = None,
        series_max: int | None = None,
        **labels: Labels,
    ) -> Histogram:
        """Declare how something is spread.

        Args:
            name, help, unit, series_max, labels: as of `counter`; the name ends in the unit.
            bounds: upper bounds of buckets; those of its unit (seconds, bytes, ratio), if not given.
            slo: thresholds of objectives. They become bounds, for between bounds a quantile is a guess.
            native: whether it is a native histogram too; `Metrics.native`, if not given.

        Raises:
            MetricError: as of `counter`, and for bounds that do not rise or are missing.
        """
        unit = check_name("histogram", name, unit)
        edges = _bounds(name, tuple(bounds) or self._default_bounds(unit), slo)
        is_native = (self.options.native if native is None else native) and not self.multiprocess

        def make(space: LabelSpace, unit: str) -> Histogram:
            from prometheus_client import Histogram as Parent

            parent = Parent(name, help, space.names, unit=unit, registry=self.prometheus, buckets=edges)
            return Histogram(name, help, space, parent, bounds=edges, native=is_native, monotonic=self.clock.monotonic)

        return self._declare("histogram", name, help, unit, series_max, labels, (edges, is_native), make)

    def sampled(
        self,
        kind: Literal["gauge", "counter"],
        name: str,
        help: str,
        labels: tuple[str, ...] = (),
        multiprocess: Multiprocess = "livesum",
    ) -> Sampled:
        """Declare a family of values that are asked for when it is scraped.

        In multi-process mode every process asks its own and writes them each five seconds.
        """
        check_labels(name, labels)

        def make(_: str) -> Sampled:
            family = Sampled(kind, name, help, labels, self._written(kind, name, help, labels, multiprocess))
            if not self.multiprocess:
                self.prometheus.register(family)
                return family
            self.writer = self.writer or Writer(_WRITE_EVERY_SECONDS)
            self.writer.add(family)
            return family

        return self._once(kind, name, "", (f"{kind} that is asked for", help, "", labels, multiprocess), make)

    def natives(self) -> Mapping[str, tuple[tuple[str, ...], Mapping[tuple[str, ...], SparseHistogram]]]:
        """The native histograms by name: names of their labels, and one for each combination of values."""
        found = {}
        for name, (_, metric) in list(self._declared.items()):
            if isinstance(metric, Histogram) and (natives := metric.natives()):
                found[name] = (metric.space.names, natives)
        return found

    def value(self, name: str, /, **labels: str) -> float | None:
        """The value of one sample, or None: for tests, it collects everything."""
        return self.prometheus.get_sample_value(name, labels)

    def _default_bounds(self, unit: str) -> tuple[float, ...]:
        return self.options.bounds_seconds if unit == "seconds" else _BOUNDS_BY_UNIT.get(unit, ())

    def _declare(
        self,
        kind: str,
        name: str,
        help: str,
        unit: str,
        series_max: int | None,
        labels: Mapping[str, Labels],
        more: tuple[object, ...],
        make: Callable[[LabelSpace, str], T],
    ) -> T:
        if not help:
            raise MetricError(f"{name}: say in a few words what it counts")
        limit = self.options.series_max if series_max is None else series_max
        shape = tuple((label, None if values is None else tuple(values)) for label, values in labels.items())

        def make_once(unit: str) -> T:
            return make(LabelSpace(name, labels, limit), unit)

        return self._once(kind, name, unit, (kind, help, unit, shape, *more), make_once)

    def _once(self, kind: str, name: str, unit: str, declaration: tuple[object, ...], make: Callable[[str], T]) -> T:
        with self._lock:
            before = self._declared.get(name)
            if before is not None:
                if before[0] != declaration:
                    raise MetricError(f"{name} was declared before, {_difference(before[0], declaration)}")
                made: T = before[1]
                return made
            unit = check_name(kind, name, unit)
            try:
                made = make(unit)
            except MetricError:
                raise
            except ValueError as error:
                raise MetricError(f"{name}: {error}; is it declared with prometheus_client elsewhere?") from error
            self._declared[name] = (declaration, made)
        advise(kind, name)
        return made

    def _written(self, kind: str, name: str, help: str, labels: tuple[str, ...], multiprocess: Multiprocess) -> Any:
        if not self.multiprocess:
            return None
        from prometheus_client import Counter as CounterParent
        from prometheus_client import Gauge as GaugeParent

        if kind == "counter":
            return CounterParent(name, help, labels, registry=None)
        return GaugeParent(name, help, labels, registry=None, multiprocess_mode=multiprocess)


def _difference(before: tuple[object, ...], now: tuple[object, ...]) -> str:
    """What two declarations of one name do not agree in."""
    for what, then, again in zip(("kind", "help", "unit", "labels"), before, now, strict=False):
        if then != again:
            return f"with the {what} {_shown(then)}, now {_shown(again)}"
    return "with other bounds or options"


def _shown(part: object) -> str:
    """`status=['paid', 'failed'], tier` of labels; anything else as Python writes it."""
    if not isinstance(part, tuple):
        return repr(part)
    names = (one if isinstance(one, str) else one[0] if one[1] is None else f"{one[0]}={list(one[1])}" for one in part)
    return f"({', '.join(names)})"


def _bounds(name: str, bounds: tuple[float, ...], slo: Sequence[float]) -> tuple[float, ...]:
    if not bounds:
        raise MetricError(f"{name}: say its bounds; they are known only of seconds, bytes and ratio")
    merged = tuple(sorted({float(bound) for bound in (*bounds, *slo)} - {float("inf")}))
    if list(bounds) != sorted(set(bounds)) or any(bound != bound for bound in merged):
        raise MetricError(f"{name}: bounds rise from one to the next")
    return merged


_current: Registry | None = None
_making = RLock()
forks.keep(_making)


def current() -> Registry:
    """The registry of this process, made when it is first asked for."""
    global _current
    if _current is None:
        with _making:
            if _current is None:
                _current = Registry()
    return _current


class use:  # noqa: N801 - reads as a statement: with use(registry): …
    """Make `registry` the one that `current()` gives, from now on or, as a `with` block, until its end. For tests."""

    def __init__(self, registry: Registry) -> None:
        global _current
        self._before = _current
        self._registry = registry
        _current = registry

    def __enter__(self) -> Registry:
        return self._registry

    def __exit__(self, *_: object) -> None:
        global _current
        _current = self._before

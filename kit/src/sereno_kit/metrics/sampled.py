"""Values that are asked for, not told: of pools, of the process, of a user's function.

In one process they are asked for when somebody scrapes. With several processes the one that is scraped cannot ask the
others, so in each a thread writes its values to its file every few seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal

from sereno_kit.metrics.faults import failed
from sereno_kit.metrics.labels import LabelValues, text_of

if TYPE_CHECKING:
    import prometheus_client
    from prometheus_client import Metric

Read = Callable[[], "float | None"]
SERIES_MAX = 500


class Gone(Exception):
    """Raised by a reader whose object is no more; it is not asked again."""


class Sampled:
    """A family of values that are asked for.

    Args:
        kind: gauges go up and down; counters are totals that only grow.
        name, help, labels: as of any metric; a counter's name ends in `_total`.
        writes: in multi-process mode, the client's own metric that each process writes; otherwise None.
    """

    def __init__(
        self,
        kind: Literal["gauge", "counter"],
        name: str,
        help: str,
        labels: tuple[str, ...],
        writes: prometheus_client.Gauge | prometheus_client.Counter | None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.help = help
        self.labels = labels
        self._writes = writes
        self._readers: dict[LabelValues, Read] = {}
        self._written: dict[LabelValues, float] = {}

    def add(self, read: Read, /, **labels: str) -> Callable[[], None]:
        """Ask `read` from now on for the value under `labels`, in place of whoever was asked before.

        Returns:
            What to call when it should be asked no more.
        """
        row = tuple(text_of(labels.get(name, "")) for name in self.labels)
        if row not in self._readers and len(self._readers) >= SERIES_MAX:
            failed("metrics", what=f"{self.name}: more than {SERIES_MAX} values to ask for")
            return lambda: None
        self._readers[row] = read

        def forget() -> None:
            if self._readers.get(row) is read:
                del self._readers[row]

        return forget

    def values(self) -> list[tuple[LabelValues, float]]:
        """What the readers say now; those that fail or know nothing are left out."""
        found = []
        for row, read in list(self._readers.items()):
            try:
                value = read()
                if value is not None:
                    found.append((row, float(value)))
            except Gone:
                self._readers.pop(row, None)
            except Exception as error:
                failed("metrics", error, what=f"{self.name}: could not be read")
        return found

    def describe(self) -> Iterable[Metric]:
        """The family without values, as prometheus_client asks for it when it registers it."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """The family with what the readers say now."""
        family = self._family()
        for row, value in self.values():
            family.add_metric(row, value)
        return [family]

    def _family(self) -> Any:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return made(self.name, self.help, labels=self.labels)

    def write(self) -> None:
        """Put what the readers say into this process's file."""
        for row, value in self.values():
            child: Any = self._writes.labels(*row) if row else self._writes  # type: ignore[union-attr]
            if self.kind == "gauge":
                child.set(value)
            else:
                before = self._written.get(row, 0.0)
                # A total below the last one began anew: with a fork, or a pool that was made again.
                child.inc(value - before if value >= before else value)
                self._written[row] = value


class Writer:
    """The thread that writes this process's sampled values. It survives forks: each child begins its own."""

    def __init__(self, every_seconds: float) -> None:
        self._every = every_seconds
        self._families: list[Sampled] = []
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None
        self._held = False
        os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._in_child)

    def add(self, family: Sampled) -> None:
        """Write `family` too."""
        self._families.append(family)
        if self._thread is None:
            self._begin()

    def write(self) -> None:
        """Write all now."""
        with self._lock:
            for family in list(self._families):
                try:
                    family.write()
                except Exception as error:
                    failed("metrics", error, what=f"{family.name}: could not be written")

    def _begin(self) -> None:
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(self._stop,), name="sereno-kit-metrics", daemon=True)
        self._thread.start()

    def _run(self, stop: Event) -> None:
        while not stop.wait(self._every):
            self.write()

    def _before_fork(self) -> None:
        # So that no child is born while this thread holds a lock of the client's.
        self._held = self._lock.acquire(timeout=1.0)

    def _after_fork(self) -> None:
        if self._held:
            self._lock.release()

    def _in_child(self) -> None:
        self._lock = Lock()
        self._thread = None
        if self._families:
            self._begin()

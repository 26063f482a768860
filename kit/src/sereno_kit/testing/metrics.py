"""Metrics as a test sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from sereno_kit.metrics.registry import Registry, use

Series = tuple[str, frozenset[tuple[str, str]]]


class CapturedMetrics:
    """What is counted in one registry; `value` now, `delta` since the block began or since `mark`."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._marked: dict[Series, float] = {}
        self.mark()

    def mark(self) -> None:
        """Let `delta` begin here."""
        self._marked = self._all()

    def value(self, name: str, /, **labels: str) -> float:
        """The value of the sample `name`, summed over the labels that are not said; 0 if no series has those labels.

        Args:
            name: as it is exported: `orders_created_total`, `http_request_duration_seconds_count`.

        Raises:
            LookupError: nothing of that name is exported at all.
        """
        return self._sum(self._all(), name, labels)

    def delta(self, name: str, /, **labels: str) -> float:
        """How much `value` has changed since the block began, or since `mark`."""
        return self.value(name, **labels) - self._sum(self._marked, name, labels, strict=False)

    def series(self, name: str, /) -> dict[frozenset[tuple[str, str]], float]:
        """Every series of `name`: its labels as pairs, and its value."""
        return {labels: value for (sample, labels), value in self._all().items() if sample == name}

    def _all(self) -> dict[Series, float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.registry.prometheus.collect()
            for sample in family.samples
        }

    def _sum(self, samples: dict[Series, float], name: str, labels: dict[str, str], *, strict: bool = True) -> float:
        found = [(had, value) for (sample, had), value in samples.items() if sample == name]
        if not found and strict:
            names = {sample for sample, _ in samples} | self._declared()
            if name not in names:
                near = get_close_matches(name, names, 3)
                raise LookupError(f"no metric exports {name!r}" + (f"; near to it: {', '.join(near)}" if near else ""))
        asked = set(labels.items())
        return sum(value for had, value in found if asked <= had)

    def _declared(self) -> set[str]:
        """What is declared but has no series yet."""
        kinds = {"counter": ("_total",), "histogram": ("_count", "_sum", "_bucket")}
        return {
            family.name + ending
            for family in self.registry.prometheus.collect()
            for ending in kinds.get(family.type, ("",))
        }


@contextmanager
def capture_metrics(registry: Registry | None = None) -> Iterator[CapturedMetrics]:
    """Look at what the block counts, in a registry of its own that is the process's meanwhile.

    What was made before the block keeps counting where it counted: make the kit, the pipelines and the metrics inside
    of it, or give the registry that they count in.

    Args:
        registry: the one to look at, such as `kit.metrics`; a new one, if not given.
    """
    if registry is not None:
        yield CapturedMetrics(registry)
        return
    from prometheus_client import CollectorRegistry

    own = Registry(CollectorRegistry())
    with use(own):
        yield CapturedMetrics(own)

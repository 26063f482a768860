"""Which series, labels and values there are, from whichever source of samples the control plane has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from sereno.app.http.prometheus_params import TIME_MS_MAX, ApiError
from sereno.kernel.labels import Labels
from sereno.promql import Selection, selector_text
from sereno.promql.columns import Matcher

if TYPE_CHECKING:
    from sereno.adapters.samples.prometheus_api import PrometheusApi
    from sereno.adapters.samples.source import SampleSource
    from sereno.adapters.samples.store import SampleStore
    from sereno.app.http.prometheus_run import Engine

Selectors = Sequence[tuple[Matcher, ...]]
SERIES_OF_ALL_MS = 86_400_000
Metadata = dict[str, list[dict[str, str]]]


class Names(Protocol):
    """What is known of the series that any of `selectors` finds (of all without one) between two instants in ms.

    `limit` above 0 lets the source stop early; it may return more.
    """

    async def series(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[Labels]:
        """Their labels, each once."""
        ...

    async def label_names(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[str]:
        """The names of their labels, in order."""
        ...

    async def label_values(
        self, name: str, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        """The values of one of their labels, in order."""
        ...

    async def metadata(self, metric: str = "") -> Metadata:
        """Type, help and unit of every metric, or of one."""
        ...


def names_of(engine: Engine) -> Names:
    """The way to names that suits the source."""
    from sereno.adapters.samples.prometheus import PrometheusReader

    control = engine.control
    if control.store is not None:
        return StoreNames(control.store)
    if isinstance(control.source, PrometheusReader):
        remote = RemoteNames(control.source.api)
        return remote if control.recorded is None else BothNames(remote, StoreNames(control.recorded))
    return SampledNames(engine.source, control.clock.now)


class Listed:
    """Labels and values read off the series: for sources that know no shorter way."""

    async def series(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[Labels]:
        """The labels of each series once."""
        raise NotImplementedError

    async def label_names(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[str]:
        """The names of labels, in order."""
        return sorted({name for labels in await self.series(selectors, start_ms, end_ms) for name in labels})

    async def label_values(
        self, name: str, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        """The values of a label, in order."""
        found = await self.series(selectors, start_ms, end_ms)
        return sorted({labels[name] for labels in found if name in labels})

    async def metadata(self, metric: str = "") -> Metadata:
        """Nothing is known."""
        return {}


class SampledNames(Listed):
    """Reads series off their samples; of an unbounded time it looks at the last day."""

    def __init__(self, source: SampleSource, now: Callable[[], Any]) -> None:
        self.source, self.now = source, now

    async def series(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[Labels]:
        """The labels of each series once."""
        end_ms = min(end_ms, round(self.now().timestamp() * 1000))
        start_ms = max(start_ms, end_ms - SERIES_OF_ALL_MS)
        every = selectors or ((Matcher("__name__", "!=", ""),),)
        wanted = [Selection(matchers, start_ms, end_ms) for matchers in every]
        found = await self.source.fetch(wanted)
        return list(dict.fromkeys(labels for one in wanted for labels in found[one].labels))


class StoreNames(Listed):
    """Asks the embedded store's index."""

    def __init__(self, store: SampleStore) -> None:
        self.store = store

    async def series(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[Labels]:
        """The labels of each series once."""

        def find(store: SampleStore) -> list[Labels]:
            parts = [store.find_series(matchers, start_ms, end_ms, limit) for matchers in selectors or ((),)]
            return parts[0] if len(parts) == 1 else list(dict.fromkeys(labels for part in parts for labels in part))

        return await self.store.reading(find)

    async def metadata(self, metric: str = "") -> Metadata:
        """Type, help and unit of every metric, or of one."""
        known = await self.store.reading(lambda store: store.metadata())
        return {
            name: [{"type": one.type, "help": one.help, "unit": one.unit} for one in said]
            for name, said in known.items()
            if metric in ("", name)
        }


class BothNames:
    """What a Prometheus knows, and what our own rules have recorded beside it."""

    def __init__(self, theirs: Names, ours: Names) -> None:
        self.theirs, self.ours = theirs, ours

    async def series(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[Labels]:
        """The labels of each series once."""
        asked = selectors, start_ms, end_ms, limit
        return list(dict.fromkeys([*await self.theirs.series(*asked), *await self.ours.series(*asked)]))

    async def label_names(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[str]:
        """The names of labels, in order."""
        asked = selectors, start_ms, end_ms, limit
        return sorted({*await self.theirs.label_names(*asked), *await self.ours.label_names(*asked)})

    async def label_values(
        self, name: str, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        """The values of a label, in order."""
        asked = name, selectors, start_ms, end_ms, limit
        return sorted({*await self.theirs.label_values(*asked), *await self.ours.label_values(*asked)})

    async def metadata(self, metric: str = "") -> Metadata:
        """Type, help and unit of every metric, or of one: nobody says that of what is recorded."""
        return await self.theirs.metadata(metric)


class RemoteNames:
    """Asks the Prometheus that the samples come from."""

    def __init__(self, api: PrometheusApi) -> None:
        self.api = api

    async def _ask(self, path: str, selectors: Selectors, start_ms: int, end_ms: int, limit: int) -> Any:
        asked: list[tuple[str, str]] = [("match[]", selector_text(matchers)) for matchers in selectors]
        asked += [("start", _seconds(start_ms))] if start_ms > -TIME_MS_MAX else []
        asked += [("end", _seconds(end_ms))] if end_ms < TIME_MS_MAX else []
        asked += [("limit", str(limit))] if limit else []
        return await self.api.get(path, asked)

    async def series(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[Labels]:
        """The labels of each series once."""
        found = await self._ask("series", selectors, start_ms, end_ms, limit)
        return [Labels(one) for one in _a(list, found)]

    async def label_names(self, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0) -> list[str]:
        """The names of labels, in order."""
        return sorted(map(str, _a(list, await self._ask("labels", selectors, start_ms, end_ms, limit))))

    async def label_values(
        self, name: str, selectors: Selectors, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        """The values of a label, in order."""
        found = await self._ask(f"label/{quote(name, safe='')}/values", selectors, start_ms, end_ms, limit)
        return sorted(map(str, _a(list, found)))

    async def metadata(self, metric: str = "") -> Metadata:
        """Type, help and unit of every metric, or of one."""
        found = await self.api.get("metadata", [("metric", metric)] if metric else [])
        return {
            name: [{key: str(entry.get(key, "")) for key in ("type", "help", "unit")} for entry in entries]
            for name, entries in _a(dict, found).items()
        }


def _a(kind: type[Any], found: Any) -> Any:
    if not isinstance(found, kind):
        raise ApiError("unavailable", 503, "what answers is no Prometheus")
    return found


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"

"""Where a backtest's samples come from: the workspace's store, another one, a Prometheus, a Parquet file.

Whatever it is, it ends as a store's file that is only read: each process opens it for itself, and reads a piece of
time at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sereno.kernel.errors import Unavailable, UsageError
from sereno.slo import WHOLE, Thinned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sereno.app.settings import Settings
    from sereno.insight.model import Case, Question
    from sereno.promql.columns import Matcher, Select, Selection

Kind = Literal["store", "prometheus", "parquet"]
KEPT = timedelta(days=3650)
CACHE_BYTES = 32 << 20
"""Of decoded chunks, in each process: a backtest reads forwards and hardly ever twice."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the person named: a kind of source, and where it is."""

    kind: Kind
    place: str


def origin_of(given: tuple[str, str] | None, settings: Settings) -> Origin:
    """The source that was named, or the workspace's own. Raises UsageError for what is none."""
    if given is None:
        if settings.prometheus:
            return Origin("prometheus", settings.prometheus)
        return Origin("store", str(settings.data_dir / "samples.db"))
    kind, place = given
    if kind == "prometheus":
        parts = urlsplit(place)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{place} is no address of a Prometheus", hint="--from prometheus http://127.0.0.1:9090")
        return Origin("prometheus", place)
    if kind == "store":
        path = Path(place)
        return Origin("store", str(path / "samples.db" if path.is_dir() else path))
    if kind == "parquet":
        return Origin("parquet", place)
    raise UsageError(f"samples cannot be had from `{kind}`", hint="--from store PATH | prometheus URL | parquet FILE")


@contextmanager
def opened(path: Path) -> Iterator[Select]:
    """Read the store at `path`, also while another process writes it. Raises Unavailable if it cannot be read."""
    from sereno.adapters.samples.store import SampleStore

    if not path.is_file():
        raise Unavailable(
            f"there are no samples at {path}",
            hint="run `sereno up` for a while, or say --from prometheus URL | parquet FILE | store PATH",
        )
    store = SampleStore(path, read_only=True, cache_bytes=CACHE_BYTES, samples_max=1 << 40)
    try:
        yield store.select
    finally:
        store.close()


def told_of(path: Path, wanted: Sequence[Selection]) -> tuple[Thinned, tuple[str, ...]]:
    """Where the store at `path` holds only a part of its samples, and what must be said with those `wanted`."""
    from sereno.adapters.samples.store import SampleStore

    if not path.is_file():
        return WHOLE, ()
    store = SampleStore(path, read_only=True)
    try:
        return store.thinned(), store.notes(wanted)
    finally:
        store.close()


def newest(path: Path) -> datetime | None:
    """The moment of the last sample in the store at `path`."""
    from sereno.adapters.samples.store import SampleStore

    if not path.is_file():
        return None
    store = SampleStore(path, read_only=True)
    try:
        return store.stats().newest
    finally:
        store.close()


def needed(cases: Iterable[Case], question: Question) -> tuple[Selection, ...]:
    """All samples that `cases` will ask for, one selection for all that ask for the same series.

    What the rules record themselves is not asked of anybody.
    """
    from sereno.insight.ratios import windows_of
    from sereno.promql import Grid, selections
    from sereno.promql.columns import Selection
    from sereno.promql.matching import canonical
    from sereno.slo.selectors import selections_between

    grid = Grid(question.start_ms, question.end_ms, question.interval_ms)
    found: dict[tuple[Matcher, ...], tuple[int, int]] = {}
    for case in cases:
        recorded = {rule.name for group in case.groups for rule in group.rules if rule.kind == "record"}
        wanted = [
            one
            for group in case.groups
            for rule in group.rules
            for one in selections(rule.expr, grid, settings=question.settings)
        ]
        for plan in case.plans:
            back = plan.slo.window // timedelta(milliseconds=1)
            longest = max((window // timedelta(milliseconds=1) for window in windows_of(plan.tiers)), default=0)
            wanted += selections_between(plan.slo, question.start_ms - max(back, longest), question.end_ms)
        for one in wanted:
            if any(m.name == "__name__" and m.op == "=" and m.value in recorded for m in one.matchers):
                continue
            matchers = canonical(one.matchers)
            known = found.get(matchers, (one.start_ms, one.end_ms))
            found[matchers] = min(known[0], one.start_ms), max(known[1], one.end_ms)
    return tuple(Selection(matchers, start, end) for matchers, (start, end) in found.items())


def kept_at(origin: Origin, data_dir: Path) -> Path:
    """The file in which what comes from `origin` is kept."""
    if origin.kind == "store":
        return Path(origin.place)
    place = origin.place
    if origin.kind == "parquet":
        path = Path(place)
        if not path.is_file():
            raise UsageError(f"there is no file {place}")
        stat = path.stat()
        place = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    name = urlsplit(place).hostname if origin.kind == "prometheus" else Path(origin.place).stem
    digest = hashlib.sha256(place.encode()).hexdigest()[:12]
    return data_dir / "backtest" / f"{name}-{digest}.db"


def bring(
    origin: Origin,
    wanted: Sequence[Selection],
    settings: Settings,
    progress: Callable[[str, float], None],
) -> tuple[Path, tuple[str, ...]]:
    """Have the samples `wanted` in a file, and where that is; with what should be known about them.

    What an earlier run brought is not brought again; one that was cut off goes on where it was.
    """
    path = kept_at(origin, settings.data_dir)
    if origin.kind == "store":
        return path, ()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if origin.kind == "parquet":
        from sereno.app.backtest_parquet import convert

        return path, convert(Path(origin.place), path, progress)
    return path, asyncio.run(_from_prometheus(origin.place, wanted, path, settings, progress))


async def _from_prometheus(
    url: str,
    wanted: Sequence[Selection],
    path: Path,
    settings: Settings,
    progress: Callable[[str, float], None],
) -> tuple[str, ...]:
    from sereno.adapters.notify.egress import Policy
    from sereno.adapters.samples.download import Progress, download
    from sereno.adapters.samples.fetching import client
    from sereno.adapters.samples.prometheus_api import PrometheusApi
    from sereno.adapters.samples.store import SampleStore
    from sereno.app.control import may_call

    def watch(now: Progress) -> None:
        progress(now.selector, now.done_ms / max(now.total_ms, 1))

    policy = Policy.of(settings.allowed_hosts, allow_private=True)
    store = SampleStore(path, retention=KEPT)
    try:
        async with client(policy) as http:
            api = PrometheusApi(url, http, allowed=may_call(policy), headers=_headers(url, settings))
            done = await download(api, store, wanted, progress=watch)
        return done.warnings
    finally:
        store.close()


def _headers(url: str, settings: Settings) -> dict[str, str]:
    """The token of the workspace's Prometheus, for that one only (or if none is set, for whichever was named)."""
    token = settings.prometheus_token
    if token is None:
        return {}
    own = settings.prometheus
    if own is not None and urlsplit(own)[:2] != urlsplit(url)[:2]:
        return {}
    return {"Authorization": f"Bearer {token.get_secret_value()}"}

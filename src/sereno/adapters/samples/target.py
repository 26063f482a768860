"""A target, and what is remembered of it between two scrapes: pure, the network and the store are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from sereno.adapters.samples.exposition import Parsed
from sereno.adapters.samples.source import Scrape
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, Float64s
from sereno.spec.model import ScrapeJob

_PORTS = {"http": 80, "https": 443}
REPORTED = ("up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added")
Health = Literal["up", "down", "unknown"]


@dataclass(frozen=True, slots=True)
class Target:
    """One address that is scraped. `stream` names its samples in the store; `shown` is its address without secrets."""

    job: str
    url: str
    shown: str
    labels: Labels
    every: timedelta
    timeout: timedelta

    @staticmethod
    def of(job: ScrapeJob, address: str) -> Target:
        """The target at `address`: `host:port`, or a URL; without a path it is `/metrics`.

        Raises ValueError if that is no address.
        """
        parts = urlsplit(address if "://" in address else f"http://{address}")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"{address!r} is neither host:port nor an http(s) URL")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        instance = f"{host}:{parts.port or _PORTS[parts.scheme]}"
        url = urlunsplit((parts.scheme, parts.netloc, parts.path or "/metrics", parts.query, ""))
        shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/metrics", parts.query, ""))
        labels = Labels({"job": job.job, "instance": instance, **job.labels})
        return Target(job.job, url, shown, labels, job.every, min(job.timeout, job.every))

    @property
    def stream(self) -> str:
        """What names this target for good: its address and its labels."""
        return f"{self.shown} {self.labels!r}"

    def finish(self, scraped: dict[str, str]) -> Labels:
        """The labels that a series is stored under: the target's win, the series' own become `exported_…`.

        Prometheus: `honor_labels: false` (scrape/scrape.go, `resolveConflictingExposedLabels`).
        """
        merged = {name: value for name, value in scraped.items() if name not in self.labels}
        for name in sorted(scraped.keys() & self.labels.keys()):
            if scraped[name] == "":
                continue
            new = f"exported_{name}"
            while new in merged or new in self.labels or new in scraped:
                new = f"exported_{new}"
            merged[new] = scraped[name]
        merged.update(self.labels)
        return Labels(merged)


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target is, for pages: `health` is unknown until it was asked. `series` counts those of the last answer."""

    job: str
    url: str
    labels: Labels
    health: Health = "unknown"
    last_scrape: datetime | None = None
    duration_seconds: float = 0.0
    samples: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a target said last. `alive` are the series that have not ended, `known` those of its last answer, `steady`
    is `alive` and our report: the same tuple is written again as long as nothing changes."""

    alive: tuple[Labels, ...] = ()
    known: frozenset[Labels] = frozenset()
    steady: tuple[Labels, ...] = ()


def answered(target: Target, memory: Memory, parsed: Parsed, at_ms: int, seconds: float) -> tuple[Scrape, Memory]:
    """The scrape to keep when `target` answered: its samples, an end for series that vanished, and our report."""
    scraped = len(parsed.values) + parsed.repeated + len(parsed.sent)
    if memory.steady and memory.alive is parsed.labels:
        values = np.concatenate([parsed.values, _report(1, seconds, scraped, 0)])
        return Scrape(target.stream, at_ms, memory.steady, values), memory
    reports = _reports(target)
    alive, values = _without(parsed, reports)
    now = frozenset(alive)
    gone = tuple(labels for labels in memory.alive if labels not in now)
    steady = alive + reports
    report = _report(1, seconds, scraped, len(now - memory.known))
    scrape = Scrape(
        target.stream,
        at_ms,
        alive + gone + reports if gone else steady,
        np.concatenate([values, np.full(len(gone), STALE), report]),
    )
    return scrape, Memory(alive, now, steady)


def failed(target: Target, memory: Memory, at_ms: int, seconds: float) -> tuple[Scrape, Memory]:
    """The scrape to keep when `target` could not be read: an end for all its series, and our report."""
    reports = _reports(target)
    values = np.concatenate([np.full(len(memory.alive), STALE), _report(0, seconds, 0, 0)])
    return Scrape(target.stream, at_ms, memory.steady or reports, values), Memory((), memory.known, reports)


def ended(target: Target, memory: Memory, at_ms: int) -> Scrape:
    """The last scrape of a target that is no longer asked: everything ends, our report too."""
    written = memory.steady or _reports(target)
    return Scrape(target.stream, at_ms, written, np.full(len(written), STALE))


def _reports(target: Target) -> tuple[Labels, ...]:
    return tuple(target.labels.with_(__name__=name) for name in REPORTED)


def _report(up: int, seconds: float, scraped: int, added: int) -> Float64s:
    return np.array([up, seconds, scraped, added], np.float64)


def _without(parsed: Parsed, reports: Iterable[Labels]) -> tuple[tuple[Labels, ...], Float64s]:
    """The samples less those of the series in `reports`; the very same tuple if there are none.

    What a target says about its own being up is not believed.
    """
    ours = set(reports)
    if ours.isdisjoint(parsed.labels):
        return parsed.labels, parsed.values
    keep = [place for place, labels in enumerate(parsed.labels) if labels not in ours]
    return tuple(parsed.labels[place] for place in keep), parsed.values[keep]

"""What others send, before it is kept: its limits, its labels checked once, its samples in order.

Whatever cannot be taken is refused by name and the rest goes on; what cannot be understood is refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from sereno.adapters.samples.source import Metadata, SeriesSamples, Written
from sereno.kernel.errors import SerenoError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.promql.native import Histogram

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_REASONS_MAX = 5
_SHOWN_MAX = 200
_KNOWN_MAX = 100_000
_KNOWN_BYTES_MAX = 64 << 20


class BadSamples(SerenoError):
    """What was sent cannot be taken, now or later: sending it again is useless."""

    code = "bad_samples"
    status = 400


class BadLabels(ValueError):
    """These labels name no series."""


class Keeper(Protocol):
    """A sample store, as those who bring samples see it."""

    @property
    def path(self) -> Path | None:
        """Its file."""
        ...

    async def write(self, batch: Sequence[SeriesSamples], source: str, *, any_age: bool = False) -> Written:
        """Keep a batch, for good once this returns. Raises Unavailable, with nothing kept."""
        ...

    async def maintain(self, now: datetime) -> None:
        """Pack what was written."""
        ...


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What one request may hold. `future_ms` is how far ahead of us a sender's clock may be."""

    body_bytes: int = 8 << 20
    unpacked_bytes: int = 32 << 20
    samples: int = 500_000
    labels: int = 64
    label_name_bytes: int = 512
    label_value_bytes: int = 16_384
    future_ms: int = 600_000


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A request understood. `floats` and `histograms` are the samples in `batch`; `exemplars` were left out.

    `refused` samples (or whole series) could not be taken, for `reasons` (the first few); `duplicates` came twice.
    `starts` says when streams began, to be remembered once the batch is kept.
    """

    batch: tuple[SeriesSamples, ...] = ()
    metadata: Mapping[str, Metadata] = field(default_factory=dict)
    floats: int = 0
    histograms: int = 0
    exemplars: int = 0
    refused: int = 0
    reasons: tuple[str, ...] = ()
    duplicates: int = 0
    starts: Mapping[Labels, tuple[int, int]] = field(default_factory=dict)


class KnownSeries:
    """Labels checked before, by how they came over the wire: the same bytes are the same `Labels` object again."""

    def __init__(self, limits: IntakeLimits | None = None) -> None:
        self.limits = limits or IntakeLimits()
        self._young: dict[object, Labels] = {}
        self._old: dict[object, Labels] = {}
        self._bytes = 0

    def get(self, key: object) -> Labels | None:
        """The labels that came as `key`, if they are known."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self._put(key, found)
        return found

    def learn(self, key: object, pairs: Sequence[tuple[str, str]]) -> Labels:
        """Check labels and remember them. Raises BadLabels."""
        labels = checked(pairs, self.limits)
        self._put(key, labels)
        return labels

    def _put(self, key: object, labels: Labels) -> None:
        self._bytes += sum(len(name) + len(value) for name, value in labels.pairs)
        if len(self._young) >= _KNOWN_MAX or self._bytes > _KNOWN_BYTES_MAX:
            self._old, self._young, self._bytes = self._young, {}, 0
        self._young[key] = labels


def checked(pairs: Sequence[tuple[str, str]], limits: IntakeLimits) -> Labels:
    """The labels of a series. Raises BadLabels saying what is wrong; an empty value is no label."""
    pairs = [pair for pair in pairs if pair[1]]
    if len(pairs) > limits.labels:
        raise BadLabels(f"{len(pairs)} labels are more than the limit of {limits.labels}")
    seen: set[str] = set()
    for name, value in pairs:
        if not _LABEL_NAME.fullmatch(name):
            raise BadLabels(f"{shown(name)} is not the name of a label")
        if len(name) > limits.label_name_bytes or len(value) > limits.label_value_bytes:
            raise BadLabels(f"the label {shown(name)} is longer than the limit")
        if name in seen:
            raise BadLabels(f"the label {name} occurs twice")
        seen.add(name)
    labels = Labels(pairs)
    if not _METRIC_NAME.fullmatch(labels.get("__name__", "")):
        given = "no metric's name" if "__name__" not in labels else f"{shown(labels['__name__'])} is no metric's name"
        raise BadLabels(f"{given}, expected letters, digits, _ and : in __name__")
    return labels


def shown(text: str, most: int = 60) -> str:
    """An excerpt of what someone sent, safe to show."""
    return ascii(text[:most] + ("…" if len(text) > most else "")).replace("\\u2026", "…")


def shown_series(pairs: Iterable[tuple[str, str]]) -> str:
    """A series that someone sent, safe to show, cut short."""
    text = "{" + ", ".join(f"{shown(name)[1:-1]}={shown(value)}" for name, value in list(pairs)[:10]) + "}"
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…}"


class Gathering:
    """Collects the samples of one request, a series at a time, in whatever order they come.

    `now_ms` judges timestamps: those before 1970 or further ahead than the limit are refused, by name.
    """

    def __init__(self, limits: IntakeLimits, now_ms: int) -> None:
        self.limits = limits
        self._last_ms = now_ms + limits.future_ms
        self._parts: dict[Labels, list[tuple[Int64s, Float64s, list[Histogram] | None]]] = {}
        self._count = 0
        self.metadata: dict[str, Metadata] = {}
        self.exemplars = 0
        self.refused = 0
        self.reasons: list[str] = []
        self.starts: dict[Labels, tuple[int, int]] = {}

    def refuse(self, reason: str, count: int = 1) -> None:
        """Leave out `count` samples."""
        self.refused += count
        self.remark(reason)

    def remark(self, reason: str) -> None:
        """Remember why something was left out that is no sample; the first few are told."""
        if len(self.reasons) < _REASONS_MAX:
            self.reasons.append(reason)

    def takes(self, at_ms: int) -> bool:
        """Whether a sample of that time is taken."""
        return 0 <= at_ms <= self._last_ms

    def floats(self, labels: Labels, times: Int64s, values: Float64s) -> None:
        """Take in numbers of one series. Raises BadSamples beyond the limit."""
        self._take(labels, times, values, None)

    def histograms(self, labels: Labels, times: Int64s, found: list[Histogram]) -> None:
        """Take in native histograms of one series. Raises BadSamples beyond the limit."""
        self._take(labels, times, np.full(len(found), np.nan), found)

    def _take(self, labels: Labels, times: Int64s, values: Float64s, found: list[Histogram] | None) -> None:
        self._count += len(times)
        if self._count > self.limits.samples:
            raise BadSamples(f"the request has more than {self.limits.samples} samples", hint="send smaller batches")
        fine = (times >= 0) & (times <= self._last_ms)
        if not fine.all():
            wrong = int(times[~fine][0])
            when = "before 1970" if wrong < 0 else f"more than {self.limits.future_ms // 1000} s ahead of us"
            count = int((~fine).sum())
            self.refuse(f"{shown_series(labels.pairs)}: the timestamp {wrong} is {when}", count)
            times, values = times[fine], values[fine]
            found = [one for one, keep in zip(found, fine.tolist(), strict=True) if keep] if found is not None else None
        if len(times):
            self._parts.setdefault(labels, []).append((times, values, found))

    def many(self, labels: Sequence[Labels], times: Int64s, values: Float64s) -> None:
        """Take in one number of each of many series."""
        self._count += len(labels)
        if self._count > self.limits.samples:
            raise BadSamples(f"the request has more than {self.limits.samples} samples", hint="send smaller batches")
        if len(times) and (times.min() < 0 or times.max() > self._last_ms):
            self._count -= len(labels)
            for place, one in enumerate(labels):
                self._take(one, times[place : place + 1], values[place : place + 1], None)
            return
        parts = self._parts
        for place, one in enumerate(labels):
            part = (times[place : place + 1], values[place : place + 1], None)
            known = parts.get(one)
            if known is None:
                parts[one] = [part]
            else:
                known.append(part)

    def finish(self) -> Received:
        """Everything taken in: each series once, its times increasing; of two samples at one time the first."""
        batch, floats, histograms, duplicates = [], 0, 0, 0
        for labels, parts in self._parts.items():
            if len(parts) == 1 and len(parts[0][0]) == 1 and parts[0][2] is None:
                batch.append(SeriesSamples(labels, parts[0][0], parts[0][1]))
                floats += 1
                continue
            series, twice, conflict = _in_order(labels, parts)
            if conflict:
                self.refuse(f"{shown_series(labels.pairs)}: two values at the same time", conflict)
            batch.append(series)
            duplicates += twice
            native = 0 if series.histograms is None else sum(one is not None for one in series.histograms.tolist())
            histograms += native
            floats += len(series.times) - native
        return Received(
            tuple(batch), self.metadata, floats, histograms, self.exemplars, self.refused, tuple(self.reasons),
            duplicates, self.starts,
        )  # fmt: skip


def _in_order(
    labels: Labels, parts: list[tuple[Int64s, Float64s, list[Histogram] | None]]
) -> tuple[SeriesSamples, int, int]:
    """One series, how many of its samples came twice, and how many contradict an earlier one of the same time."""
    times = np.concatenate([part[0] for part in parts])
    values = np.concatenate([part[1] for part in parts])
    found: Objects | None = None
    if any(part[2] is not None for part in parts):
        found = np.empty(len(times), object)
        at = 0
        for part_times, _, natives in parts:
            if natives is not None:
                found[at : at + len(natives)] = natives
            at += len(part_times)
    if (np.diff(times) > 0).all():
        return SeriesSamples(labels, times, values, found), 0, 0
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    found = None if found is None else found[order]
    first = np.ones(len(times), bool)
    first[1:] = times[1:] != times[:-1]
    leader = np.maximum.accumulate(np.where(first, np.arange(len(times)), 0))
    bits = values.view(np.uint64)
    same = bits == bits[leader]
    if found is not None:
        same &= np.array([alike(a, b) for a, b in zip(found.tolist(), found[leader].tolist(), strict=True)], bool)
    twice, conflict = int((~first & same).sum()), int((~first & ~same).sum())
    kept = None if found is None else found[first]
    return SeriesSamples(labels, times[first], values[first], kept), twice, conflict


def alike(one: Histogram | None, other: Histogram | None) -> bool:
    """Whether two native histograms (or two absences) are the same."""
    if one is None or other is None:
        return one is other

    def numbers(h: Histogram) -> tuple[object, ...]:
        floats = np.array([h.count, h.sum, h.zero_threshold, h.zero_count, *h.bounds]).tobytes()
        sides = [part.tobytes() for side in (h.positive, h.negative) for part in (side.index, side.counts)]
        return (h.schema, h.reset, floats, *sides)

    return one is other or numbers(one) == numbers(other)

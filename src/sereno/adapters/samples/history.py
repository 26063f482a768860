"""Bringing in history: straight into chunks of a day, past the head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sereno.adapters.samples.assembly import Piece
from sereno.adapters.samples.chunk_writer import ChunkWriter
from sereno.adapters.samples.head import Stream
from sereno.adapters.samples.registry import Registry
from sereno.adapters.samples.tiers import DAY_MS
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s

History = Sequence[tuple[Labels, Int64s, Float64s]]


def write_history(
    registry: Registry, writer: ChunkWriter, series: History, name: str
) -> tuple[Int64s, list[tuple[int, Labels]], list[Stream]]:
    """Write `series`, those that share their times together, inside the caller's transaction.

    Returns their numbers, the series that are new, and the streams they are in: to be learnt after the commit.
    """
    numbers, fresh = registry.new_series([labels for labels, _, _ in series])
    streams = []
    for group, members in enumerate(_by_times(series)):
        streams.append(registry.new_stream(f"{name}/{group}"))
        _write(writer, streams[-1].id, [series[i] for i in members], numbers[members])
    return numbers, fresh, streams


def learn_history(
    registry: Registry, series: History, numbers: Int64s, fresh: list[tuple[int, Labels]], streams: list[Stream]
) -> None:
    """What was written is now committed."""
    registry.learn(fresh)
    for stream in streams:
        registry.learn((), None, stream)
    for number, (_, times, _) in zip(numbers.tolist(), series, strict=True):
        if len(times):
            registry.spans.note(np.array([number]), int(times[0]), int(times[-1]))


def _write(writer: ChunkWriter, stream: int, series: History, numbers: Int64s) -> None:
    """Write series that share their times, a block a day."""
    times = series[0][1]
    order = np.argsort(numbers)
    names = [series[i][0].get("__name__", "") for i in order.tolist()]
    days = [0, *(np.flatnonzero(np.diff(times // DAY_MS)) + 1).tolist(), len(times)]
    for a, b in pairwise(days):
        values = np.stack([series[i][2][a:b] for i in order.tolist()])
        writer.write(stream, Piece(numbers[order], times[a:b], values), names)


def _by_times(series: History) -> list[list[int]]:
    """Places of series with the same times, together."""
    groups: dict[object, list[int]] = {}
    seen: dict[int, object] = {}
    for place, (_, times, values) in enumerate(series):
        if len(times) != len(values) or (np.diff(times) <= 0).any():
            raise ValueError("history needs as many values as times, and times that increase")
        if len(times):
            key = seen.setdefault(id(times), (len(times), times.tobytes()))
            groups.setdefault(key, []).append(place)
    return list(groups.values())

"""Pieces of samples, from chunks and from the head, put together as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sereno.adapters.samples.codec import Bools
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Piece:
    """Series that share timestamps: `values[i, j]` is the sample of series `numbers[i]` at `times[j]`.

    Where `present` is False there is no sample; None means no holes. A later piece was written later.
    """

    numbers: Int64s
    times: Int64s
    values: Float64s
    present: Bools | None = None

    def cut(self, wanted: Int64s, start_ms: int, end_ms: int) -> Piece | None:
        """Only the series in `wanted` (sorted) with start <= t <= end; None if nothing is left. May share memory."""
        inside = contains(wanted, self.numbers)
        a, b = np.searchsorted(self.times, (start_ms, end_ms + 1)).tolist()
        if a >= b or not inside.any():
            return None
        rows = slice(None) if inside.all() else np.flatnonzero(inside)
        present = None if self.present is None else self.present[rows, a:b]
        return Piece(self.numbers[rows], self.times[a:b], self.values[rows, a:b], present)


def contains(sorted_numbers: Int64s, asked: Int64s) -> Bools:
    """Which of `asked` are among `sorted_numbers`."""
    if not len(sorted_numbers):
        return np.zeros(len(asked), np.bool_)
    places = np.minimum(np.searchsorted(sorted_numbers, asked), len(sorted_numbers) - 1)
    return np.asarray(sorted_numbers[places] == asked)


def columns_of(pieces: Sequence[Piece], labels: Mapping[int, Labels]) -> Columns:
    """All samples of `pieces` as columns, series by number; at equal timestamps the later piece wins."""
    out_labels: list[Labels] = []
    sizes: list[int] = []
    times: list[Int64s] = []
    values: list[Float64s] = []
    for numbers, parts in _bundles(pieces):
        bundle_times, bundle_values, present = _joined(numbers, parts)
        counts = _emit(bundle_times, bundle_values, present, times, values)
        kept = [(labels[number], count) for number, count in zip(numbers.tolist(), counts, strict=True) if count]
        out_labels.extend(found for found, _ in kept)
        sizes.extend(count for _, count in kept)
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return Columns(
        tuple(out_labels),
        offsets,
        _end_to_end(times, np.int64),
        _end_to_end(values, np.float64),
    )


def _end_to_end(parts: list[npt.NDArray[T]], kind: type[T]) -> npt.NDArray[T]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _bundles(pieces: Sequence[Piece]) -> list[tuple[Int64s, list[Piece]]]:
    """Series that lie in exactly the same pieces are put together at once."""
    where: dict[int, list[int]] = {}
    for place, piece in enumerate(pieces):
        for number in piece.numbers.tolist():
            where.setdefault(number, []).append(place)
    bundles: dict[tuple[int, ...], list[int]] = {}
    for number in sorted(where):
        bundles.setdefault(tuple(where[number]), []).append(number)
    return [(np.array(members, np.int64), [pieces[place] for place in key]) for key, members in bundles.items()]


def _joined(numbers: Int64s, parts: list[Piece]) -> tuple[Int64s, Float64s, Bools | None]:
    """The parts side by side in order of time, rows in the order of `numbers`; always copies."""
    times = np.concatenate([part.times for part in parts])
    rows = [_rows(part, numbers) for part in parts]
    values = np.concatenate([part.values[at] for part, at in zip(parts, rows, strict=True)], axis=1)
    present: Bools | None = None
    if any(part.present is not None for part in parts):
        masks = [
            np.ones((len(numbers), len(part.times)), np.bool_) if part.present is None else part.present[at]
            for part, at in zip(parts, rows, strict=True)
        ]
        present = np.concatenate(masks, axis=1)
    if len(times) > 1 and not (np.diff(times) > 0).all():
        return _merged(times, values, present)
    return times, values, present


def _rows(part: Piece, numbers: Int64s) -> Int64s | slice:
    """Where the series `numbers` are in `part`."""
    if np.array_equal(part.numbers, numbers):
        return slice(None)
    order = np.argsort(part.numbers)
    return np.asarray(order[np.searchsorted(part.numbers, numbers, sorter=order)], dtype=np.int64)


def _merged(times: Int64s, values: Float64s, present: Bools | None) -> tuple[Int64s, Float64s, Bools | None]:
    """Overlapping parts: sorted by time, and of several samples of one series at one time only the last."""
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[:, order]
    present = np.ones(values.shape, np.bool_) if present is None else present[:, order].copy()
    for column in np.flatnonzero(np.diff(times) == 0).tolist():
        # What has no later rival moves one column to the right, so that in the end the last column has it all.
        moves = present[:, column] & ~present[:, column + 1]
        values[moves, column + 1] = values[moves, column]
        present[moves, column + 1] = True
        present[:, column] = False
    return times, values, present


def _emit(
    times: Int64s, values: Float64s, present: Bools | None, to_times: list[Int64s], to_values: list[Float64s]
) -> list[int]:
    """Append the samples of each row; returns how many each row has."""
    rows = values.shape[0]
    if present is None:
        to_times.append(np.tile(times, rows))
        to_values.append(values.reshape(-1))
        return [len(times)] * rows
    to_times.append(np.broadcast_to(times, values.shape)[present])
    to_values.append(values[present])
    counts: list[int] = present.sum(axis=1).tolist()
    return counts


def union(parts: Sequence[Piece], times: Int64s | None = None) -> Piece:
    """Pieces as one, series sorted by number, on `times` (or all times there are); a later piece wins."""
    numbers = np.unique(np.concatenate([part.numbers for part in parts]))
    if times is None:
        times = np.unique(np.concatenate([part.times for part in parts]))
    values = np.zeros((len(numbers), len(times)), np.float64)
    present: Bools = np.zeros(values.shape, np.bool_)
    for part in parts:
        place = np.ix_(np.searchsorted(numbers, part.numbers), np.searchsorted(times, part.times))
        if part.present is None:
            values[place], present[place] = part.values, True
        else:
            values[place] = np.where(part.present, part.values, values[place])
            present[place] |= part.present
    return Piece(numbers, times, values, None if present.all() else present)

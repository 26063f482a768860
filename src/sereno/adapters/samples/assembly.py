"""Pieces of samples, from chunks and from the head, put together as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sereno.adapters.samples.codec import Bools
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s, Objects

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Piece:
    """Series that share timestamps: `values[i, j]` is the sample of series `numbers[i]` at `times[j]`.

    Where `present` is False there is no sample; None means no holes. `histograms`, of the shape of `values`, holds
    native histograms (None where the sample is a float); None as a whole when there are none. A later piece was
    written later.
    """

    numbers: Int64s
    times: Int64s
    values: Float64s
    present: Bools | None = None
    histograms: Objects | None = None

    def cut(self, wanted: Int64s, start_ms: int, end_ms: int) -> Piece | None:
        """Only the series in `wanted` (sorted) with start <= t <= end; None if nothing is left. May share memory."""
        inside = contains(wanted, self.numbers)
        a, b = np.searchsorted(self.times, (start_ms, end_ms + 1)).tolist()
        if a >= b or not inside.any():
            return None
        rows = slice(None) if inside.all() else np.flatnonzero(inside)
        present = None if self.present is None else self.present[rows, a:b]
        histograms = None if self.histograms is None else self.histograms[rows, a:b]
        values = self.values[rows, a:b]
        if values.size < self.values.size // 2:
            values = values.copy()  # so that a slice of each of many chunks does not keep all of them alive
        return Piece(self.numbers[rows], self.times[a:b], values, present, histograms)


def contains(sorted_numbers: Int64s, asked: Int64s) -> Bools:
    """Which of `asked` are among `sorted_numbers`."""
    if not len(sorted_numbers):
        return np.zeros(len(asked), np.bool_)
    places = np.minimum(np.searchsorted(sorted_numbers, asked), len(sorted_numbers) - 1)
    return np.asarray(sorted_numbers[places] == asked)


def columns_of(pieces: Sequence[Piece], labels: Mapping[int, Labels]) -> Columns:
    """All samples of `pieces` as columns, series by number; at equal timestamps the later piece wins."""
    if any(piece.histograms is not None for piece in pieces):
        every = sorted({number for piece in pieces for number in piece.numbers.tolist()})
        return columns_of_each(pieces, labels, [every])[0]
    bundles = _bundles(pieces)
    room = sum(len(numbers) * sum(len(part.times) for part in parts) for numbers, parts in bundles)
    times, values = np.empty(room, np.int64), np.empty(room, np.float64)
    out_labels: list[Labels] = []
    offsets = [0]
    for numbers, parts in bundles:
        begin = offsets[-1]
        counts = _fill(times[begin:], values[begin:], numbers, parts)
        for number, count in zip(numbers.tolist(), counts, strict=True):
            if count:
                out_labels.append(labels[number])
                offsets.append(offsets[-1] + count)
    end = offsets[-1]
    if end < room:
        times, values = times[:end].copy(), values[:end].copy()
    return Columns(tuple(out_labels), np.array(offsets, dtype=np.int64), times, values)


def _fill(times: Int64s, values: Float64s, numbers: Int64s, parts: Sequence[Piece]) -> list[int]:
    """Write the samples of each of `numbers` in turn to the beginning of `times` and `values`; how many each has."""
    own = np.concatenate([part.times for part in parts])
    if any(part.present is not None for part in parts) or not (np.diff(own) > 0).all():
        flat, counts = _flattened(joined(numbers, parts), False)
        times[: len(flat.times)], values[: len(flat.times)] = flat.times, flat.values
        return counts
    shape = len(numbers), len(own)
    rows = [part.values[_rows(part, numbers)] for part in parts]
    np.concatenate(rows, axis=1, out=values[: shape[0] * shape[1]].reshape(shape))
    times[: shape[0] * shape[1]].reshape(shape)[:] = own
    return [len(own)] * len(numbers)


def columns_of_each(
    pieces: Sequence[Piece], labels: Mapping[int, Labels], asked: Sequence[Sequence[int]]
) -> list[Columns]:
    """For each of `asked` (sorted numbers of series) what `columns_of` gives of those series alone."""
    mixed = any(piece.histograms is not None for piece in pieces)
    where: dict[int, tuple[int, _Flat]] = {}
    for bundle, (numbers, parts) in enumerate(_bundles(pieces)):
        flat, counts = _flattened(joined(numbers, parts), mixed)
        end = 0
        for number, count in zip(numbers.tolist(), counts, strict=True):
            begin, end = end, end + count
            where[number] = bundle, flat.part(begin, end)
    found = []
    for numbers_ in asked:
        bundles: dict[int, list[int]] = {}
        for number in numbers_:
            if number in where:
                bundles.setdefault(where[number][0], []).append(number)
        there = [number for members in bundles.values() for number in members if len(where[number][1].times)]
        series = [where[number][1] for number in there]
        found.append(_columns([labels[number] for number in there], [len(one.times) for one in series], series))
    return found


def _columns(labels: Sequence[Labels], sizes: Sequence[int], flat: Sequence[_Flat]) -> Columns:
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    histograms = _end_to_end([part.histograms for part in flat if part.histograms is not None], np.object_)
    return Columns(
        tuple(labels),
        offsets,
        _end_to_end([part.times for part in flat], np.int64),
        _end_to_end([part.values for part in flat], np.float64),
        histograms if any(one is not None for one in histograms) else None,
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


def joined(numbers: Int64s, parts: Sequence[Piece]) -> Piece:
    """The parts, each of which has all of `numbers`, one after the other in order of time; always copies.

    At equal timestamps the later part wins. Rows are in the order of `numbers`.
    """
    times = np.concatenate([part.times for part in parts])
    rows = [_rows(part, numbers) for part in parts]
    values = np.concatenate([part.values[at] for part, at in zip(parts, rows, strict=True)], axis=1)
    present: Bools | None = None
    if any(part.present is not None for part in parts):
        masks = [_mask(part)[at] for part, at in zip(parts, rows, strict=True)]
        present = np.concatenate(masks, axis=1)
    histograms: Objects | None = None
    if any(part.histograms is not None for part in parts):
        objects = [_objects(part)[at] for part, at in zip(parts, rows, strict=True)]
        histograms = np.concatenate(objects, axis=1)
    whole = Piece(numbers, times, values, present, histograms)
    return whole if len(times) < 2 or (np.diff(times) > 0).all() else _merged(whole)


def _mask(part: Piece) -> Bools:
    return np.ones(part.values.shape, np.bool_) if part.present is None else part.present


def _objects(part: Piece) -> Objects:
    return np.full(part.values.shape, None, object) if part.histograms is None else part.histograms


def _rows(part: Piece, numbers: Int64s) -> Int64s | slice:
    """Where the series `numbers` are in `part`."""
    if np.array_equal(part.numbers, numbers):
        return slice(None)
    order = np.argsort(part.numbers)
    return np.asarray(order[np.searchsorted(part.numbers, numbers, sorter=order)], dtype=np.int64)


def _merged(piece: Piece) -> Piece:
    """Overlapping parts: sorted by time, and of several samples of one series at one time only the last."""
    order = np.argsort(piece.times, kind="stable")
    times, values, present = piece.times[order], piece.values[:, order], _mask(piece)[:, order].copy()
    histograms = None if piece.histograms is None else piece.histograms[:, order]
    for column in np.flatnonzero(np.diff(times) == 0).tolist():
        # What has no later rival moves one column to the right, so that in the end the last column has it all.
        moves = present[:, column] & ~present[:, column + 1]
        values[moves, column + 1] = values[moves, column]
        if histograms is not None:
            histograms[moves, column + 1] = histograms[moves, column]
        present[moves, column + 1] = True
        present[:, column] = False
    return Piece(piece.numbers, times, values, present, histograms)


@dataclass(frozen=True, slots=True)
class _Flat:
    """Samples of several series, one after the other."""

    times: Int64s
    values: Float64s
    histograms: Objects | None

    def part(self, begin: int, end: int) -> _Flat:
        """The samples from `begin` to before `end`; shares memory."""
        histograms = None if self.histograms is None else self.histograms[begin:end]
        return _Flat(self.times[begin:end], self.values[begin:end], histograms)


def _flattened(piece: Piece, mixed: bool) -> tuple[_Flat, list[int]]:
    """The samples of each row in turn, and how many each row has."""
    rows = piece.values.shape[0]
    objects = _objects(piece) if mixed else None
    if piece.present is None:
        flat = None if objects is None else objects.reshape(-1)
        return _Flat(np.tile(piece.times, rows), piece.values.reshape(-1), flat), [len(piece.times)] * rows
    present = piece.present
    times = np.broadcast_to(piece.times, piece.values.shape)[present]
    counts: list[int] = present.sum(axis=1).tolist()
    return _Flat(times, piece.values[present], None if objects is None else objects[present]), counts


def union(parts: Sequence[Piece], times: Int64s | None = None) -> Piece:
    """Pieces as one, series sorted by number, on `times` (or all times there are); a later piece wins."""
    numbers = np.unique(np.concatenate([part.numbers for part in parts]))
    if times is None:
        times = np.unique(np.concatenate([part.times for part in parts]))
    values = np.zeros((len(numbers), len(times)), np.float64)
    present: Bools = np.zeros(values.shape, np.bool_)
    mixed = any(part.histograms is not None for part in parts)
    histograms = np.full(values.shape, None, object) if mixed else None
    for part in parts:
        place = np.ix_(np.searchsorted(numbers, part.numbers), np.searchsorted(times, part.times))
        if part.present is None:
            values[place], present[place] = part.values, True
        else:
            values[place] = np.where(part.present, part.values, values[place])
            present[place] |= part.present
        if histograms is not None:
            histograms[place] = np.where(_mask(part), _objects(part), histograms[place])
    return Piece(numbers, times, values, None if present.all() else present, histograms)

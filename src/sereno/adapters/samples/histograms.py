"""Native histograms into bytes and back.

The histograms of a series mostly keep their schema and fill the same buckets: such a run is a matrix (count, sum,
zero count, then one row a bucket) along time, and is stored as the matrix of any counters is. Buckets that hold
nothing are not kept: a histogram with them and one without are the same distribution.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import get_args

import numpy as np

from sereno.adapters.samples.codec import CorruptChunk, decode_matrix, encode_matrix
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.promql.native import Buckets, Histogram, ResetHint

_HINTS: tuple[ResetHint, ...] = get_args(ResetHint)
_RUN = struct.Struct("<iIdIIII")  # schema, histograms, zero threshold, positive, negative, bounds, bytes of the matrix
_INDEX, _REAL = np.dtype("<i8"), np.dtype("<f8")
_FIXED = 3


def encode_histograms(found: Sequence[Histogram]) -> bytes:
    """`found`, in order, as bytes (without a checksum of the whole: the caller's)."""
    return b"".join(_encode_run(list(run)) for _, run in groupby(found, key=_shape))


def decode_histograms(data: bytes) -> list[Histogram]:
    """What `encode_histograms` was given. Raises CorruptChunk if `data` is not that."""
    found: list[Histogram] = []
    at = 0
    try:
        while at < len(data):
            at = _decode_run(data, at, found)
    except (struct.error, ValueError, IndexError, zlib.error) as problem:
        raise CorruptChunk(f"native histograms: {problem}") from problem
    return found


def same_histogram(a: Histogram | None, b: Histogram | None) -> bool:
    """Whether two samples are the same distribution, bit for bit. The hint about a reset does not count."""
    if a is None or b is None:
        return a is b
    return a is b or encode_histograms([_unhinted(a)]) == encode_histograms([_unhinted(b)])


def _unhinted(one: Histogram) -> Histogram:
    return Histogram(
        one.schema, one.count, one.sum, one.zero_threshold, one.zero_count, one.positive, one.negative, one.bounds
    )


def _shape(one: Histogram) -> tuple[int, bytes, bytes]:
    return one.schema, struct.pack("<d", one.zero_threshold), np.array(one.bounds, _REAL).tobytes()


def _encode_run(run: list[Histogram]) -> bytes:
    first = run[0]
    positive, negative = (_indexes([side(one) for one in run]) for side in (_positive, _negative))
    matrix = np.zeros((_FIXED + len(positive) + len(negative), len(run)))
    for column, one in enumerate(run):
        matrix[:_FIXED, column] = one.count, one.sum, one.zero_count
        matrix[_FIXED + np.searchsorted(positive, one.positive.index), column] = one.positive.counts
        places = _FIXED + len(positive) + np.searchsorted(negative, one.negative.index)
        matrix[places, column] = one.negative.counts
    blob = encode_matrix(matrix)
    hints = bytes(_HINTS.index(one.reset) for one in run)
    head = _RUN.pack(
        first.schema, len(run), first.zero_threshold, len(positive), len(negative), len(first.bounds), len(blob)
    )
    sides = positive.astype(_INDEX).tobytes() + negative.astype(_INDEX).tobytes()
    return head + sides + np.array(first.bounds, _REAL).tobytes() + hints + blob


def _positive(one: Histogram) -> Buckets:
    return one.positive


def _negative(one: Histogram) -> Buckets:
    return one.negative


def _indexes(sides: list[Buckets]) -> Int64s:
    """Every bucket that ever holds something."""
    return np.unique(np.concatenate([side.index for side in sides])).astype(np.int64)


def _decode_run(data: bytes, at: int, found: list[Histogram]) -> int:
    schema, count, threshold, positives, negatives, bounds, size = _RUN.unpack_from(data, at)
    end: int
    at += _RUN.size
    index = np.frombuffer(data, _INDEX, positives + negatives, at)
    at += index.nbytes
    limits = tuple(np.frombuffer(data, _REAL, bounds, at).tolist())
    at += 8 * bounds
    hints = data[at : at + count]
    at += count
    matrix, _ = decode_matrix(data[at : at + size], _FIXED + len(index), count)
    ups, downs = matrix[_FIXED : _FIXED + positives].T, matrix[_FIXED + positives :].T
    for column in range(count):
        total, summed, zeros = matrix[:_FIXED, column].tolist()
        found.append(
            Histogram(
                schema, total, summed, threshold, zeros,
                _buckets(index[:positives], ups[column]), _buckets(index[positives:], downs[column]),
                limits, _HINTS[hints[column]],
            )
        )  # fmt: skip
    end = at + size
    return end


def _buckets(index: Int64s, counts: Float64s) -> Buckets:
    filled = counts != 0
    return Buckets(index[filled].astype(np.int64), counts[filled].copy())


def encode_mixed(values: Float64s, histograms: Objects, present: np.ndarray | None) -> bytes:
    """A matrix in which some samples are histograms: their places, the floats, the histograms row by row."""
    flat = histograms.reshape(-1)
    where = np.array([one is not None for one in flat], np.bool_)
    if present is not None:
        where &= present.reshape(-1)
    floats = np.where(where.reshape(values.shape), 0.0, values)
    matrix = encode_matrix(floats, present)
    places = zlib.compress(np.packbits(where).tobytes(), 6)
    body = struct.pack("<II", len(matrix), len(places)) + matrix + places
    body += encode_histograms(flat[where].tolist())
    return body + struct.pack("<I", zlib.crc32(body))


def decode_mixed(blob: bytes, rows: int, columns: int) -> tuple[Float64s, Objects, np.ndarray | None]:
    """What `encode_mixed` was given. Raises CorruptChunk if `blob` is damaged."""
    if len(blob) < 12 or zlib.crc32(blob[:-4]) != struct.unpack("<I", blob[-4:])[0]:
        raise CorruptChunk("checksum does not match")
    first, second = struct.unpack_from("<II", blob)
    matrix, rest = blob[8 : 8 + first], blob[8 + first : -4]
    values, present = decode_matrix(matrix, rows, columns)
    try:
        bits = np.frombuffer(zlib.decompress(rest[:second]), np.uint8)
        places = np.flatnonzero(np.unpackbits(bits, count=rows * columns))
    except (zlib.error, ValueError) as problem:
        raise CorruptChunk(str(problem)) from problem
    histograms = np.full(rows * columns, None, object)
    for place, one in zip(places.tolist(), decode_histograms(rest[second:]), strict=True):
        histograms[place] = one
    return values, histograms.reshape(rows, columns), present


def some(histograms: Iterator[Histogram | None] | Sequence[Histogram | None]) -> bool:
    """Whether any sample is a histogram."""
    return any(one is not None for one in histograms)

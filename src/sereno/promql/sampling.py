"""limitk and limit_ratio: some of the series, always the same ones. Source: promql/engine.go of Prometheus 3."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql.annotations import go_number
from sereno.promql.columns import Float64s
from sereno.promql.values import Vector, grouped

_MASK = 2**64 - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)


def _turned(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(total: int, lane: int) -> int:
    return (_turned((total + lane * _P2) & _MASK, 31) * _P1) & _MASK


def xxh64(data: bytes) -> int:
    """The 64-bit xxHash of `data`, seed 0. Source: https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md."""
    at, size = 0, len(data)
    if size >= 32:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, (-_P1) & _MASK]
        while at <= size - 32:
            for i in range(4):
                lanes[i] = _round(lanes[i], int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little"))
            at += 32
        total = sum(_turned(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            total = ((total ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        total = _P5
    total = (total + size) & _MASK
    while at + 8 <= size:
        total ^= _round(0, int.from_bytes(data[at : at + 8], "little"))
        total = (_turned(total, 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= size:
        total ^= (int.from_bytes(data[at : at + 4], "little") * _P1) & _MASK
        total = (_turned(total, 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in data[at:]:
        total = (_turned(total ^ (byte * _P5 & _MASK), 11) * _P1) & _MASK
    total = ((total ^ (total >> 33)) * _P2) & _MASK
    total = ((total ^ (total >> 29)) * _P3) & _MASK
    return total ^ (total >> 32)


def _written(text: str) -> bytes:
    """A string as Prometheus keeps it in label sets: its length, in one byte or four, and its bytes."""
    data = text.encode("utf-8", "surrogateescape")
    size = bytes((len(data),)) if len(data) < 255 else b"\xff" + len(data).to_bytes(3, "little")
    return size + data


@lru_cache(maxsize=65_536)
def place_of(labels: Labels) -> float:
    """Where `labels` stand between 0 and 1, for a sample of the series by ratio."""
    return xxh64(b"".join(_written(name) + _written(value) for name, value in labels.pairs)) / float(_MASK)


def limitk(vector: Vector, names: tuple[str, ...], k: Float64s, *, without: bool) -> Vector:
    """The first k series of each group, at each instant."""
    if (k < 1).all():
        return vector.take(np.zeros(0, dtype=np.int64))
    if not len(vector):
        return vector
    labels, ids = grouped(vector.labels, names, without=without)
    rank = np.zeros(vector.present.shape, dtype=np.int64)
    for group in range(len(labels)):
        rows = np.flatnonzero(ids == group)
        rank[rows] = np.cumsum(vector.present[rows], axis=0)
    return Vector(vector.labels, vector.values, vector.present & (rank <= np.trunc(k)), vector.histograms)


def limit_ratio(vector: Vector, ratio: Float64s) -> Vector:
    """The series whose place lies below `ratio`, or above 1 + ratio if that is negative."""
    if np.isnan(ratio).any():
        raise QueryError("Ratio value is NaN")
    if not len(vector):
        return vector
    place = np.array([place_of(one) for one in vector.labels])[:, None]
    ratio = np.clip(ratio, -1.0, 1.0)[None, :]
    chosen = np.where(ratio >= 0, place < ratio, place >= 1.0 + ratio) & (ratio != 0)
    return Vector(vector.labels, vector.values, vector.present & chosen, vector.histograms)


def refuse_odd_k(k: Float64s) -> None:
    """Raise QueryError if a k of topk, bottomk or limitk is no number of series; one below 1 throughout is nothing."""
    if (k < 1).all():
        return
    if np.isnan(k).any():
        raise QueryError("Parameter value is NaN")
    for value, which in ((float(k.min()), "underflows"), (float(k.max()), "overflows")):
        if not abs(value) < 2.0**63:
            raise QueryError(f"Scalar value {go_number(value)} {which} int64")

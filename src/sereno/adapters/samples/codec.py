"""Samples into bytes and back, bit for bit.

A matrix has one row a series and one column a timestamp. Most metrics are whole numbers, or decimals with few
digits: those are stored as integer differences along time, as narrow as they fit, low bytes together with low
bytes ("shuffled"), then compressed; the few values that are not so (staleness markers, NaN, infinities) go into a
list of exceptions. Everything else is stored as the XOR with the sample before, as in Facebook's Gorilla paper
(Pelkonen et al., VLDB 2015, section 4.1.2), shuffled and compressed. Every blob ends in its CRC-32.

Matrices are compressed with zstd, which takes as much room as zlib here and a quarter of the time to read; those of
version 1 of the file were deflated and stay readable.
"""

from __future__ import annotations

import struct
import zlib

import cramjam
import numpy as np
import numpy.typing as npt

from sereno.promql import kernels
from sereno.promql.columns import Float64s, Int64s

Bools = npt.NDArray[np.bool_]
Uint64s = npt.NDArray[np.uint64]

_HEAD = struct.Struct("<BBBBII")  # kind, width, decimals, flags, rows of exceptions, reserved
_TIMES = struct.Struct("<BBBBqq")  # kind, width, 0, 0, first, first difference
_DECIMALS, _XOR, _CLOCK = 1, 2, 3
_ZSTD = 0x10
_LEVEL = 1
_HAS_HOLES = 1
_EXACT = float(1 << 53)
_SCALES = (0, 1, 2, 3, 4, 6, 9)
_WIDTHS: tuple[tuple[int, type[np.signedinteger]], ...] = ((1, np.int8), (2, np.int16), (4, np.int32), (8, np.int64))
_SAMPLE = 2048


class CorruptChunk(Exception):
    """A blob's checksum does not fit its content."""


def encode_matrix(values: Float64s, present: Bools | None = None) -> bytes:
    """`values` (series x timestamps) as bytes; where `present` is False there is no sample."""
    if present is not None and present.all():
        present = None
    scale = _scale_of(values, present)
    if scale is not None:
        whole = _as_integers(values, present, scale)
        if whole is not None:
            return _seal(_encode_decimals(values, present, scale, *whole))
    return _seal(_encode_xor(values, present))


def decode_matrix(blob: bytes, rows: int, columns: int) -> tuple[Float64s, Bools | None]:
    """What `encode_matrix` was given (None if there are no holes); values in holes mean nothing.

    Raises CorruptChunk if `blob` is damaged or is not a matrix of that shape.
    """
    body = _unseal(blob)
    kind, width, decimals, flags, exceptions, _ = _HEAD.unpack_from(body)
    data = _unpacked(body[_HEAD.size :]) if kind & _ZSTD else _inflate(body[_HEAD.size :])
    kind &= ~_ZSTD
    steps = rows * max(columns - 1, 0)
    ends = np.cumsum([rows * min(columns, 1) * 8, steps * width, exceptions * 8, exceptions * 8]).tolist()
    holes = (rows * columns + 7) // 8 if flags & _HAS_HOLES else 0
    if kind not in (_DECIMALS, _XOR) or len(data) != ends[3] + holes:
        raise CorruptChunk("a chunk does not have the shape that its row says")
    base, moves = data[: ends[0]], data[ends[0] : ends[1]]
    decode = _decode_decimals if kind == _DECIMALS else _decode_xor
    values = decode(base, moves, rows, columns, width, decimals)
    if exceptions:
        places = np.frombuffer(data[ends[1] : ends[2]], np.int64)
        values.reshape(-1).view(np.uint64)[places] = np.frombuffer(data[ends[2] : ends[3]], np.uint64)
    if not holes:
        return values, None
    bits = np.unpackbits(np.frombuffer(data[ends[3] :], np.uint8), count=rows * columns)
    return values, bits.view(np.bool_).reshape(rows, columns)


def encode_times(times: Int64s) -> bytes:
    """Timestamps (milliseconds, increasing) as bytes: differences of differences."""
    first = int(times[0]) if len(times) else 0
    step = int(times[1] - times[0]) if len(times) > 1 else 0
    moves = np.diff(times, n=2) if len(times) > 2 else np.zeros(0, np.int64)
    width, kind = _narrowest(moves)
    return _seal(_TIMES.pack(_CLOCK, width, 0, 0, first, step) + zlib.compress(_shuffle(moves.astype(kind)), 6))


def decode_times(blob: bytes, count: int) -> Int64s:
    """The `count` timestamps that `encode_times` was given. Raises CorruptChunk if `blob` is damaged."""
    body = _unseal(blob)
    kind, width, _, _, first, step = _TIMES.unpack_from(body)
    data = _inflate(body[_TIMES.size :])
    if kind != _CLOCK or len(data) != max(count - 2, 0) * width:
        raise CorruptChunk("timestamps are not as many as their row says")
    times = np.full(count, first, np.int64)
    if count > 1:
        times[1:] = step
        times[2:] += np.cumsum(_unshuffle(data, count - 2, width), dtype=np.int64)
        np.cumsum(times, out=times)
    return times


def _seal(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def _unseal(blob: bytes) -> bytes:
    if len(blob) < _HEAD.size + 4 or zlib.crc32(blob[:-4]) != struct.unpack("<I", blob[-4:])[0]:
        raise CorruptChunk("checksum does not match")
    return blob[:-4]


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as problem:
        raise CorruptChunk(str(problem)) from problem


def _unpacked(data: bytes) -> bytes:
    try:
        return bytes(cramjam.zstd.decompress(data))
    except cramjam.DecompressionError as problem:
        raise CorruptChunk(str(problem)) from problem


def _packed(parts: list[bytes]) -> bytes:
    """Shuffled bytes are runs or noise: the lowest level finds what there is."""
    return bytes(cramjam.zstd.compress(b"".join(parts), level=_LEVEL))


def _shuffle(numbers: npt.NDArray[np.generic]) -> bytes:
    flat = np.ascontiguousarray(numbers).reshape(-1)
    return flat.view(np.uint8).reshape(-1, flat.dtype.itemsize).T.tobytes()


def _unshuffle(data: bytes, count: int, width: int) -> npt.NDArray[np.signedinteger]:
    kind = dict(_WIDTHS)[width]
    if width == 1:
        return np.frombuffer(data, kind)
    planes = np.frombuffer(data, np.uint8).reshape(width, count)
    return np.ascontiguousarray(planes.T).reshape(-1).view(kind)


def _narrowest(numbers: Int64s) -> tuple[int, type[np.signedinteger]]:
    if not numbers.size:
        return _WIDTHS[0]
    low, high = int(numbers.min()), int(numbers.max())
    return next((w, k) for w, k in _WIDTHS if np.iinfo(k).min <= low and high <= np.iinfo(k).max)


def _scale_of(values: Float64s, present: Bools | None) -> int | None:
    """How many decimals make a sample of the values whole; None if no small number does."""
    flat = values.reshape(-1) if present is None else values[present]
    flat = flat[:: max(1, len(flat) // _SAMPLE)]
    flat = flat[np.isfinite(flat)]
    for scale in _SCALES:
        _, exact = _scaled(flat, scale)
        if exact.sum() >= 0.98 * len(flat):
            return scale
    return None


def _scaled(values: Float64s, scale: int) -> tuple[Int64s, Bools]:
    """`values` x 10^scale as integers, and where dividing them again gives back the very same bits."""
    with np.errstate(all="ignore"):
        scaled = np.rint(values * 10.0**scale) if scale else np.rint(values)
        # NaN compares false, so that only what an integer can hold is cast.
        fits = np.abs(scaled) < _EXACT
        whole = (scaled if fits.all() else np.where(fits, scaled, 0.0)).astype(np.int64)
    again = whole / 10.0**scale if scale else whole.astype(np.float64)
    return whole, fits & (again.view(np.uint64) == values.view(np.uint64))


def _as_integers(values: Float64s, present: Bools | None, scale: int) -> tuple[Int64s, Int64s] | None:
    """Integers without gaps, and the flat positions of samples they do not hold; None if those are many."""
    whole, exact = _scaled(values, scale)
    wrong = ~exact if present is None else ~exact & present
    places = np.flatnonzero(wrong)
    if len(places) > max(8, values.size // 32):
        return None
    good = exact if present is None else exact & present
    return (whole if good.all() else _carried(whole, good)), places


def _carried(numbers: Int64s, good: Bools) -> Int64s:
    """`numbers` with everything not `good` replaced by the good number before it, or the first good one."""
    where = np.maximum.accumulate(np.where(good, np.arange(numbers.shape[1]), 0), axis=1)
    where = np.maximum(where, good.argmax(axis=1)[:, None])
    carried: Int64s = np.take_along_axis(numbers, where, axis=1)
    return carried


def _encode_decimals(values: Float64s, present: Bools | None, scale: int, whole: Int64s, places: Int64s) -> bytes:
    moves = np.diff(whole, axis=1)
    width, kind = _narrowest(moves)
    bits = values.reshape(-1).view(np.uint64)[places]
    parts = [whole[:, :1].tobytes(), _shuffle(moves.astype(kind)), places.astype(np.int64).tobytes(), bits.tobytes()]
    head = _HEAD.pack(_DECIMALS | _ZSTD, width, scale, _flags(present), len(places), 0)
    return head + _packed([*parts, _holes(present)])


def _decode_decimals(base: bytes, moves: bytes, rows: int, columns: int, width: int, scale: int) -> Float64s:
    found = kernels.decimals(base, moves, rows, columns, width, 10.0**scale)
    if found is not None:
        return found
    whole = np.empty((rows, columns), np.int64)
    if columns:
        whole[:, 0] = np.frombuffer(base, np.int64)
        whole[:, 1:] = _unshuffle(moves, rows * (columns - 1), width).reshape(rows, columns - 1)
        np.cumsum(whole, axis=1, out=whole)
    values = whole.astype(np.float64)
    if scale:
        values /= 10.0**scale
    return values


def _encode_xor(values: Float64s, present: Bools | None) -> bytes:
    bits: Uint64s = np.ascontiguousarray(values).view(np.uint64)
    if present is not None:
        bits = _carried(bits.view(np.int64), present).view(np.uint64)
    moves = bits[:, 1:] ^ bits[:, :-1]
    head = _HEAD.pack(_XOR | _ZSTD, 8, 0, _flags(present), 0, 0)
    return head + _packed([bits[:, :1].tobytes(), _shuffle(moves), _holes(present)])


def _decode_xor(base: bytes, moves: bytes, rows: int, columns: int, width: int, scale: int) -> Float64s:
    found = kernels.xored(base, moves, rows, columns)
    if found is not None:
        return found
    bits = np.empty((rows, columns), np.uint64)
    if columns:
        bits[:, 0] = np.frombuffer(base, np.uint64)
        bits[:, 1:] = _unshuffle(moves, rows * (columns - 1), 8).view(np.uint64).reshape(rows, columns - 1)
        np.bitwise_xor.accumulate(bits, axis=1, out=bits)
    return bits.view(np.float64)


def _flags(present: Bools | None) -> int:
    return 0 if present is None else _HAS_HOLES


def _holes(present: Bools | None) -> bytes:
    return b"" if present is None else np.packbits(present.reshape(-1)).tobytes()

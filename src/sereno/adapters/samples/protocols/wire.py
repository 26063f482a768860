"""Protocol Buffers and snappy on the wire, read strictly and within limits.

Formats: protobuf.dev/programming-guides/encoding; google/snappy format_description.txt. Nothing is allocated for what
a message declares before it was found to be there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cramjam
import numpy as np

from sereno.promql.columns import Float64s, Int64s

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")
_U64 = (1 << 64) - 1
_PACKED_MAX = 1 << 20

Field = tuple[int, int, int, int]
"""Number, wire type, and where the value is: begin and end in the buffer; of a VARINT its value and the end."""


class WireError(ValueError):
    """The bytes are not what their format says."""


class TooBig(WireError):
    """More than the limits allow."""


def unsnapped(body: bytes, bytes_max: int) -> bytes:
    """A snappy block unpacked. Raises TooBig, before anything is allocated, WireError if it is none."""
    size, _ = varint(body, 0, min(len(body), 10)) if body else (0, 0)
    if size > bytes_max:
        raise TooBig(f"the request would unpack to {size} bytes: the limit is {bytes_max}")
    # A copy of three bytes yields at most 64: who declares more is lying.
    if not body or size > 64 * len(body):
        raise WireError("the body is not a snappy block")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as problem:
        raise WireError(f"the body is not a snappy block: {problem}") from None


def snapped(body: bytes) -> bytes:
    """`body` as a snappy block."""
    return bytes(cramjam.snappy.compress_raw(body))


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The unsigned number at `at`, and where it ends. Raises WireError."""
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _U64, at
        shift += 7
        if shift > 63:
            raise WireError(f"a number at byte {at} has no end")
    raise WireError("the message is cut off")


def fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """The fields of the message data[at:end], in order. Raises WireError."""
    while at < end:
        key = data[at]
        at += 1
        if key >= 0x80:
            key, at = varint(data, at - 1, end)
        kind = key & 7
        if key < 8 or key > 0xFFFFFFFF:
            raise WireError(f"a field at byte {at} has no number")
        if kind == BYTES:
            size, at = varint(data, at, end)
            begin, at = at, at + size
        elif kind == VARINT:
            begin, at = varint(data, at, end)
        elif kind == FIXED64:
            begin, at = at, at + 8
        elif kind == FIXED32:
            begin, at = at, at + 4
        else:
            raise WireError(f"a field at byte {at} is of an unknown kind {kind}")
        if at > end:
            raise WireError("the message is cut off")
        yield key >> 3, kind, begin, at


def signed(value: int) -> int:
    """An int64 that travelled as an unsigned number."""
    return value - (1 << 64) if value >> 63 else value


def zigzag(value: int) -> int:
    """A sint64 that travelled as an unsigned number."""
    return (value >> 1) ^ -(value & 1)


def text(data: bytes, begin: int, end: int) -> str:
    """A string. Raises WireError if it is not UTF-8."""
    try:
        return data[begin:end].decode()
    except UnicodeDecodeError:
        raise WireError(f"the text at byte {begin} is not UTF-8") from None


def number(data: bytes, begin: int) -> float:
    """A double, with all its bits."""
    return float(_DOUBLE.unpack_from(data, begin)[0])


def expect(field: Field, kind: int, what: str) -> None:
    """Raises WireError if `field` is not of `kind`."""
    if field[1] != kind:
        raise WireError(f"{what} is of the wrong kind")


def varints(data: bytes, field: Field, what: str, most: int = _PACKED_MAX) -> list[int]:
    """The numbers of a repeated field, packed or one by one. Raises WireError, TooBig."""
    _, kind, begin, end = field
    if kind == VARINT:
        return [begin]
    expect(field, BYTES, what)
    found = []
    while begin < end:
        value, begin = varint(data, begin, end)
        found.append(value)
        if len(found) > most:
            raise TooBig(f"{what}: more than {most} numbers")
    return found


def doubles(data: bytes, field: Field, what: str) -> Float64s:
    """The doubles of a repeated field, packed or one by one. Raises WireError."""
    _, kind, begin, end = field
    if kind not in (FIXED64, BYTES) or (end - begin) % 8:
        raise WireError(f"{what} is of the wrong kind")
    return np.frombuffer(data, "<f8", (end - begin) // 8, begin).astype(np.float64)


def as_ints(values: list[int]) -> Int64s:
    """Whole numbers as a column."""
    return np.array(values, np.int64)

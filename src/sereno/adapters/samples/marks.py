"""Checksums at the end of small blobs. Files of version 1 have none: what is as long as it was then is believed."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from sereno.promql.columns import Float64s, Int64s

_NUMBERS = np.dtype("<i8")
_REALS = np.dtype("<f8")
_MARK = struct.Struct("<I")


def crc_of(content: bytes, *places: int) -> int:
    """The checksum of `content` and of the whole numbers that say where it belongs."""
    return zlib.crc32(content, zlib.crc32(struct.pack(f"<{len(places)}q", *places)))


def marked(content: bytes, *places: int) -> bytes:
    """`content` with its checksum."""
    return content + _MARK.pack(crc_of(content, *places))


def unmarked(blob: bytes, *places: int) -> bytes | None:
    """The content, of eight-byte items, of a marked blob; None if it is damaged (no blob at all, even)."""
    if not isinstance(blob, bytes) or not all(isinstance(place, int) for place in places):
        return None
    if len(blob) % 8 == 0:
        return blob
    content = blob[:-4]
    return content if len(blob) % 8 == 4 and blob[-4:] == _MARK.pack(crc_of(content, *places)) else None


def numbers_of(blob: bytes, *places: int) -> Int64s | None:
    """The numbers of series in a marked blob; None if it is damaged."""
    content = unmarked(blob, *places)
    return None if content is None else np.frombuffer(content, _NUMBERS)


def marked_numbers(numbers: Int64s, *places: int) -> bytes:
    """Numbers of series as bytes, with their checksum."""
    return marked(numbers.astype(_NUMBERS).tobytes(), *places)


def values_of(blob: bytes, *places: int) -> Float64s | None:
    """The values in a marked blob; None if it is damaged."""
    content = unmarked(blob, *places)
    return None if content is None else np.frombuffer(content, _REALS)


def marked_values(values: Float64s, *places: int) -> bytes:
    """Values as bytes, with their checksum."""
    return marked(np.ascontiguousarray(values, _REALS).tobytes(), *places)

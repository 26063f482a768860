"""Samples survive the trip into bytes and back, bit for bit; damage is noticed."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sereno.adapters.samples.codec import CorruptChunk, decode_matrix, decode_times, encode_matrix, encode_times
from sereno.promql.columns import STALE, STALE_BITS

ANY_BITS = st.integers(0, 2**64 - 1)
LIKELY = st.one_of(
    st.integers(0, 10_000).map(float),
    st.decimals(-100, 100, places=2).map(float),
    st.sampled_from([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 2.0**53, -(2.0**53) - 2, 5e-324]),
).map(lambda value: int(np.float64(value).view(np.uint64)))


@st.composite
def matrices(draw, elements):
    shape = draw(st.tuples(st.integers(0, 4), st.integers(0, 40)))
    bits = draw(hnp.arrays(np.uint64, shape, elements=elements, fill=st.nothing()))
    holes = draw(st.one_of(st.none(), hnp.arrays(np.bool_, shape)))
    return bits.view(np.float64), holes


def same_bits(a, b):
    return (a.view(np.uint64) == b.view(np.uint64)).all()


@settings(max_examples=150, deadline=None)
@given(st.one_of(matrices(ANY_BITS), matrices(LIKELY), matrices(st.one_of(LIKELY, st.just(STALE_BITS)))))
def test_every_bit_returns(matrix):
    values, present = matrix
    decoded, holes = decode_matrix(encode_matrix(values, present), *values.shape)
    if present is None:
        assert holes is None
        assert same_bits(decoded, values)
    else:
        assert present.all() if holes is None else (holes == present).all()
        assert same_bits(decoded[present], values[present])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 2**40), max_size=50), st.integers(-(2**50), 2**50))
def test_timestamps_return(gaps, first):
    times = np.cumsum(np.array([first, *gaps], np.int64))
    assert (decode_times(encode_times(times), len(times)) == times).all()
    assert len(decode_times(encode_times(times[:0]), 0)) == 0


@pytest.mark.parametrize(
    ("kind", "values", "bytes_max"),
    [
        ("a counter", np.cumsum(np.full((4, 480), 30.0), axis=1), 0.1),
        ("a counter that restarted", np.tile(np.arange(240.0), (4, 2)), 0.2),
        ("a counter whose target died", np.where(np.arange(480) == 200, STALE, np.arange(480.0))[None, :], 0.5),
        ("cents", np.round(50 + 3 * np.sin(np.arange(480)), 2)[None, :], 2.0),
    ],
)
def test_what_is_common_is_small(kind, values, bytes_max):
    blob = encode_matrix(values)
    assert len(blob) <= 64 + bytes_max * values.size, kind
    assert same_bits(decode_matrix(blob, *values.shape)[0], values)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_noticed(data):
    values = np.arange(60.0).reshape(3, 20)
    for blob, read in (
        (encode_matrix(values), lambda b: decode_matrix(b, 3, 20)),
        (encode_times(np.arange(20, dtype=np.int64) * 15_000), lambda b: decode_times(b, 20)),
    ):
        at = data.draw(st.integers(0, len(blob) * 8 - 1))
        damaged = bytearray(blob)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(CorruptChunk):
            read(bytes(damaged))
        with pytest.raises(CorruptChunk):
            read(blob[: data.draw(st.integers(0, len(blob) - 1))])


def test_a_wrong_shape_is_noticed():
    with pytest.raises(CorruptChunk):
        decode_matrix(encode_matrix(np.zeros((2, 5))), 3, 5)
    with pytest.raises(CorruptChunk):
        decode_times(encode_times(np.arange(9, dtype=np.int64)), 8)


def test_what_version_1_deflated_is_still_read():
    values = np.arange(60.0).reshape(3, 20)
    head = struct.pack("<BBBBII", 1, 1, 0, 0, 0, 0)
    moves = np.diff(values.astype(np.int64), axis=1).astype(np.int8)
    body = head + zlib.compress(values[:, 0].astype(np.int64).tobytes() + moves.tobytes())
    decoded, holes = decode_matrix(body + struct.pack("<I", zlib.crc32(body)), 3, 20)
    assert holes is None
    assert same_bits(decoded, values)

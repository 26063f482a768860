"""Which inner loops compute: those in C where they were compiled (`_kernels.c`), else those of NumPy.

Both give the same bits. The environment decides when Python starts: SERENO_KERNELS=python switches the compiled
ones off (the extension itself looks, so that nothing here does).
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import numpy as np

from sereno.promql.columns import Float64s, Int64s


def _found() -> ModuleType | None:
    try:
        return import_module("sereno.promql._kernels")
    except ImportError:
        return None


native: ModuleType | None = _found()
"""The compiled kernels; None where there are none. Look it up here each time: tests switch it."""


def name() -> str:
    """`native` or `python`."""
    return "python" if native is None else "native"


def windows(times: Int64s, offsets: Int64s, starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s] | None:
    """For each row of `times` (between two offsets) and each window [start, end], the index of the first sample
    within and of the first past it. None without compiled kernels."""
    if native is None:
        return None
    shape = (len(offsets) - 1, len(starts))
    low, high = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    native.windows(np.ascontiguousarray(times), offsets, *map(np.ascontiguousarray, (starts, ends)), low, high)
    return low, np.maximum(low, high)


def decimals(base: bytes, moves: bytes, rows: int, columns: int, width: int, divisor: float) -> Float64s | None:
    """A matrix of the sample store from the first number of each row (int64), the shuffled differences along the
    rows (`width` bytes each) and what all are divided by. None without compiled kernels."""
    if native is None or not columns:
        return None
    out = np.empty((rows, columns))
    native.undelta(base, moves, rows, columns, width, divisor, out)
    return out


def xored(base: bytes, moves: bytes, rows: int, columns: int) -> Float64s | None:
    """A matrix of the sample store from the bits of the first float of each row and the shuffled changes along the
    rows. None without compiled kernels."""
    if native is None or not columns:
        return None
    out = np.empty((rows, columns))
    native.unxor(base, moves, rows, columns, out)
    return out

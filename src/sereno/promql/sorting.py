"""Series in the order of their labels, numbers in them as numbers. Source: sort_by_label of Prometheus 3, which takes
its order from github.com/facette/natsort."""

from __future__ import annotations

import re
from functools import cmp_to_key

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.values import Vector

_CHUNKS = re.compile(r"\d+|\D+", re.ASCII)


def natural_less(a: str, b: str) -> bool:
    """Whether `a` comes before `b`, runs of digits compared as numbers."""
    left, right = _CHUNKS.findall(a) or [""], _CHUNKS.findall(b) or [""]
    for index, chunk in enumerate(left):
        if index >= len(right):
            return False
        other = right[index]
        mine, theirs = _number(chunk), _number(other)
        alike = mine == theirs if mine is not None and theirs is not None else chunk == other
        if alike:
            if index == len(left) - 1:
                return True
            if index == len(right) - 1:
                return False
            continue
        return mine < theirs if mine is not None and theirs is not None else chunk < other
    return False


def _number(chunk: str) -> int | None:
    return int(chunk) if chunk.isdigit() and len(chunk) < 19 else None


def sorted_by_labels(vector: Vector, names: tuple[str, ...], *, descending: bool) -> Vector:
    """Rows by the values of the labels `names`, then by all their labels, at a single instant."""
    if vector.values.shape[1] != 1:
        return vector

    def compare(a: Labels, b: Labels) -> int:
        for name in names:
            left, right = a.get(name, ""), b.get(name, "")
            if left != right:
                return -1 if natural_less(left, right) else 1
        return (a.pairs > b.pairs) - (a.pairs < b.pairs)

    key = cmp_to_key(compare)
    rows = sorted(range(len(vector)), key=lambda row: key(vector.labels[row]), reverse=descending)
    return vector.take(np.array(rows, dtype=np.int64))

"""What is worked out of the labels of many series, remembered by which tuple of labels it is.

To look up twenty thousand label sets by their value is to hash them all, each time. Samples come with the same
series again and again; so their labels are made one and the same tuple once, at the door, and whatever follows from
that tuple is found by its identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sereno.kernel.labels import Labels

LabelRows = tuple[Labels, ...]
_More = ParamSpec("_More")
_Found = TypeVar("_Found")
_Rows = Callable[Concatenate[LabelRows, _More], _Found]
_ROWS_MAX = 500_000
"""How many rows of labels are kept alive in one place."""

_tuples: dict[tuple[type | None, LabelRows], LabelRows] = {}
_tuples_rows = [0]


def one_and_the_same(labels: LabelRows) -> LabelRows:
    """The tuple that stands for all that are equal to `labels`."""
    key = type(labels[0]) if labels else None, labels  # labels of several kinds may be equal
    found = _tuples.get(key)
    if found is None:
        if _tuples_rows[0] + len(labels) > _ROWS_MAX:
            _tuples.clear()
            _tuples_rows[0] = 0
        found = _tuples.setdefault(key, labels)
        _tuples_rows[0] += len(labels)
    return found


def by_identity(function: _Rows[_More, _Found]) -> _Rows[_More, _Found]:
    """Remember the results of a pure function by the identity of its first argument, and of further tuples of labels
    among the others, and by the value of the rest."""
    known: dict[Any, tuple[tuple[Any, ...], _Found]] = {}
    rows = [0]

    def look_up(labels: LabelRows, /, *args: _More.args, **more: _More.kwargs) -> _Found:
        found = known.get(_key(labels, args, more))
        if found is not None:
            return found[1]
        labels = one_and_the_same(labels)
        args = tuple(map(_same_rows, args))  # type: ignore[assignment]
        key = _key(labels, args, more)
        found = known.get(key)
        if found is None:
            result = function(labels, *args, **more)
            if rows[0] > _ROWS_MAX or len(known) > _ROWS_MAX // 100:
                known.clear()
                rows[0] = 0
            rows[0] += len(labels)
            found = known[key] = (labels, *args), result  # alive as long as their identity means something
        return found[1]

    return look_up


def _key(labels: LabelRows, args: tuple[Any, ...], more: dict[str, Any]) -> tuple[Any, ...]:
    return (id(labels), *(id(arg) if _is_rows(arg) else arg for arg in args), *more.items())


def _same_rows(value: Any) -> Any:
    return one_and_the_same(value) if _is_rows(value) else value


def _is_rows(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Labels)

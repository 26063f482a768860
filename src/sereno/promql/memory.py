"""What is computed while expressions are evaluated together: equal parts once, and no longer kept than asked for."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sereno.promql.annotations import Annotation, Annotations
from sereno.promql.ast import Expr, Paren
from sereno.promql.columns import Grid
from sereno.promql.tiles import steps_of
from sereno.promql.values import Value, Vector

if TYPE_CHECKING:
    from sereno.promql.run import Run


class Numbering:
    """A number for every part of the expressions, the same for equal parts, and how often each is asked for."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._known: dict[int, tuple[int, object]] = {}  # by identity; the second keeps it alive
        self.asked: Counter[int] = Counter()

    def of(self, expr: Expr) -> int:
        """The number of `expr`."""
        while isinstance(expr, Paren):
            expr = expr.expr
        known = self._known.get(id(expr))
        if known is None:
            fresh = len(self._numbers)
            key = (type(expr), *(self._key(getattr(expr, name)) for name in _fields(type(expr))))
            number = self._numbers.setdefault(key, len(self._numbers))
            if number >= fresh:  # it stands here for the first time: its parts will be asked for once more
                for name in _fields(type(expr)):
                    self._ask(getattr(expr, name))
            known = self._known[id(expr)] = (number, expr)
        return known[0]

    def _key(self, value: object) -> object:
        if dataclasses.is_dataclass(value) and hasattr(value, "position"):
            return ("#", self.of(value))  # type: ignore[arg-type]
        if isinstance(value, tuple):
            return tuple(self._key(one) for one in value)
        # 0.0 and −0.0 are equal and yet not the same; nor is a NaN equal to itself.
        return (value, str(value)) if isinstance(value, float) else value

    def _ask(self, value: object) -> None:
        if isinstance(value, tuple):
            for one in value:
                self._ask(one)
        elif dataclasses.is_dataclass(value) and hasattr(value, "position"):
            self.asked[self.of(value)] += 1  # type: ignore[arg-type]


_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type) -> tuple[str, ...]:
    """The names of the fields that make up what an expression means."""
    found = _FIELDS.get(kind)
    if found is None:
        found = _FIELDS[kind] = tuple(one.name for one in dataclasses.fields(kind) if one.compare)
    return found


@dataclass(slots=True)
class _Known:
    """A value computed on a tile, what was noted about it, by whom and where in its text, and who still wants it."""

    value: Value
    notes: tuple[Annotation, ...]
    owner: int
    position: int
    asked: int


class Ready:
    """Values computed beforehand on the whole grid."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.values: dict[int, Vector] = {}

    def part(self, number: int, grid: Grid) -> Vector | None:
        """The value of that number on a part of the grid; None if it was not computed beforehand."""
        whole = self.values.get(number)
        if whole is None or grid.step_ms != self._grid.step_ms:
            return None
        first, off = divmod(grid.start_ms - self._grid.start_ms, grid.step_ms)
        if off or first < 0 or grid.end_ms > self._grid.end_ms:
            return None
        span = slice(first, first + steps_of(grid))
        return Vector(whole.labels, whole.values[:, span], whole.present[:, span])


class Memory:
    """What is computed on one tile, shared by all expressions."""

    def __init__(self, numbering: Numbering, ready: Ready | None = None) -> None:
        self._numbering = numbering
        self._known: dict[tuple[int, Grid], _Known] = {}
        self._ready = ready

    def value(self, run: Run, expr: Expr, grid: Grid, compute: Callable[[], Value]) -> Value:
        """The value of `expr` on `grid`: that known, or computed now."""
        number = self._numbering.of(expr)
        if self._ready is not None and (part := self._ready.part(number, grid)) is not None:
            return part
        known = self._known.get((number, grid))
        if known is not None:
            if known.owner != run.index:
                for note in known.notes:
                    shifted = note.position + expr.position - known.position
                    run.notes.add(dataclasses.replace(note, position=shifted))
            known.asked -= 1
            if known.asked <= 0:
                del self._known[number, grid]
            return known.value
        outer, run.notes = run.notes, Annotations()
        try:
            value = compute()
        finally:
            found, run.notes = tuple(run.notes), outer
            for note in found:
                outer.add(note)
        asked = self._numbering.asked[number] - 1
        if asked > 0:
            self._known[number, grid] = _Known(value, found, run.index, expr.position, asked)
        return value

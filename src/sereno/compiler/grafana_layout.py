"""Where panels stand: lines from left to right on 24 columns, none upon another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sereno.spec.dashboard_model import COLUMNS, Panel, PanelKind

_SIZES: dict[PanelKind, tuple[int, int]] = {
    "stat": (4, 4),
    "gauge": (4, 6),
    "bar_gauge": (12, 8),
    "timeseries": (12, 8),
    "table": (24, 9),
    "heatmap": (12, 8),
    "state_timeline": (24, 6),
    "text": (12, 5),
    "raw": (12, 8),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of cells; `x` counts from the left, `y` from the top."""

    x: int
    y: int
    width: int
    height: int


def placed(panels: Iterable[Panel], y: int) -> tuple[list[Place], int]:
    """Where each of `panels` stands from line `y` on, and the first free line below them.

    A line takes what fits. What did not say how high it is, is as high as the highest of its line; a line none of whose
    panels said how wide it is, is filled.
    """
    places: list[Place] = []
    for line in _lines(panels):
        widths = _widths(line)
        height = max(panel.height or _SIZES[panel.kind][1] for panel in line)
        x = 0
        for panel, width in zip(line, widths, strict=True):
            places.append(Place(x, y, width, panel.height or height))
            x += width
        y += height
    return places, y


def _lines(panels: Iterable[Panel]) -> list[list[Panel]]:
    lines: list[list[Panel]] = []
    free = 0
    for panel in panels:
        width = _width(panel)
        if width > free:
            lines.append([])
            free = COLUMNS
        lines[-1].append(panel)
        free -= width
    return lines


def _width(panel: Panel) -> int:
    return min(panel.width or _SIZES[panel.kind][0], COLUMNS)


def _widths(line: list[Panel]) -> list[int]:
    widths = [_width(panel) for panel in line]
    if any(panel.width for panel in line):
        return widths
    total = sum(widths)
    edges = [sum(widths[:count]) * COLUMNS // total for count in range(len(line) + 1)]
    return [after - before for before, after in pairwise(edges)]

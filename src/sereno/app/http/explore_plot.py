"""A plot of several series as inline SVG, drawn without a viewBox so that it stretches and its words do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup, escape

from sereno.kernel.language import figure, number
from sereno.kernel.message import Language
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Float64s, Int64s

GRAIN, _TOP, _HEIGHT = 1000, 4.0, 84.0
COLOURS = 8
DRAWABLE_MAX = 1e300
"""Beyond this the arithmetic of drawing overflows."""
_TICKS_X_MAX = 6
_SPACINGS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 345600,
             604800, 1209600, 2592000, 7776000)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: a row of `values` a series, NaN where there is nothing; `times` in milliseconds."""

    times: Int64s
    values: Float64s
    title: str
    description: str


def kind_of_line(row: int) -> str:
    """The classes of the line of that row: eight colours, then the same dashed."""
    return f"c{row % COLOURS} d{row // COLOURS % 3}"


def plot_svg(plot: Plot, zone: str, language: Language) -> Markup:
    """The plot; infinite and unimaginable values are not drawn. Empty if there is no finite value at all."""
    values = np.where(np.abs(plot.values) <= DRAWABLE_MAX, plot.values, np.nan)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Markup("")
    low, high = bounds(float(finite.min()), float(finite.max()))
    start, end = int(plot.times[0]), int(plot.times[-1])

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - value) / (high - low)

    parts = [
        '<svg class="plot" role="img" aria-labelledby="plot-t plot-d" width="100%" height="320">',
        f'<title id="plot-t">{escape(plot.title)}</title><desc id="plot-d">{escape(plot.description)}</desc>',
        *_level_lines(low, high, y),
        *_time_lines(start, end, zone),
        f'<svg y="{_TOP}%" width="100%" height="{_HEIGHT}%" viewBox="0 0 {GRAIN} {GRAIN}" '
        'preserveAspectRatio="none" overflow="visible">',
        *(
            f'<path class="line {kind_of_line(row)}" data-row="{row}" d="{path(plot.times, line, low, high)}" '
            'vector-effect="non-scaling-stroke"/>'
            for row, line in enumerate(values)
        ),
        "</svg>",
        *_level_words(low, high, y, language),
        *_time_words(start, end, zone),
        f'<line class="cursor" x1="0" x2="0" y1="{_TOP}%" y2="{_TOP + _HEIGHT}%" visibility="hidden"/></svg>',
    ]
    return Markup("".join(parts))  # noqa: S704 - numbers, and words that are escaped


def bounds(low: float, high: float) -> tuple[float, float]:
    """The edges of the plot: zero belongs to it unless the values keep far from it."""
    if 0 < low <= high / 2:
        low = 0.0
    if high < 0 and high >= low / 2:
        high = 0.0
    if low == high:
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    room = (high - low) / 50
    return (low if low == 0 else low - room), (high if high == 0 else high + room)


def path(times: Int64s, values: Float64s, low: float, high: float) -> str:
    """The line through `values`, broken where there is nothing; a value alone is a point."""
    span = float(times[-1] - times[0]) or 1.0
    x = (times - times[0]) * (GRAIN / span)
    with np.errstate(all="ignore"):
        y = GRAIN * ((high - values) / (high - low))
    here = np.isfinite(values) & np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], here, [False])).astype(np.int8)))
    drawn = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        points = [f"{a:.1f} {b:.1f}" for a, b in zip(x[first:last].tolist(), y[first:last].tolist(), strict=True)]
        drawn.append("M" + "L".join(points) + ("h0" if len(points) == 1 else ""))
    return "".join(drawn)


def levels(low: float, high: float) -> list[float]:
    """Four or five round values between the edges."""
    span = high - low
    if span < 1e-300:
        return [low, high]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step = next(step * times for times in (1, 2, 2.5, 5, 10) if span / (step * times) <= 5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def moments(start_ms: int, end_ms: int, zone: str) -> list[tuple[int, str]]:
    """At most six round times of the clock of `zone` between the two, each as it is read."""
    seconds = (end_ms - start_ms) / 1000
    spacing = next((one for one in _SPACINGS if seconds / one <= _TICKS_X_MAX), _SPACINGS[-1])
    there = from_ms(start_ms).astimezone(ZoneInfo(zone))
    at = there.replace(hour=0, minute=0, second=0, microsecond=0)
    if spacing < 86400:
        at += timedelta(seconds=(there - at) // timedelta(seconds=spacing) * spacing)
    pattern = "%d/%m" if spacing >= 86400 else "%d/%m %H:%M" if seconds > 86400 else "%H:%M"
    pattern = "%H:%M:%S" if spacing < 60 else pattern
    found: list[tuple[int, str]] = []
    while (ms := _ms(at)) <= end_ms and len(found) < 2 * _TICKS_X_MAX:
        if ms >= start_ms:
            found.append((ms, at.strftime(pattern)))
        at += timedelta(seconds=spacing)
    return found


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def compact(value: float, language: Language) -> str:
    """A number for an axis, short: 1.5 k, 20 M, 0.003."""
    for size, sign in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size and abs(value) < 1e18:
            unit = 1e3 if sign == "k" else size
            text = number(value / unit, language, 2)
            point = "," if language == "es" else "."
            return f"{text.rstrip('0').rstrip(point)} {sign}"
    return figure(repr(0.0 if abs(value) < 1e-300 else value), language)


def _level_lines(low: float, high: float, y: Callable[[float], float]) -> list[str]:
    return [
        f'<line class="grid{" grid-zero" if value == 0 else ""}" x1="0" x2="100%" y1="{y(value):.2f}%" '
        f'y2="{y(value):.2f}%"/>'
        for value in levels(low, high)
    ]


def _level_words(low: float, high: float, y: Callable[[float], float], language: Language) -> list[str]:
    shown = _cleaned(levels(low, high), high - low)
    return [
        f'<text class="tick" x="2" y="{y(value):.2f}%" dy="-4">{escape(compact(text, language))}</text>'
        for value, text in shown
    ]


def _cleaned(values: Sequence[float], span: float) -> list[tuple[float, float]]:
    """Each level with the number to be written: without the dust that multiplying leaves."""
    digits = max(0, 3 - math.floor(math.log10(span))) if span > 0 and math.isfinite(span) else 6
    return [(value, round(value, digits) if digits < 300 else value) for value in values]


def _share(at: int, start: int, end: int) -> float:
    return 100 * (at - start) / ((end - start) or 1)


def _time_lines(start: int, end: int, zone: str) -> list[str]:
    return [
        f'<line class="grid grid-time" x1="{x:.2f}%" x2="{x:.2f}%" y1="{_TOP}%" y2="{_TOP + _HEIGHT}%"/>'
        for x in (_share(at, start, end) for at, _ in moments(start, end, zone))
    ]


def _time_words(start: int, end: int, zone: str) -> list[str]:
    out = []
    for place, (at, text) in enumerate(moments(start, end, zone)):
        x = _share(at, start, end)
        anchor = "start" if x < 4 else "end" if x > 96 else "middle"
        wide = " tick-wide" if place % 2 else ""
        out.append(f'<text class="tick{wide}" x="{x:.2f}%" y="96%" text-anchor="{anchor}">{escape(text)}</text>')
    return out

"""Charts as inline SVG, drawn without a viewBox so that they stretch and their words do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from sereno.kernel.language import percent
from sereno.kernel.message import Language

AT_RISK = 0.2
_TOP, _HEIGHT, _GRAIN = 8.0, 78.0, 1000


@dataclass(frozen=True, slots=True)
class Series:
    """Remaining budget over a window: `times` and `remaining` (1 is whole, negative overspent, None unknown)."""

    times: tuple[datetime, ...]
    remaining: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Legend:
    """The words of a chart; `uid` is unique on the page and safe in an id."""

    uid: str
    title: str
    description: str
    at_risk: str
    exhausted: str
    unknown: str


def burn_svg(series: Series, legend: Legend, zone: str, language: Language) -> Markup:
    """Remaining budget over the window with its thresholds; what is not known is hatched, never drawn.

    Needs at least two instants; with fewer there is nothing to draw and the result is empty.
    """
    if len(series.times) < 2:
        return Markup("")
    known = [value for value in series.remaining if value is not None]
    low, high = min(0.0, *known, 0.0), max(1.0, *known, 1.0)

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - value) / (high - low)

    uid = legend.uid
    parts = [
        f'<svg class="burn" role="img" aria-labelledby="{uid}-t {uid}-d" width="100%" height="240">',
        f'<title id="{uid}-t">{escape(legend.title)}</title><desc id="{uid}-d">{escape(legend.description)}</desc>',
        f'<defs><pattern id="{uid}-h" width="8" height="8" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="hatch" width="3" height="8"/></pattern></defs>',
        *_gaps(series, uid),
        *_grid(low, high, y, legend, language),
        _plot(series, low, high, uid),
        *_last(series, y),
        *_days(series, zone),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704


def _grid(low: float, high: float, y: Callable[[float], float], legend: Legend, language: Language) -> list[str]:
    lines = [(1.0, "whole", ""), (AT_RISK, "risk", legend.at_risk), (0.0, "zero", legend.exhausted)]
    if low < -0.05:
        lines.append((low, "low", ""))
    roomy = (high - low) <= 4  # on a deeply overspent chart the upper labels would sit on one another
    out = []
    for value, kind, words in lines:
        at = f"{y(value):.2f}%"
        out.append(f'<line class="grid grid-{kind}" x1="0" x2="100%" y1="{at}" y2="{at}"/>')
        if roomy or kind in ("zero", "low"):
            label = percent(Decimal(repr(value)), language, 1 if kind == "low" else 0).replace("-", "\u2212") + (
                f" · {words}" if words else ""
            )
            below = kind == "zero" and high - low > 2  # above it the label of the risk is too near
            out.append(f'<text class="tick" x="2" y="{at}" dy="{13 if below else -5}">{escape(label)}</text>')
    return out


def _plot(series: Series, low: float, high: float, uid: str) -> str:
    line, area = _paths(series, low, high)
    zero = _GRAIN * high / (high - low)
    return (
        f'<svg y="{_TOP}%" width="100%" height="{_HEIGHT}%" viewBox="0 0 {_GRAIN} {_GRAIN}" '
        'preserveAspectRatio="none" overflow="visible">'
        f'<clipPath id="{uid}-a"><rect x="0" y="-50" width="{_GRAIN}" height="{zero + 50:.1f}"/></clipPath>'
        f'<clipPath id="{uid}-b"><rect x="0" y="{zero:.1f}" width="{_GRAIN}" height="{_GRAIN}"/></clipPath>'
        f'<path class="area" clip-path="url(#{uid}-a)" d="{area}"/>'
        f'<path class="area area-over" clip-path="url(#{uid}-b)" d="{area}"/>'
        f'<path class="line" d="{line}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _paths(series: Series, low: float, high: float) -> tuple[str, str]:
    start, whole = series.times[0], (series.times[-1] - series.times[0]).total_seconds() or 1.0
    zero = _GRAIN * high / (high - low)
    line: list[str] = []
    area: list[str] = []
    for run in _runs(series):
        points = [
            (_GRAIN * (at - start).total_seconds() / whole, _GRAIN * (high - value) / (high - low)) for at, value in run
        ]
        drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        line.append("M" + drawn)
        area.append(f"M{points[0][0]:.1f} {zero:.1f}L{drawn}L{points[-1][0]:.1f} {zero:.1f}Z")
    return "".join(line), "".join(area)


def _runs(series: Series) -> list[list[tuple[datetime, float]]]:
    runs: list[list[tuple[datetime, float]]] = [[]]
    for at, value in zip(series.times, series.remaining, strict=True):
        if value is not None:
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _gaps(series: Series, uid: str) -> list[str]:
    start, whole = series.times[0], (series.times[-1] - series.times[0]).total_seconds() or 1.0
    width = 100 / (len(series.times) - 1)
    out = []
    begun: float | None = None
    for at, value in [*zip(series.times, series.remaining, strict=True), (series.times[-1], 0.0)]:
        x = 100 * (at - start).total_seconds() / whole
        if value is None and begun is None:
            begun = max(0.0, x - width)
        elif value is not None and begun is not None:
            end = min(100.0, max(x, begun + width))
            out.append(
                f'<rect class="gap" x="{begun:.2f}%" width="{end - begun:.2f}%" y="{_TOP}%" height="{_HEIGHT}%" '
                f'fill="url(#{uid}-h)"/>'
            )
            begun = None
    return out


def _last(series: Series, y: Callable[[float], float]) -> list[str]:
    value = series.remaining[-1]
    if value is None:
        return []
    kind = "over" if value <= 0 else "risk" if value < AT_RISK else "fine"
    return [f'<circle class="last last-{kind}" cx="100%" cy="{y(value):.2f}%" r="5"/>']


def _days(series: Series, zone: str) -> list[str]:
    start, end = series.times[0], series.times[-1]
    pattern = "%d/%m" if end - start >= timedelta(days=3) else "%H:%M"
    out = []
    for step in range(5):
        at = (start + (end - start) * step / 4).astimezone(ZoneInfo(zone)).strftime(pattern)
        anchor = ("start", "middle", "middle", "middle", "end")[step]
        wide = " tick-wide" if step in (1, 3) else ""
        out.append(f'<text class="tick{wide}" x="{25 * step}%" y="97%" text-anchor="{anchor}">{at}</text>')
    return out


def sparkline(series: Series) -> Markup:
    """The same line, small and without words; the number beside it says what matters, so readers skip it."""
    known = [value for value in series.remaining if value is not None]
    if len(known) < 2:
        return Markup("")
    line, area = _paths(series, min(0.0, *known), max(1.0, *known))
    kind = "over" if known[-1] <= 0 else "risk" if known[-1] < AT_RISK else "fine"
    return Markup(  # noqa: S704
        f'<svg class="spark spark-{kind}" viewBox="0 -30 {_GRAIN} {_GRAIN + 60}" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false"><path class="area" d="{area}"/>'
        f'<path class="line" d="{line}" vector-effect="non-scaling-stroke"/></svg>'
    )


def meter(remaining: Decimal | None, state: str) -> Markup:
    """A bar as full as the budget; overspent, it is full of the other colour; unknown, hatched."""
    if remaining is None:
        return Markup('<svg class="meter meter-unknown" aria-hidden="true"><rect class="meter-all"/></svg>')
    share = 100.0 if remaining <= 0 else min(100.0, float(remaining) * 100)
    return Markup(  # noqa: S704
        f'<svg class="meter meter-{escape(state)}" aria-hidden="true"><rect class="meter-all"/>'
        f'<rect class="meter-part" width="{share:.2f}%"/></svg>'
    )

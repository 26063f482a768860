"""The plots of the report: plain SVG, each with a title and words for those who do not see it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape as escaped
from zoneinfo import ZoneInfo

from sereno.insight.model import Explored, Outcome, TierLine, Tried, Unknown
from sereno.insight.style import LINES
from sereno.insight.telling import Voice
from sereno.kernel.duration import format_duration
from sereno.kernel.inert import inert
from sereno.kernel.moment import from_ms

_WIDTH, _LEFT, _RIGHT = 960, 190, 16
_LANE = 22
_BURN = 150
_LOW, _HIGH = -2.0, 2.0


def escape(text: str) -> str:
    """`text` as it may stand in HTML, without what terminals and readers' eyes would obey."""
    return escaped(inert(text))


@dataclass(frozen=True, slots=True)
class Scale:
    """Time across a plot."""

    start_ms: int
    end_ms: int

    def x(self, at_ms: int) -> float:
        """Where `at_ms` is."""
        share = (at_ms - self.start_ms) / max(self.end_ms - self.start_ms, 1)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(share, 0.0), 1.0)


def figure(uid: str, title: str, words: str, width: int, height: float, body: Iterable[str]) -> str:
    """An SVG with its title and description, in a frame that scrolls where the screen is too narrow for it."""
    told = f'<title id="{uid}-t">{escape(title)}</title><desc id="{uid}-d">{escape(words)}</desc>'
    return (
        f'<div class="plot" role="group" tabindex="0" aria-label="{escape(title)}">'
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-labelledby="{uid}-t {uid}-d">'
        f"{told}{''.join(body)}</svg></div>"
    )


def timeline(uid: str, case: Outcome, start_ms: int, end_ms: int, voice: Voice) -> str:
    """Incidents, pages and alerts as lanes; under them how near each tier that pages came to firing."""
    scale = Scale(start_ms, end_ms)
    lanes = [(voice("incidents"), "incident", [(i.start_ms, i.end_ms, i.name) for i in case.incidents])]
    lanes.append((voice("pages"), "page", [(p.opened_ms, p.closed_ms or end_ms, p.summary) for p in case.pages]))
    for alert in dict.fromkeys(one.alert for one in sorted(case.fired, key=lambda f: f.alert)):
        mine = [(one.fired_ms, one.resolved_ms or end_ms, alert) for one in case.fired if one.alert == alert]
        lanes.append((alert, "alert", mine))
    lines = [line for promise in case.promises for line in promise.lines if line.kind == "page"]
    top = 8 + len(lanes) * _LANE
    bottom = top + (_BURN + 14 if lines else 0)
    body = [*_days(scale, bottom, voice), *_unknown(case.unknown, scale, bottom)]
    for row, (name, kind, spans) in enumerate(lanes):
        body += _lane(row, name, kind, spans, scale)
    if lines:
        body += _burn(lines, scale, top + 10, voice)
    return figure(uid, voice("plot.title", service=case.name), voice("plot.desc"), _WIDTH, bottom + 26, body)


def _lane(row: int, name: str, kind: str, spans: Sequence[tuple[int, int, str]], scale: Scale) -> list[str]:
    y = 8 + row * _LANE
    parts = [
        f'<text class="lane" x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(_short(name, 27))}</text>',
        f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y + 10}" y2="{y + 10}"/>',
    ]
    for begin, end, words in spans:
        x = scale.x(begin)
        width = max(scale.x(end) - x, 2.5)
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="14" rx="1.5">'
            f"<title>{escape(words)}</title></rect>"
        )
    return parts


def _burn(lines: Sequence[TierLine], scale: Scale, top: float, voice: Voice) -> list[str]:
    def y(value: float) -> float:
        level = math.log10(max(value, 10**_LOW))
        return top + _BURN * (_HIGH - min(level, _HIGH)) / (_HIGH - _LOW)

    fires, word = y(1.0), escape(voice("fires"))
    parts = [
        f'<text class="lane" x="{_LEFT - 10}" y="{fires + 4:.1f}" text-anchor="end">{word} · 1×</text>',
        f'<text class="tick" x="{_LEFT - 10}" y="{y(0.1) + 4:.1f}" text-anchor="end">{_tenth(voice)}×</text>',
        f'<text class="tick" x="{_LEFT - 10}" y="{y(10) + 4:.1f}" text-anchor="end">10×</text>',
        f'<line class="threshold" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{fires:.1f}" y2="{fires:.1f}"/>',
    ]
    for number, line in enumerate(lines):
        path: list[str] = []
        pen = False
        for at, value in zip(line.times_ms, line.burn, strict=True):
            if value is None:
                pen = False
                continue
            path.append(f"{'L' if pen else 'M'}{scale.x(at):.1f} {y(value):.1f}")
            pen = True
        if path:
            words = f"{line.alert} {format_duration(line.long)}"
            parts.append(
                f'<path class="burn burn-{number % LINES}" d="{"".join(path)}"><title>{escape(words)}</title></path>'
            )
    return parts


def _tenth(voice: Voice) -> str:
    return "0,1" if voice.language == "es" else "0.1"


def _days(scale: Scale, bottom: float, voice: Voice) -> list[str]:
    """A line and a date at some midnights, seven of them or so."""
    from sereno.insight.history import midnights

    found = midnights(scale.start_ms, scale.end_ms, voice.zone)
    every = max(1, -(-len(found) // 8))
    pattern = "%d/%m" if voice.language == "es" else "%b %d"
    parts = []
    for at in found[::every]:
        x = scale.x(at)
        date = from_ms(at).astimezone(ZoneInfo(voice.zone)).strftime(pattern)
        parts.append(f'<line class="day" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{bottom}"/>')
        anchor = "middle" if x < _WIDTH - 24 else "end"
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{date}</text>')
    return parts


def _unknown(gaps: Iterable[Unknown], scale: Scale, bottom: float) -> list[str]:
    united: list[tuple[float, float]] = []
    for gap in sorted(gaps, key=lambda one: one.start_ms):
        begin, end = scale.x(gap.start_ms), scale.x(gap.end_ms)
        if united and begin <= united[-1][1] + 0.5:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((begin, end))
    return [
        f'<rect class="unknown" x="{begin:.1f}" y="4" width="{max(end - begin, 1):.1f}" height="{bottom - 4:.1f}"/>'
        for begin, end in united[:500]
    ]


def heat(uid: str, table: Sequence[Sequence[int]], voice: Voice) -> str:
    """Calls by hour and weekday; the darker the more, the number in it."""
    cell, left, top = 34, 56, 24
    most = max((count for row in table for count in row), default=0) or 1
    body = [
        f'<text class="tick" x="{left + hour * cell + cell / 2}" y="14" text-anchor="middle">{hour:02d}</text>'
        for hour in range(0, 24, 2)
    ]
    for day, row in enumerate(table):
        y = top + day * cell
        body.append(f'<text class="lane" x="{left - 10}" y="{y + 22}" text-anchor="end">{voice(f"day.{day}")}</text>')
        for hour, count in enumerate(row):
            night = " night" if hour >= 22 or hour < 6 else ""
            words = voice("heat.cell", day=voice(f"day.{day}"), hour=f"{hour:02d}", calls=count)
            body.append(
                f'<rect class="cell{night}" x="{left + hour * cell + 1}" y="{y + 1}" width="{cell - 2}" '
                f'height="{cell - 2}" rx="3"/>'
            )
            if count:
                strength = 0.25 + 0.75 * count / most
                x = left + hour * cell
                body.append(
                    f'<rect class="hot" x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                    f'fill-opacity="{strength:.2f}"><title>{escape(words)}</title></rect>'
                    f'<text class="{"count strong" if strength > 0.6 else "count"}" x="{x + cell / 2}" y="{y + 22}" '
                    f'text-anchor="middle">{count}</text>'
                )
    words = "; ".join(
        voice("heat.cell", day=voice(f"day.{day}"), hour=f"{hour:02d}", calls=count)
        for day, row in enumerate(table)
        for hour, count in enumerate(row)
        if count
    )
    return figure(uid, voice("heat"), words, left + 24 * cell + 8, top + 7 * cell + 8, body)


def scatter(uid: str, explored: Explored, voice: Voice) -> str:
    """Every variant by how fast it detects and how often it pages; the best ones joined and numbered."""
    width, height, left, bottom = 960, 340, 70, 44
    shown = [one for one in explored.tried if one.score.detection is not None]
    if not shown:
        return ""
    slowest = max(_seconds(one) for one in shown)
    fastest = max(min(_seconds(one) for one in shown), 10.0)
    low, high = math.log10(fastest) - 0.1, math.log10(max(slowest, fastest * 2)) + 0.1
    most = max(float(one.score.per_week) for one in shown) * 1.15 or 1.0

    def place(one: Tried) -> tuple[float, float]:
        across = (math.log10(max(_seconds(one), fastest)) - low) / (high - low)
        up = float(one.score.per_week) / most
        return left + across * (width - left - 20), (height - bottom) - up * (height - bottom - 16)

    body = _axes(width, height, left, bottom, low, high, most, voice)
    for one in sorted(shown, key=lambda t: (t.best, t.variant.declared)):
        x, y = place(one)
        kind = "declared" if one.variant.declared else "best" if one.best else "other"
        missed = " missing" if one.score.recall is not None and one.score.recall < 1 else ""
        words = (
            f"{one.number}: {one.variant.objective.text} · {voice.span(one.score.detection)} · "
            f"{voice.number(one.score.per_week)} · {voice('col.precision')} {voice.share(one.score.precision)} · "
            f"{voice('col.recall')} {voice.share(one.score.recall)}"
        )
        size = 7 if kind != "other" else 4
        body.append(
            f'<circle class="variant {kind}{missed}" cx="{x:.1f}" cy="{y:.1f}" r="{size}">'
            f"<title>{escape(words)}</title></circle>"
        )
    return figure(
        uid, f"{voice('whatif')} {explored.service}/{explored.slo}", voice("whatif.axes"), width, height, body
    )


def _axes(
    width: int, height: int, left: int, bottom: int, low: float, high: float, most: float, voice: Voice
) -> list[str]:
    floor = height - bottom
    parts = [f'<line class="base" x1="{left}" x2="{width - 20}" y1="{floor}" y2="{floor}"/>']
    for seconds in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 259200):
        across = (math.log10(seconds) - low) / (high - low)
        if 0 <= across <= 1:
            x = left + across * (width - left - 20)
            label = escape(voice.span(timedelta(seconds=seconds)))
            parts.append(f'<line class="day" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{floor}"/>')
            parts.append(f'<text class="tick" x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{label}</text>')
    for share in (0.0, 0.5, 1.0):
        y = floor - share / 1.15 * (floor - 16)
        value = f"{most * share / 1.15:.1f}".replace(".", "," if voice.language == "es" else ".")
        parts.append(f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
        parts.append(f'<line class="day" x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}"/>')
    right, up = escape(voice("col.detection")), escape(voice("per_week"))
    parts.append(f'<text class="lane" x="{width - 20}" y="{height - 8}" text-anchor="end">{right} →</text>')
    parts.append(f'<text class="lane" x="{left}" y="{height - 8}" text-anchor="start">↑ {up}</text>')
    return parts


def _seconds(one: Tried) -> float:
    return one.score.detection.total_seconds() if one.score.detection is not None else 0.0


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

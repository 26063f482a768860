"""Explore: a page to ask the samples and see them over time. It works without scripts; with them it completes words
and tells the values under the pointer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from sereno.app.http.auth import Principal, require
from sereno.app.http.explore_links import explore_url, slo_expression
from sereno.app.http.explore_plot import Plot, kind_of_line, plot_svg
from sereno.app.http.pages import Speech, render, speech_of
from sereno.app.http.prometheus import disconnected, engine_of
from sereno.app.http.prometheus_params import POINTS_MAX, ApiError
from sereno.app.http.prometheus_run import Engine, Found, Question, step_for, tree_of
from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.kernel.language import figure
from sereno.kernel.moment import from_ms, to_ms
from sereno.promql import Columns, Grid, Result
from sereno.promql.errors import point_at
from sereno.promql.signatures import AGGREGATIONS, FUNCTIONS

if TYPE_CHECKING:
    from sereno.app.control import Control

PERIODS = ("5m", "15m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "14d", "30d")
PERIOD_MAX = timedelta(days=400)
POINTS = 240
DRAWN_MAX = 20
EXPR_CHARS_MAX = 20_000
"""An address must hold it, and an address holds 64 kB."""
LISTED_MAX = 300
SAMPLES_SHOWN = 12
Viewer = Annotated[Principal, Depends(require("viewer"))]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says, and what of it is not understood (by the name of the field)."""

    expr: str
    mode: str
    since: str
    until: str
    step: str
    grid: Grid
    wrong: tuple[str, ...] = ()

    @property
    def instant(self) -> bool:
        """Whether one instant is asked for."""
        return self.mode == "instant"


@dataclass(frozen=True, slots=True)
class Row:
    """One series in the table: what sets it apart, and its figures as they are written."""

    labels: Mapping[str, str]
    figures: tuple[str, ...]
    line: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page tells of an answer, or why there is none (`mistake` has a caret under the place)."""

    mistake: str = ""
    failure: str = ""
    text: str | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    common: Mapping[str, str] = field(default_factory=dict)
    total: int = 0
    svg: str = ""
    points: str = ""
    notes: tuple[str, ...] = ()


def router(control: Control) -> APIRouter:
    """The page."""
    routes = APIRouter(include_in_schema=False)
    engine = engine_of(control)

    @routes.get("/explore")
    async def explore(request: Request, me: Viewer) -> Response:
        speech = speech_of(request)
        asked = read(request.query_params, speech)
        shown = None
        if asked.expr.strip() and not asked.wrong:
            shown = await answered(request, engine, asked, speech)
        return render(
            request, "explore.html", asked=asked, shown=shown, periods=PERIODS, words=completions(),
            json_url=url(asked), zone_name=speech.now.astimezone(ZoneInfo(speech.zone)).strftime("%Z"),
            starts=starts(control, speech), step_shown=_step(asked.grid), until_shown=from_ms(asked.grid.end_ms),
            query_chars=EXPR_CHARS_MAX, explore_url=explore_url,
        )  # fmt: skip

    return routes


def read(parameters: Mapping[str, str], speech: Speech) -> Asked:
    """The form as it was sent; what is not understood is named and replaced by what is usual."""
    wrong = []
    mode = "instant" if parameters.get("mode") == "instant" else "range"
    since, step, until = (parameters.get(name, "").strip()[:40] for name in ("since", "step", "until"))
    period = _duration(since or "1h")
    if period is None or not timedelta(0) < period <= PERIOD_MAX:
        wrong.append("since")
        period = timedelta(hours=1)
    end = _moment(until, speech) if until else speech.now
    if end is None:
        wrong.append("until")
        end, until = speech.now, ""  # no browser takes a date that is none
    end_ms = to_ms(end)
    start_ms = end_ms - period // timedelta(milliseconds=1)
    step_ms = step_for(start_ms, end_ms, POINTS)
    if step:
        given = _duration(f"{step}s" if step.isdecimal() else step)
        step_given = given // timedelta(milliseconds=1) if given is not None else 0
        if step_given <= 0 or (end_ms - start_ms) // step_given > POINTS_MAX:
            wrong.append("step")
        else:
            step_ms = step_given
    if mode == "instant":
        grid = Grid.at(end_ms)
    else:  # instants that stay the same from one look to the next
        aligned = end_ms // step_ms * step_ms if step_ms <= end_ms - start_ms else end_ms
        grid = Grid(aligned - (end_ms - start_ms) // step_ms * step_ms, aligned, step_ms)
    expr = parameters.get("expr", "")[: EXPR_CHARS_MAX + 1]
    return Asked(expr, mode, since or "1h", until, step, grid, tuple(wrong))


def _duration(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except (ValueError, OverflowError):
        return None


def _moment(text: str, speech: Speech) -> datetime | None:
    """What an input of date and time says, on the wall clock of the reader's zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    there = found.replace(tzinfo=ZoneInfo(speech.zone)) if found.tzinfo is None else found
    return there if 1970 < there.year < 9000 else None


async def answered(request: Request, engine: Engine, asked: Asked, speech: Speech) -> Shown:
    """The answer as the page shows it."""
    mistake = await engine.small(lambda: mistake_in(asked.expr, engine))
    if mistake:
        return Shown(mistake=mistake)
    question = Question(asked.expr, asked.grid, asked.instant, float("inf"))
    try:
        return await engine.ask(question, lambda found: shown(found, asked, speech), lambda: disconnected(request))
    except ApiError as error:
        if error.type == "canceled":
            raise
        return Shown(failure=error.message)


def mistake_in(expr: str, engine: Engine) -> str:
    """What is wrong with the text of the expression, with a caret under the place; empty if nothing is."""
    if len(expr) > EXPR_CHARS_MAX:
        return f"{len(expr):,} > {EXPR_CHARS_MAX:,}"
    try:
        tree_of(expr, engine.settings())
    except QueryError as error:
        return point_at(expr, error) + (f"\n{error.hint}" if error.hint else "")
    return ""


def shown(found: Found, asked: Asked, speech: Speech) -> Shown:
    """An answer as tables and a plot."""
    result = found.result
    if result is None:
        assert found.samples is not None
        return replace(_samples(found.samples, speech), notes=found.notes)
    notes = (*result.warnings, *result.infos, *found.notes)
    if result.kind == "string":
        return Shown(text=result.text, notes=notes)
    if asked.instant:
        return _vector(result, speech, notes)
    return _matrix(result, asked, speech, notes)


def common_of(labels: Sequence[Labels]) -> Labels:
    """What all of several series carry alike."""
    if len(labels) < 2:
        return Labels()
    alike = set(labels[0].pairs)
    for one in labels[1:]:
        alike &= set(one.pairs)
    return Labels(sorted(alike))


def _apart(labels: Labels, common: Labels) -> dict[str, str]:
    return dict(labels.without(*common).pairs)


def _vector(result: Result, speech: Speech, notes: tuple[str, ...]) -> Shown:
    places = np.flatnonzero(result.present[:, 0]).tolist()
    common = common_of([result.labels[place] for place in places])
    rows = []
    for place in places[:LISTED_MAX]:
        held = None if result.histograms is None else result.histograms[place, 0]
        value = float(result.values[place, 0])
        text = figure(repr(value), speech.language) if held is None else _told(held, speech)
        rows.append(Row(_apart(result.labels[place], common), (text,)))
    return Shown(
        columns=(speech.t("explore.value"),), rows=tuple(rows), common=common, total=len(places), notes=notes
    )  # fmt: skip


def _told(histogram: Any, speech: Speech) -> str:
    """A native histogram in a few figures."""
    count, total = (figure(repr(float(value)), speech.language) for value in (histogram.count, histogram.sum))
    return f"n = {count}, Σ = {total}"


def _samples(columns: Columns, speech: Speech) -> Shown:
    common = common_of(columns.labels)
    rows = []
    for place in range(min(len(columns), LISTED_MAX)):
        times, values = columns.series(place)
        zone = ZoneInfo(speech.zone)
        shown_values = [
            f"{from_ms(int(at)).astimezone(zone):%H:%M:%S}  {figure(repr(float(value)), speech.language)}"
            for at, value in zip(times[-SAMPLES_SHOWN:], values[-SAMPLES_SHOWN:], strict=True)
        ]
        more = ["…"] if len(times) > SAMPLES_SHOWN else []
        rows.append(
            Row(_apart(columns.labels[place], common), (speech.number(len(times)), "\n".join(more + shown_values)))
        )
    names = (speech.t("explore.samples"), speech.t("explore.value"))
    return Shown(columns=names, rows=tuple(rows), common=common, total=len(columns))


def _matrix(result: Result, asked: Asked, speech: Speech, notes: tuple[str, ...]) -> Shown:
    values = np.where(result.present, result.values, np.nan)
    if result.histograms is not None:  # of distributions the average is drawn
        values = np.where(result.histograms != None, _averages(result.histograms), values)  # noqa: E711
    order = sorted(np.flatnonzero(result.present.any(axis=1)).tolist(), key=lambda row: result.labels[row].pairs)
    total = len(order)
    if total > DRAWN_MAX:
        peak = np.where(np.isfinite(values), values, -np.inf).max(axis=1)
        order = sorted(sorted(order, key=lambda row: -peak[row])[:DRAWN_MAX], key=order.index)
    common = common_of([result.labels[row] for row in order])
    times, drawn = asked.grid.instants_ms, values[order]
    rows = tuple(
        Row(_apart(result.labels[row], common), _figures(values[row], speech), kind_of_line(place))
        for place, row in enumerate(order)
    )
    names = tuple(speech.t(f"explore.{name}") for name in ("last", "min", "max"))
    svg = plot_svg(Plot(times, drawn, *_described(asked, drawn, total, speech)), speech.zone, speech.language)
    return Shown(
        columns=names, rows=rows, common=common, total=total, svg=svg, notes=notes, points=_points(times, drawn)
    )  # fmt: skip


def _averages(histograms: Any) -> Any:
    def average(one: Any) -> float:
        return one.sum / one.count if one is not None and one.count else float("nan")

    return np.vectorize(average, otypes=[np.float64])(histograms)


def _figures(values: Any, speech: Speech) -> tuple[str, ...]:
    known = values[~np.isnan(values)]
    if not len(known):
        return ("NaN", "NaN", "NaN")
    return tuple(figure(repr(float(one)), speech.language) for one in (known[-1], known.min(), known.max()))


def _described(asked: Asked, drawn: Any, total: int, speech: Speech) -> tuple[str, str]:
    finite = drawn[np.isfinite(drawn)]
    low, high = (
        (figure(repr(float(edge)), speech.language) for edge in (finite.min(), finite.max()))
        if len(finite)
        else ("NaN", "NaN")
    )
    title = speech.t("explore.plot", expr=asked.expr.strip()[:200])
    return title, speech.t(
        "explore.plot.described", start=speech.when(from_ms(asked.grid.start_ms)),
        end=speech.when(from_ms(asked.grid.end_ms)), series=speech.count("series", total), low=low, high=high,
    )  # fmt: skip


def _points(times: Any, drawn: Any) -> str:
    """What the script needs to tell the values under the pointer."""
    rows = [[float(f"{value:.6g}") if np.isfinite(value) else None for value in row] for row in drawn.tolist()]
    return json.dumps({"times": times.tolist(), "rows": rows}, separators=(",", ":"))


def completions() -> str:
    """The functions and aggregations that the script completes, with what they take and give."""
    rows = [[name, f"({', '.join(one.args)}) → {one.result}"] for name, one in sorted(FUNCTIONS.items())]
    rows += [[name, "by / without"] for name in sorted(AGGREGATIONS)]
    return json.dumps(rows, separators=(",", ":"))


def url(asked: Asked) -> str:
    """Where the same answer is to be had as JSON."""
    grid = asked.grid
    if asked.instant:
        return "/prometheus/api/v1/query?" + urlencode({"query": asked.expr, "time": f"{grid.start_ms / 1000:g}"})
    span = {"start": grid.start_ms / 1000, "end": grid.end_ms / 1000, "step": format_duration(_step(grid))}
    return "/prometheus/api/v1/query_range?" + urlencode({"query": asked.expr, **span})


def _step(grid: Grid) -> timedelta:
    return timedelta(milliseconds=grid.step_ms)


def starts(control: Control, speech: Speech) -> list[tuple[str, str]]:
    """Expressions to begin with: who answers, and the share of failures of each objective."""
    found = [(speech.t("explore.try.up"), "up")]
    for service in list(control.spec.current.services.values())[:4]:
        for slo in service.slos[:1]:
            name = service.title or service.name
            found.append((speech.t("explore.try.budget", service=name), slo_expression(slo)))
    return found

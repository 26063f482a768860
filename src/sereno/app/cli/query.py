"""`sereno query`: ask the samples of a running control plane, of a Prometheus, or of a store's file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.errors import NotFound, QueryError, UsageError
from sereno.kernel.inert import inert, inert_line

if TYPE_CHECKING:
    from sereno.promql import Grid

POINTS = 120
WIDTH = 40
ROWS_MAX = 200
SAMPLES_SHOWN = 5
BARS = "▁▂▃▄▅▆▇█"
Form = dict[str, str]


def query(
    expr: str,
    *,
    at: str | None = None,
    since: str | None = None,
    step: str | None = None,
    from_: Annotated[tuple[str, str] | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Ask the samples in PromQL: at an instant, or with --since over time.

    Parameters
    ----------
    expr
        The expression.
    at
        The instant, or the end of the period: 2026-03-01T14:00:00Z, or seconds since 1970. Now without it.
    since
        How far back to look: 1h, 7d.
    step
        How far apart the points are: 15s, 5m. Without it there are about a hundred.
    from_
        Where the samples are: `prometheus URL`, or `store PATH` (the file or its data folder, only read). Without it,
        the control plane that is running.
    json
        Print the data as Prometheus's API has them, for machines.
    """
    _understood(expr)
    form = _form(expr, at, since, step)
    told = _answer(form, from_)
    for kind in ("warnings", "infos"):
        for line in told.get(kind) or ():
            print(f"sereno: {inert_line(str(line))}", file=sys.stderr)
    if json:
        from sereno.app.cli.client import print_json

        print_json(told["data"])
    else:
        show(told["data"], _grid(form) if "step" in form else None)
    return 0


def _understood(expr: str) -> None:
    """Raise QueryError, with a caret under the mistake, if the expression is none."""
    from sereno.promql import parse
    from sereno.promql.dialect import EVERYTHING, Language
    from sereno.promql.errors import point_at

    try:
        parse(expr, Language(features=EVERYTHING))  # whoever computes it knows what is spoken there
    except QueryError as error:
        raise QueryError(point_at(expr, error), hint=error.hint) from None


def _form(expr: str, at: str | None, since: str | None, step: str | None) -> Form:
    """What the API is asked. Raises UsageError for what is no instant or no duration."""
    from sereno.adapters.clock import SystemClock
    from sereno.app.http.prometheus_params import POINTS_MAX, parse_time

    end = parse_time(at) if at else round(SystemClock().now().timestamp() * 1000)
    if end is None:
        raise UsageError(f"--at {at!r} is no instant", hint="write 2026-03-01T14:00:00Z, or seconds since 1970")
    if since is None:
        if step is not None:
            raise UsageError("--step belongs to a period", hint="say how far back with --since 1h")
        return {"query": expr, "time": f"{end / 1000:.3f}"}
    span = _duration("--since", since)
    step_ms = _ms(_duration("--step", step)) if step else _nice_step(_ms(span))
    if _ms(span) // step_ms > POINTS_MAX:
        raise UsageError(f"that is more than {POINTS_MAX:,} points", hint="take a wider --step")
    start = end - _ms(span) // step_ms * step_ms
    edges = {"start": f"{start / 1000:.3f}", "end": f"{end / 1000:.3f}"}
    return {"query": expr, **edges, "step": format_duration(timedelta(milliseconds=step_ms))}


def _duration(option: str, text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option}: {error}") from None
    if found <= timedelta(0):
        raise UsageError(f"{option}: a duration above zero is wanted")
    return found


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _nice_step(span_ms: int) -> int:
    from sereno.app.http.prometheus_run import step_for

    return min(step_for(0, span_ms, POINTS), max(1, span_ms))


# -- asking -------------------------------------------------------------------------------------------------


def _answer(form: Form, place: tuple[str, str] | None) -> dict[str, Any]:
    path = "query_range" if "step" in form else "query"
    if place is None:
        from sereno.app.cli.client import Client

        return Client().ask(path, form)
    kind, where = place
    if kind == "prometheus":
        return asyncio.run(_of_prometheus(where, path, form))
    if kind == "store":
        return _of_store(Path(where), form)
    raise UsageError(f"--from {kind}: there is no such source", hint="--from prometheus URL, or --from store PATH")


async def _of_prometheus(url: str, path: str, form: Form) -> dict[str, Any]:
    from sereno.adapters.samples.fetching import client
    from sereno.adapters.samples.prometheus_api import PrometheusApi

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--from prometheus: {url!r} is no http:// or https:// address")
    async with client() as http:
        return await PrometheusApi(url, http, allowed=lambda _: True).whole(path, list(form.items()))


def _of_store(path: Path, form: Form) -> dict[str, Any]:
    """The answer computed here, from a file that is only read."""
    from sereno.adapters.samples.store import SampleStore

    if path.is_dir():
        path = path / "samples.db"
    if not path.is_file():
        raise NotFound(f"there are no samples at {path}", hint="say --from store and the data folder of `sereno up`")
    store = SampleStore(path, read_only=True)
    try:
        return _computed(store, form)
    finally:
        store.close()


def _computed(store: Any, form: Form) -> dict[str, Any]:
    import msgspec

    from sereno.app.http import prometheus_run as run
    from sereno.app.http.prometheus import written
    from sereno.app.http.prometheus_params import ApiError
    from sereno.app.settings import load_settings
    from sereno.promql import Limits

    question = run.Question(form["query"], _grid(form), "step" not in form, float("inf"))
    settings, limits = load_settings().promql, Limits()
    try:
        tree = run.parsed(question, settings)
        found = run.computed(tree, question, store.select, settings, limits)
        found = replace(found, notes=store.notes(run.wanted_by(tree, question, settings)))
    except ApiError as error:
        raise QueryError(error.message) from None
    answer: dict[str, Any] = msgspec.json.decode(written(found))
    return answer


def _grid(form: Form) -> Grid:
    from sereno.promql import Grid

    def ms(name: str) -> int:
        return round(float(form[name]) * 1000)

    return Grid(ms("start"), ms("end"), _ms(parse_duration(form["step"]))) if "step" in form else Grid.at(ms("time"))


# -- showing ------------------------------------------------------------------------------------------------


def show(data: dict[str, Any], grid: Grid | None = None) -> None:
    """An answer for people: a table, for a range (on `grid`) with a line of bars a series."""
    from sereno.app.cli.client import print_line, print_table

    kind, result = data["resultType"], data["result"]
    if kind in ("scalar", "string"):
        print_line(inert(str(result[1])))
        return
    columns, rows = _vector(result) if kind == "vector" else _ranges(result, grid) if grid else _samples(result)
    shown = rows[:ROWS_MAX]
    print_table("", columns, shown, empty="No series answers to this.")
    if len(rows) > len(shown):
        print_line(f"… and {len(rows) - len(shown):,} more; --json has them all")


def named(metric: dict[str, str]) -> str:
    """A series as PromQL writes it: `up{job="api"}`."""
    name = metric.get("__name__", "")
    inside = ", ".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
    return f"{name}{{{inside}}}" if inside or not name else name


def _vector(result: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = [[named(row["metric"]), _value(row)] for row in result]
    return ["series", "value"], rows


def _value(row: dict[str, Any]) -> str:
    if "value" in row:
        return str(row["value"][1])
    held = row["histogram"][1]
    return f"count {held['count']}, sum {held['sum']}"


def _ranges(result: Sequence[dict[str, Any]], grid: Grid) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = []
    for row in result:
        series = _points(row)
        known = {round(at * 1000): value for at, value, _ in series}
        texts = [(value, text) for _, value, text in series if value == value]
        low, high = (min(texts)[1], max(texts)[1]) if texts else ("NaN", "NaN")
        line = bars([known.get(at) for at in grid.instants_ms.tolist()], WIDTH)
        latest = series[-1][2] if series else ""
        rows.append([named(row["metric"]), line, *map(_short, (latest, low, high))])
    return ["series", "over time", "latest", "lowest", "highest"], rows


def _short(text: str) -> str:
    """A number beside a line of bars: six digits say enough, --json has them all."""
    return text if len(text) <= 10 or abs(float(text)) >= 1e6 else f"{float(text):.6g}"


def _points(row: dict[str, Any]) -> list[tuple[float, float, str]]:
    """The points of a series: when, the number (the average, of a histogram) and how it is written."""
    found = [(float(at), float(text), str(text)) for at, text in row.get("values", ())]
    for at, held in row.get("histograms", ()):
        count = float(held["count"])
        average = float(held["sum"]) / count if count else float("nan")
        found.append((float(at), average, f"{average:.4g}"))
    return sorted(found, key=lambda point: point[0])


def bars(values: Sequence[float | None], width: int) -> str:
    """Values as a line of bars of at most `width` characters, from the lowest to the highest; gaps stay empty."""
    finite = [v for v in values if v is not None and abs(v) != float("inf") and v == v]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    cells = min(width, len(values))
    out = []
    for cell in range(cells):
        part = values[cell * len(values) // cells : (cell + 1) * len(values) // cells]
        here = [v for v in part if v is not None and v == v and abs(v) != float("inf")]
        if not here:
            out.append(" ")
            continue
        top = max(here)
        share = (top / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        out.append(BARS[min(len(BARS) - 1, int(share * len(BARS)))])
    return "".join(out)


def _samples(result: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = []
    for row in result:
        points = _points(row)
        latest = "  ".join(f"{text} @{at:.3f}".removesuffix(".000") for at, _, text in points[-SAMPLES_SHOWN:])
        rows.append([named(row["metric"]), len(points), latest])
    return ["series", "samples", "the latest"], rows

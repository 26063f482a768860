"""The query API under /prometheus/api/v1, shaped as Prometheus's own, for Grafana and whoever else speaks it.

Reading only, for viewers: a session (from our own pages), a bearer token, or HTTP Basic with a token as password.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from sereno.app.http import prometheus_json as out
from sereno.app.http.auth import Principal, require
from sereno.app.http.prometheus_names import Names, names_of
from sereno.app.http.prometheus_params import POINTS_MAX, ApiError, Form, bad_data, invalid, told
from sereno.app.http.prometheus_run import Engine, Found, Question, Stop, tree_of
from sereno.app.http.prometheus_text import pretty, tree_json
from sereno.kernel.errors import QueryError
from sereno.kernel.moment import to_ms
from sereno.promql import Expr, Grid

if TYPE_CHECKING:
    from sereno.app.control import Control

PREFIX = "/prometheus/api/v1"
COMPRESS_BYTES = 4_096
TRUNCATED = "results truncated due to limit"
Viewer = Annotated[Principal, Depends(require("viewer"))]
BOTH = ["GET", "POST"]


def engine_of(control: Control) -> Engine:
    """The one engine of a control plane: the API and the console share its places."""
    if control.queries is None:
        control.queries = Engine(control)
    return control.queries


def router(control: Control) -> APIRouter:
    """The routes of the query API."""
    from sereno.app.http import prometheus_state

    routes = APIRouter(prefix=PREFIX, include_in_schema=False)
    engine = engine_of(control)
    _queries(routes, engine)
    _texts(routes, engine)
    names = names_of(engine)
    _names(routes, engine, names)
    prometheus_state.add(routes, engine, names)
    whole = APIRouter(include_in_schema=False)
    whole.include_router(routes)
    _here(whole)
    return whole


def _here(routes: APIRouter) -> None:
    """What clients look at to see whether anybody is there."""

    @routes.get("/prometheus/")
    async def home(request: Request, me: Viewer) -> Response:
        return Response("The query API is under /prometheus/api/v1.\n", media_type="text/plain")

    @routes.get("/prometheus/-/{state}")
    async def healthy(request: Request, me: Viewer, state: Literal["healthy", "ready"]) -> Response:
        return Response(f"Sereno is {state}.\n", media_type="text/plain")


def _queries(routes: APIRouter, engine: Engine) -> None:
    @routes.api_route("/query", methods=BOTH)
    async def query(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        limit = form.limit()
        at = form.time_ms("time", to_ms(engine.control.clock.now()))
        question = Question(form.query(), Grid.at(at), True, *_bounds(form))
        return await _asked(request, engine, question, limit)

    @routes.api_route("/query_range", methods=BOTH)
    async def query_range(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        limit = form.limit()
        question = Question(form.query(), grid_of(form), False, *_bounds(form))
        return await _asked(request, engine, question, limit)

    @routes.api_route("/query_exemplars", methods=BOTH)
    async def query_exemplars(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        start, end = form.span_ms()
        if end < start:
            raise bad_data("end timestamp must not be before start timestamp")
        await _tree(engine, form.query())
        return answer(request, out.body_of("[]"))  # none are kept


def _texts(routes: APIRouter, engine: Engine) -> None:
    @routes.api_route("/format_query", methods=BOTH)
    async def format_query(request: Request, me: Viewer) -> Response:
        text = (await form_of(request)).query()
        return answer(request, data(pretty(await _tree(engine, text))))

    @routes.api_route("/parse_query", methods=BOTH)
    async def parse_query(request: Request, me: Viewer) -> Response:
        text = (await form_of(request)).query()
        return answer(request, data(tree_json(await _tree(engine, text))))


def _names(routes: APIRouter, engine: Engine, names: Names) -> None:
    async def found(request: Request, ask: Callable[[], Awaitable[list[Any]]], limit: int) -> Response:
        def write(rows: list[Any]) -> tuple[bytes, bool]:
            cut = 0 < limit < len(rows)
            text = out.dumps(rows[:limit] if cut else rows).decode()
            return packed(out.body_of(text, [TRUNCATED] if cut else []), wants_gzip(request))

        async def work(stop: Stop) -> tuple[bytes, bool]:
            rows = await ask()
            return await engine.in_thread(lambda: write(rows))

        body, is_packed = await engine.take_turn(work, gone=lambda: disconnected(request))
        return answer(request, body, is_packed=is_packed)

    @routes.api_route("/series", methods=BOTH)
    async def series(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        if not form.all("match[]"):
            raise bad_data("no match[] parameter provided")
        limit, span = form.limit(), form.span_ms()
        selectors = await engine.small(form.selectors)

        async def listed() -> list[Any]:
            return [dict(labels.pairs) for labels in await names.series(selectors, *span, more(limit))]

        return await found(request, listed, limit)

    @routes.api_route("/labels", methods=BOTH)
    async def labels(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        limit, span = form.limit(), form.span_ms()
        selectors = await engine.small(form.selectors)
        return await found(request, lambda: names.label_names(selectors, *span, more(limit)), limit)

    @routes.get("/label/{name}/values")
    async def label_values(request: Request, me: Viewer, name: str) -> Response:
        form = await form_of(request)
        label = label_of(name)
        limit, span = form.limit(), form.span_ms()
        selectors = await engine.small(form.selectors)
        return await found(request, lambda: names.label_values(label, selectors, *span, more(limit)), limit)

    @routes.get("/metadata")
    async def metadata(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        limit, each = form.number("limit"), form.number("limit_per_metric")
        known = await engine.take_turn(lambda _: names.metadata(form.text("metric")))
        chosen = list(known.items())[: limit if limit >= 0 else None]
        return answer(request, data({name: rows[: each if each > 0 else None] for name, rows in chosen}))


def more(limit: int) -> int:
    """One beyond the limit, so that one knows whether anything was left out."""
    return limit + 1 if limit else 0


def label_of(name: str) -> str:
    """The label named in a path. Raises ApiError for what is no name of a label."""
    label = unescaped(name) if name.startswith("U__") else name
    if not label or len(label) > 1024 or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in label) or "/" in label:
        raise bad_data(f'invalid label name: "{name[:100]}"')
    return label


def unescaped(name: str) -> str:
    """The name that `U__…` stands for: `_XX_` is the character XX (hexadecimal), `__` an underscore."""
    parts = name[3:].replace("__", "\0").split("_")
    try:
        text = "".join(part if i % 2 == 0 else chr(int(part, 16)) for i, part in enumerate(parts))
    except (ValueError, OverflowError):
        return name
    return text.replace("\0", "_") if len(parts) % 2 else name


def grid_of(form: Form) -> Grid:
    """The instants of a range. Raises ApiError for ranges that go backwards, have no step or too many points."""
    start, end = form.time_ms("start"), form.time_ms("end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    step = int(form.duration_seconds("step") * 1000)
    if step <= 0:
        raise invalid(
            "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )  # fmt: skip
    if (end - start) // step > POINTS_MAX:
        raise bad_data(
            f"exceeded maximum resolution of {POINTS_MAX:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return Grid(start, end, step)


def _bounds(form: Form) -> tuple[float, int | None]:
    """How long the caller waits, in seconds, and how far back a sample still counts, in milliseconds."""
    seconds = form.duration_seconds("timeout") if form.text("timeout") else float("inf")
    if not form.text("lookback_delta"):
        return seconds, None
    lookback = int(form.duration_seconds("lookback_delta") * 1000)
    if lookback < 0:
        raise invalid("lookback_delta", "a duration above zero is wanted")
    return seconds, lookback or None


async def _tree(engine: Engine, text: str) -> Expr:
    def read() -> Expr:
        try:
            return tree_of(text, engine.settings())
        except QueryError as error:
            raise invalid("query", told(text, error)) from None

    return await engine.small(read)


async def _asked(request: Request, engine: Engine, question: Question, limit: int) -> Response:
    def finish(found: Found) -> tuple[bytes, bool]:
        return packed(written(found, limit), wants_gzip(request))

    body, is_packed = await engine.ask(question, finish, lambda: disconnected(request))
    return answer(request, body, is_packed=is_packed)


def written(found: Found, limit: int = 0) -> bytes:
    """The whole answer to a question, as JSON."""
    result = found.result
    warnings, infos = (list(result.warnings), list(result.infos)) if result is not None else ([], [])
    infos += found.notes
    at, cut = out.time_text(found.question.grid.start_ms), False
    if result is None:
        assert found.samples is not None
        text, cut = out.columns_text(found.samples, limit)
    elif not found.question.instant:
        text, cut = out.matrix_text(result, found.question.grid.instants_ms, limit)
    elif result.kind == "vector":
        text, cut = out.vector_text(result, found.question.grid.start_ms, limit)
    elif result.kind == "scalar":
        text = f'[{at},"{out.go_float(float(result.values[0, 0]))}"]'
    else:
        text = f"[{at},{out.dumps(result.text).decode()}]"
    warnings += [TRUNCATED] if cut else []
    return out.body_of(f'{{"resultType":"{found.type}","result":{text}}}', warnings, infos)


def data(value: Any) -> bytes:
    """An answer of which `value` is the data."""
    return out.body_of(out.dumps(value).decode())


def packed(body: bytes, wanted: bool) -> tuple[bytes, bool]:
    """`body` as gzip if that is wanted and worth it, and whether it is."""
    if not wanted or len(body) < COMPRESS_BYTES:
        return body, False
    press = zlib.compressobj(1, zlib.DEFLATED, 31)
    return press.compress(body) + press.flush(), True


def wants_gzip(request: Request) -> bool:
    """Whether the client reads gzip."""
    offers = [offer.partition(";") for offer in request.headers.get("accept-encoding", "").lower().split(",")]
    return any(name.strip() == "gzip" and rest.replace(" ", "") not in ("q=0", "q=0.0") for name, _, rest in offers)


def answer(request: Request, body: bytes, *, is_packed: bool = False) -> Response:
    """The response of a finished body of JSON."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


async def form_of(request: Request) -> Form:
    """The parameters of the request, from its address and, for a POST, its form. Raises ApiError."""
    body = ""
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("", "application/x-www-form-urlencoded"):
            raise ApiError("bad_data", 415, "parameters are sent as application/x-www-form-urlencoded")
        body = (await request.body()).decode("utf-8", "replace")
    return Form.of(request.url.query, body)


async def disconnected(request: Request) -> None:
    """Return when the client has gone."""
    if request.method == "POST":
        await request.body()
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    except ClientDisconnect:
        return

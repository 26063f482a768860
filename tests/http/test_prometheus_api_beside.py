"""The query API beside Debian's Prometheus over the same samples, and the tools that people have, on it."""

from __future__ import annotations

import asyncio
import json
import math
import re
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from tests.http import house
from tests.promql.prometheus_peer import END_MS, START_MS, Prometheus, generated, program, prometheus

from sereno.adapters.samples.fetching import client
from sereno.adapters.samples.prometheus import PrometheusReader
from sereno.adapters.samples.prometheus_api import PrometheusApi
from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.app.control import Control
from sereno.app.http import create_app
from sereno.app.http.auth import add_token

pytestmark = pytest.mark.prometheus
START, END = START_MS // 1000, END_MS // 1000
MIDDLE = START + 5_400
SPAN = {"start": START + 600, "end": START + 4_200, "step": "60"}
BRIEF = {"start": MIDDLE, "end": MIDDLE + 300, "step": "15s"}


class Ours:
    """Our server on a port, and a client of it."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.client = httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=30)

    @property
    def with_password(self) -> str:
        """The address as those write it who know passwords only."""
        return self.url.replace("http://", f"http://reader:{self.token}@") + "/prometheus"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), generated()) as server:
        yield server


Furnish = Callable[[Control, Path], Awaitable[None]]


@contextmanager
def served(folder: Path, furnish: Furnish) -> Iterator[Ours]:
    """Our server, its samples from where `furnish` puts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready, stop, token = threading.Event(), threading.Event(), []

    async def live() -> None:
        address = f"http://127.0.0.1:{port}"
        control = house.bare(
            folder, public_url=address, promql_dialect=2, clock=house.Clock(datetime.fromtimestamp(END, UTC))
        )
        control.scraper = None
        await furnish(control, folder)
        token.append(await add_token(control, name="reader", role="viewer", kind="api"))
        config = uvicorn.Config(create_app(control), host="127.0.0.1", port=port, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        ready.set()
        while not stop.is_set() and not task.done():
            await asyncio.sleep(0.05)
        server.should_exit = True
        await task
        await control.close()

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield Ours(f"http://127.0.0.1:{port}", token[0])
    stop.set()
    thread.join(20)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    """Our server over the embedded store."""

    async def furnish(control: Control, folder: Path) -> None:
        store = SampleStore(folder / "samples.db")
        store.backfill_sync([(labels, t.astype("int64"), v.astype(float)) for labels, t, v in generated()])
        control.store = control.source = store

    with served(tmp_path_factory.mktemp("ours"), furnish) as server:
        yield server


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory, theirs: Prometheus) -> Iterator[Ours]:
    """Our server, its samples from that very Prometheus."""

    async def furnish(control: Control, folder: Path) -> None:
        control.http = client()
        control.source = PrometheusReader(PrometheusApi(theirs.url, control.http, allowed=lambda url: True))

    with served(tmp_path_factory.mktemp("between"), furnish) as server:
        yield server


Request = tuple[str, str, dict[str, Any]]
QUERIES = [
    "1", "-1.5e-7", "1e21", "NaN", "Inf", "-Inf", "1 / 0", '"text ñ \\" \\n"', "time()", "pi()", "vector(3)",
    "http_requests_total", 'http_requests_total{status=~"5.."}', 'http_requests_total{status!~"5..",endpoint="/pay"}',
    "sum(rate(http_requests_total[5m]))", "sum by (status) (rate(http_requests_total[5m]))",
    "sum without (instance) (increase(http_requests_total[10m]))", "topk(2, temperature)", "bottomk(1, temperature)",
    "sort(temperature)", "sort_desc(temperature)", "quantile(0.9, temperature)", 'count_values("level", level)',
    "histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket[5m])))", "up == 0", "up == bool 1",
    "absent(nobody)", 'absent(nobody{job="x"})', "absent(up)", "odd", "wide", "constant", "falling",
    "temperature offset 5m", "temperature @ 1700003000", "temperature @ end()", "temperature[1m]", "odd[30s]",
    "temperature[2m] offset 1m", "up[1m] @ 1700003000", "rate(http_requests_total[5m])[10m:1m]",
    "max_over_time(temperature[10m])", "avg_over_time(odd[5m])", "quantile_over_time(0.5, temperature[10m])",
    "label_replace(up, \"host\", \"$1\", \"instance\", \"(.*):.*\")", "label_join(up, \"both\", \"-\", \"job\", \"instance\")",
    "http_requests_total / on (instance) group_left build_info", "up and on (instance) temperature > 0",
    "temperature or up", "temperature unless up", "scalar(falling)", "round(temperature, 5)", "clamp(temperature, -5, 5)",
    "predict_linear(falling[10m], 3600)", "deriv(falling[10m])", "changes(level[30m])", "resets(http_requests_total[1h])",
    "sum(brief_total)", "brief_total", "sparse_total", "timestamp(up)", "day_of_week()", "hour(vector(1700000000))",
    "sum_over_time((temperature > 0)[10m:30s])", "stddev(temperature)", "group(up)", "-temperature",
    "2 ^ 3 ^ 2", "(temperature)", "nobody", "nobody[5m]", "sgn(temperature)", "holt_winters(falling[10m], 0.5, 0.5)",
]  # fmt: skip
WRONG = [
    "", "sum(", ")", "foo{", "rate(up)", "sum by (x", "up[5m", "up[5]", "up[0s]", "1 + ", "foo bar", "{}", '{a=~".*"}',
    "up offset", "unknown_function(up)", "rate(up[5m], 3)", "up == and up", '"a" + 1', "sum(1)", "up{a='b'",
    "up{a=~'('}", "topk(up)", "up @ up", "1 and 2", "-'a'", "up[5m] offset 1m [5m]", "up[1m:", "foo + on (a) 1",
    "up bool 1", "label_replace(up)", "count_values(1, up)", "0x", "up{a==1}", "#", "\\", "`", "a:b:", "up[5m:0s]",
]  # fmt: skip
FAILING = ["http_requests_total * on (job) http_requests_total", 'label_replace(up, "instance", "x", "job", ".*")',
           "up * on (job) group_left build_info"]  # fmt: skip
LAID_OUT = [
    *(query for query in QUERIES if query != "NaN"),
    "sum by (a,b) (rate(a_very_long_metric_name_that_goes_on{label_one=\"value\",label_two=~\"other|values\"}[5m])) / "
    "ignoring(c) group_left(d) sum(rate(another_very_long_metric_name_that_goes_on{label_one!=\"value\"}[90m]))",
    "histogram_quantile(0.99, sum by (le, cluster, namespace, job, instance, handler) "
    "(rate(http_request_duration_seconds_bucket{job=~\"api|web|worker\", handler!~\"/health.*\"}[1h30m])))",
    "topk(5, sum by (namespace) (container_memory_working_set_bytes{container!=\"\", image!=\"\", pod=~\"a.*\"})) > bool 1e6",
    "avg_over_time((sum by (namespace) (container_memory_working_set_bytes{container!=\"\", image!=\"\"}))[1d:5m] offset 1w)",
    "-(a_very_long_metric_name_that_goes_on_and_on + another_very_long_metric_name_that_goes_on_and_on_and_on)",
    "a[1w2d] offset -5m", "a @ start() offset 90s", "a[365d]", "a[36h]", "0.00001", "1e6", "123456789", "1e21", ".5",
]  # fmt: skip


def requests() -> list[Request]:
    found: list[Request] = [("GET", "query", {"query": query, "time": MIDDLE}) for query in QUERIES]
    ranged = [query for query in QUERIES if "@ end" not in query]
    found += [("POST", "query_range", {"query": query, **SPAN}) for query in ranged]
    found += [("GET", "query", {"query": query, "time": MIDDLE}) for query in WRONG + FAILING]
    found += [("GET", "query_range", {"query": query, **BRIEF}) for query in FAILING]
    found += [("GET", "format_query", {"query": query}) for query in LAID_OUT + WRONG[:6]]
    match: list[Any] = ["up", 'http_requests_total{status="500"}', '{__name__=~"t.*|odd"}', '{job="shop",le!=""}', "no"]
    for one in [*match, match]:
        found += [("GET", path, {"match[]": one}) for path in ("series", "labels", "label/instance/values")]
        found += [("POST", path, {"match[]": one, "start": START, "end": END}) for path in ("series", "labels")]
    found += [
        ("GET", "labels", {}), ("GET", "label/__name__/values", {}), ("GET", "label/nothing/values", {}),
        ("GET", "query", {"query": "up", "time": "2023-11-14T23:00:00Z"}),
        ("GET", "query", {"query": "up", "time": "2023-11-14T23:00:00.123456+01:00"}),
        ("GET", "query", {"query": "up", "time": f"{MIDDLE}.4567"}), ("GET", "query", {"query": "1", "time": "-1.5"}),
        ("GET", "query", {"query": "1", "time": "soon"}), ("GET", "query", {"query": "1", "timeout": "x"}),
        ("GET", "query", {"query": "up", "time": MIDDLE, "timeout": "10s"}), ("GET", "query", {}),
        ("GET", "query_range", {"query": "up", **SPAN, "step": "1m30s"}),
        ("GET", "query_range", {"query": "up", **SPAN, "step": "0.5"}),
        ("GET", "query_range", {"query": "up", **SPAN, "step": "0"}),
        ("GET", "query_range", {"query": "up", **SPAN, "step": "-5"}),
        ("GET", "query_range", {"query": "up", **SPAN, "step": "abc"}),
        ("GET", "query_range", {"query": "up", **SPAN, "step": ""}),
        ("GET", "query_range", {"query": "up", **SPAN, "end": START}),
        ("GET", "query_range", {"query": "up", **SPAN, "start": ""}),
        ("GET", "query_range", {"query": "up", "start": 0, "end": END, "step": 1}),
        ("GET", "query_range", {"query": "up", "start": END - 11_000, "end": END, "step": 1}),
        ("GET", "query_range", {"query": "up", "start": END - 11_001, "end": END, "step": 1}),
        ("GET", "series", {}), ("GET", "series", {"match[]": "{"}), ("GET", "series", {"match[]": '{a=~".*"}'}),
        ("GET", "series", {"match[]": "rate(up[5m])"}), ("GET", "series", {"match[]": "up", "start": "x"}),
        ("GET", "labels", {"match[]": ")"}), ("GET", "labels", {"end": "x"}), ("GET", "label/a/values", {"start": "x"}),
        ("GET", "metadata", {}), ("GET", "metadata", {"limit": "x"}), ("GET", "query_exemplars", {"query": "up"}),
        ("GET", "query_exemplars", {"query": "("}), ("GET", "rules", {"type": "x"}), ("GET", "nothing", {}),
    ]  # fmt: skip
    return found


def normal(path: str, told: Any, query: str) -> Any:
    """An answer without what may differ: the order of vectors, the words of errors."""
    if told.get("status") != "success":
        return {"status": told.get("status"), "errorType": told.get("errorType")}
    data = told["data"]
    if isinstance(data, dict) and "resultType" in data:
        rows = data["result"]
        if data["resultType"] in ("matrix", "vector") and not query.startswith("sort"):
            rows = sorted(rows, key=lambda row: sorted(row["metric"].items()))
        return {"type": data["resultType"], "rows": rows}
    if path == "format_query":  # version 3 writes numbers without exponents and durations less broken up
        return re.sub(r"\d[\w.]*([+-]\d+)?", "#", data)
    if path == "series":
        return sorted(data, key=lambda labels: sorted(labels.items()))
    return data


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Where two answers differ: texts of numbers may by a billionth, everything else must not."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return [f"{place}: {sorted(ours)} is not {sorted(theirs)}"]
        return [one for key in ours for one in differences(ours[key], theirs[key], f"{place}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return [f"{place}: {len(ours)} instead of {len(theirs)}"]
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [one for i, (a, b) in pairs for one in differences(a, b, f"{place}[{i}]")]
    both_texts = place and isinstance(ours, str) and isinstance(theirs, str)
    if ours == theirs or (both_texts and close(ours, theirs)):
        return []
    return [f"{place}: {str(ours)[:400]} is not {str(theirs)[:400]}"]


def close(a: str, b: str) -> bool:
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


def test_hundreds_of_requests_good_and_bad_are_answered_alike(ours: Ours, theirs: Prometheus) -> None:
    asked = requests()
    wrong = []
    with httpx.Client(timeout=30) as other:
        for method, path, parameters in asked:
            form = {"data" if method == "POST" else "params": parameters}
            mine = ours.client.request(method, f"{ours.url}/prometheus/api/v1/{path}", **form)
            real = other.request(method, f"{theirs.url}/api/v1/{path}", **form)
            place = f"{method} {path} {json.dumps(parameters)[:150]}"
            if mine.status_code != real.status_code:
                wrong.append(f"{place}: status {mine.status_code}, theirs {real.status_code} {mine.text[:150]}")
                continue
            if not real.headers["content-type"].startswith("application/json"):
                continue
            query = str(parameters.get("query", ""))
            found = differences(normal(path, mine.json(), query), normal(path, real.json(), query))
            wrong += [f"{place}: {one}" for one in found[:3]]
    assert wrong == []
    assert len(asked) >= 250


def test_before_a_prometheus_it_answers_as_that_does(between: Ours, theirs: Prometheus) -> None:
    # What the API hides, gaps that lie wholly in the past, is not seen: hence instants and windows that see none.
    asked: list[Request] = [
        ("GET", "query", {"query": query, "time": MIDDLE})
        for query in (
            "sum(rate(http_requests_total[5m]))",
            "temperature",
            "temperature[1m]",
            "1 + 1",
            "sum(",
            "up * on (job) up",
        )
    ]
    match: list[Any] = ["up", ["up", 'temperature{rack="r1"}'], '{__name__=~"t.*|odd"}']
    for one in match:
        asked += [("GET", path, {"match[]": one}) for path in ("series", "labels", "label/instance/values")]
    asked += [
        ("GET", "labels", {}),
        ("GET", "label/__name__/values", {"start": START, "end": END}),
        ("GET", "metadata", {}),
    ]
    wrong = []
    with httpx.Client(timeout=30) as other:
        for method, path, parameters in asked:
            mine = between.client.request(method, f"{between.url}/prometheus/api/v1/{path}", params=parameters)
            real = other.request(method, f"{theirs.url}/api/v1/{path}", params=parameters)
            found = differences(normal(path, mine.json(), ""), normal(path, real.json(), ""))
            wrong += [f"{path} {parameters}: {one}" for one in found[:3]]
    assert wrong == []


def test_promtool_asks_us_with_a_password(ours: Ours, theirs: Prometheus) -> None:
    def said(server: str, *arguments: str) -> str:
        done = subprocess.run(
            [program("promtool"), "query", arguments[0], *arguments[1:-1], server, *arguments[-1:]],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return "\n".join(sorted(done.stdout.splitlines()))

    span = [f"--start={START}", f"--end={END}"]
    for arguments in (
        ["instant", f"--time={MIDDLE}", "sum by (status) (rate(http_requests_total[5m]))"],
        ["instant", f"--time={MIDDLE}", "temperature[1m]"],
        ["range", *span, "--step=10m", "sum(up)"],
        ["labels", *span, "instance"],
    ):
        assert said(ours.with_password, *arguments) == said(theirs.url, *arguments), arguments
    match = ["series", *span, '--match=up{instance="a:80"}']
    mine, real = (
        subprocess.run([program("promtool"), "query", *match, server], capture_output=True, text=True, check=False)
        for server in (ours.with_password, theirs.url)
    )
    assert mine.stdout == real.stdout != ""
    refused = subprocess.run(
        [program("promtool"), "query", "instant", ours.url + "/prometheus", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode != 0


def test_prometheus_api_client_works_on_us_as_on_prometheus(ours: Ours, theirs: Prometheus) -> None:
    library = pytest.importorskip("prometheus_api_client")
    headers = {"Authorization": f"Bearer {ours.token}"}
    mine = library.PrometheusConnect(url=f"{ours.url}/prometheus", headers=headers)
    real = library.PrometheusConnect(url=theirs.url)
    start, end = datetime.fromtimestamp(START + 600, UTC), datetime.fromtimestamp(START + 1800, UTC)
    assert mine.check_prometheus_connection() is True

    def alike(ask: Any) -> None:
        found = [sorted(ask(one), key=lambda row: json.dumps(row, sort_keys=True)) for one in (mine, real)]
        assert differences(found[0], found[1]) == []
        assert found[0]

    alike(lambda c: c.all_metrics())
    alike(lambda c: c.get_label_names())
    alike(lambda c: c.get_label_values("instance"))
    alike(lambda c: c.get_series(start, end, params={"match[]": "up"}))
    alike(lambda c: c.get_current_metric_value("up", {"instance": "a:80"}, params={"time": MIDDLE}))
    alike(lambda c: c.custom_query("sum by (status) (http_requests_total)", params={"time": MIDDLE}))
    alike(lambda c: c.custom_query_range("sum(up)", start, end, "60"))
    alike(lambda c: c.get_metric_range_data("temperature", start_time=start, end_time=end))
    found = mine.get_metric_aggregation(
        "temperature", ["max", "min", "average"], start_time=start, end_time=end, step=60
    )
    assert found == pytest.approx(
        real.get_metric_aggregation("temperature", ["max", "min", "average"], start_time=start, end_time=end, step=60)
    )
    with pytest.raises(library.exceptions.PrometheusApiClientException):
        mine.custom_query("sum(")


def test_sereno_query_asks_the_server_and_prometheus_alike(
    ours: Ours, theirs: Prometheus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERENO_URL", ours.url)
    monkeypatch.setenv("SERENO_TOKEN", ours.token)
    asked = ["query", "sum by (status) (rate(http_requests_total[5m]))", "--at", str(MIDDLE)]
    for more in ([], ["--since", "1h", "--step", "5m"], ["--json"]):
        assert run([*asked, *more]) == 0
        mine = capsys.readouterr().out
        assert run([*asked, *more, "--from", "prometheus", theirs.url]) == 0
        assert len(mine.splitlines()) == len(capsys.readouterr().out.splitlines()) > 4
    assert run(["query", "http_requests_total * on (job) http_requests_total", "--at", str(MIDDLE)]) == 2
    assert "duplicate series" in capsys.readouterr().err
    monkeypatch.setenv("SERENO_TOKEN", "sereno_api_wrong")
    assert run(["query", "1"]) == 1
    assert "token" in capsys.readouterr().err


# -- Grafana ------------------------------------------------------------------------------------------------


def grafana(ours: Ours, method: str, path: str, **form: Any) -> Any:
    """A request as Grafana's data source sends it (pkg/promlib/client, packages/grafana-prometheus): the address
    without a slash at its end, HTTP Basic, a form for POST; a 400 or 405 to a POST is asked again by GET."""
    auth = httpx.BasicAuth("grafana", ours.token)
    url = f"{ours.url}/prometheus/{path}"
    if method == "GET":
        answer = httpx.get(f"{url}?{urlencode(form, doseq=True)}", auth=auth, timeout=30)
    else:
        kind = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Encoding": "gzip",
            "User-Agent": "Grafana/11",
        }
        answer = httpx.post(url, content=urlencode(form, doseq=True), headers=kind, auth=auth, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    told = answer.json()
    assert told["status"] == "success"
    return told["data"]


def test_grafana_tests_the_data_source(ours: Ours) -> None:
    # healthcheck.go asks 1+1 at the fourth second of 1970; heuristics.go tells Prometheus from Mimir by `features`.
    assert grafana(ours, "POST", "api/v1/query", query="1+1", time="4") == {"resultType": "scalar", "result": [4, "2"]}
    built = grafana(ours, "GET", "api/v1/status/buildinfo")
    assert all(isinstance(built[name], str) for name in ("version", "revision", "branch", "goVersion"))
    assert "features" not in built
    assert "application" not in built
    major, minor = map(int, built["version"].split(".")[:2])
    assert (major, minor) >= (2, 24)  # from there on Grafana asks for labels with match[]


def test_grafana_fills_its_query_builder(ours: Ours) -> None:
    span = {"start": str(START), "end": str(END)}
    metrics = grafana(ours, "GET", "api/v1/label/__name__/values", limit="40000", **span)
    assert "http_requests_total" in metrics
    found = grafana(ours, "POST", "api/v1/labels", limit="40000", **span, **{"match[]": '{__name__="up"}'})
    assert found == ["__name__", "instance", "job"]
    asked = {"match[]": '{__name__="up",job="shop"}', "limit": "40000"}
    assert grafana(ours, "GET", "api/v1/label/instance/values", **span, **asked) == ["a:80", "b:80", "c:80"]
    series = grafana(ours, "POST", "api/v1/series", **span, **{"match[]": '{__name__!=""}', "limit": "40000"})
    assert all(isinstance(value, str) for row in series for value in row.values())
    assert len(series) > 20
    assert isinstance(grafana(ours, "GET", "api/v1/metadata", limit="40000"), dict)
    odd = grafana(ours, "GET", "api/v1/label/U__some_2e_label/values", **span)  # utf8_support.ts
    assert odd == []


def test_grafana_draws_a_panel_and_a_table(ours: Ours) -> None:
    asked = {
        "query": "sum by(status) (rate(http_requests_total[1m0s]))",
        "start": f"{START + 600}.5",
        "end": f"{START + 1200}.5",
    }
    found = grafana(ours, "POST", "api/v1/query_range", step="15", timeout="30s", **asked)
    assert found["resultType"] == "matrix"
    assert set(found) == {"resultType", "result"}
    for row in found["result"]:
        assert set(row) == {"metric", "values"}
        assert all(isinstance(at, (int, float)) and isinstance(value, str) for at, value in row["values"])
        assert [at for at, _ in row["values"]] == [START + 600.5 + 15 * i for i in range(41)]
    table = grafana(ours, "POST", "api/v1/query", query="up", time=str(MIDDLE))
    assert {tuple(row) for row in table["result"]} == {("metric", "value")}
    assert grafana(ours, "POST", "api/v1/query_exemplars", query="up", start=str(START), end=str(END)) == []


def test_grafana_lists_rules(ours: Ours) -> None:
    found = grafana(ours, "GET", "api/v1/rules")
    rule = found["groups"][0]["rules"][0]
    assert {"name", "query", "state", "health", "type", "labels", "annotations", "alerts", "duration"} <= rule.keys()
    assert isinstance(found["groups"][0]["interval"], (int, float))

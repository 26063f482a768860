"""Every expression, asked of us and of a real Prometheus 2.42 over the same samples."""

from __future__ import annotations

import pytest
from tests.promql.grammar import Grammar
from tests.promql.peer_compare import differences, ours, points_of
from tests.promql.prometheus_peer import END_MS, START_MS, Store, generated, prometheus

from sereno.kernel.errors import QueryError
from sereno.promql import Grid, evaluate, selections

pytestmark = pytest.mark.prometheus

MINUTE = 60_000
GRIDS = {
    "range-1m": Grid(START_MS + 10 * MINUTE, END_MS + 8 * MINUTE, MINUTE),
    "range-37s": Grid(START_MS - 5 * MINUTE, START_MS + 95 * MINUTE, 37_123),
    "range-coarse": Grid(START_MS + 7 * MINUTE, END_MS, 11 * MINUTE),
    "instant-early": Grid.at(START_MS + 12 * MINUTE + 345),
    "instant-late": Grid.at(START_MS + 100 * MINUTE),
}

REQ = "http_requests_total"
EXPRESSIONS = [
    # selectors
    REQ,
    f'{REQ}{{status="500"}}',
    f'{REQ}{{status=~"5.."}}',
    f'{REQ}{{status!~"5..|404",endpoint!="/pay"}}',
    f'{REQ}{{instance=~"a.*|c:80"}}',
    '{__name__=~"up|build_info",instance="a:80"}',
    'up{missing=""}',
    'up{instance=~"nobody"}',
    "brief_total",
    "odd",
    "wide",
    "up offset 7m",
    "up offset -7m",
    f"temperature @ {START_MS / 1000 + 3000:.3f}",
    "temperature @ start()",
    "temperature @ end() offset 10m",
    "timestamp(temperature)",
    "timestamp(temperature offset 3m)",
    "timestamp(sum(temperature))",
    # over windows
    *(
        f"{function}({metric}[{window}])"
        for function in ("rate", "increase", "irate", "resets", "changes")
        for metric, window in ((REQ, "5m"), ("brief_total", "7m"), ("sparse_total", "30m"), ("odd", "11m"))
    ),
    f"rate({REQ}[1h])",
    f"increase({REQ}[15s])",
    f"rate({REQ}[1m30s] offset 13m)",
    "rate(wide[20m])",
    *(
        f"{function}_over_time({metric}[{window}])"
        for function in ("sum", "avg", "min", "max", "count", "last", "present", "stddev", "stdvar")
        for metric, window in (("temperature", "5m"), ("odd", "17m"), ("wide", "31m"), ("constant", "10m"))
    ),
    *(f"{function}(temperature[9m])" for function in ("delta", "idelta", "deriv")),
    "delta(odd[6m])",
    "deriv(odd[6m])",
    "deriv(constant[6m])",
    "sum_over_time(temperature[2h])",
    "avg_over_time(up[1h])",
    "predict_linear(falling[1h], 4 * 3600)",
    "predict_linear(falling[10m] offset 5m, 600)",
    "predict_linear(falling[10m], time() / 1e6)",
    "holt_winters(temperature[10m], 0.5, 0.3)",
    *(f"quantile_over_time({q}, temperature[13m])" for q in ("0", "0.33", "0.5", "1", "-1", "1.5", "NaN")),
    "quantile_over_time(0.2, odd[13m])",
    "quantile_over_time(scalar(avg(up)), temperature[5m])",
    "absent_over_time(brief_total{phase='ended'}[6m])",
    "absent_over_time(nothing{a='b',c=~'d'}[6m])",
    "absent_over_time(temperature[10s])",
    f"max_over_time(sum(rate({REQ}[5m]))[30m:1m])",
    f"avg_over_time(rate({REQ}{{status='500'}}[5m])[20m:])",
    "sum_over_time((temperature > 0)[15m:45s] offset 2m)",
    "min_over_time(max_over_time(temperature[5m:1m])[10m:2m])",
    "count_over_time(up[10m:17s])",
    f"rate({REQ}{{status='200'}}[10m:30s])",
    "last_over_time(brief_total[10m])",
    f"sum_over_time(temperature[10m:1m] @ {START_MS / 1000 + 4000:.3f})",
    "sum(max_over_time(temperature[5m] @ end()))",
    "changes((level > 2)[20m:30s])",
    # histograms
    "histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))",
    "histogram_quantile(0.5, sum by (le) (rate(latency_seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le, instance) (increase(latency_seconds_bucket[17m])))",
    *(f"histogram_quantile({q}, latency_seconds_bucket)" for q in ("0", "1", "-0.1", "1.1", "NaN")),
    "histogram_quantile(scalar(avg(up)), latency_seconds_bucket)",
    'histogram_quantile(0.9, latency_seconds_bucket{le!="+Inf"})',
    'histogram_quantile(0.9, latency_seconds_bucket{le=~"0.5|.Inf"})',
    "histogram_quantile(0.9, latency_seconds_bucket > 500)",
    "sum(rate(latency_seconds_sum[5m])) / sum(rate(latency_seconds_count[5m]))",
    # aggregations
    *(f"{op}(temperature)" for op in ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
    *(f"{op} by (status) ({REQ})" for op in ("sum", "avg", "min", "max", "count", "stddev")),
    *(f"{op} without (instance, endpoint) ({REQ})" for op in ("sum", "avg", "group", "stdvar")),
    *(f"{op}(odd)" for op in ("sum", "avg", "min", "max", "count", "stddev")),
    *(f"{op}(wide)" for op in ("sum", "avg", "max")),
    "sum by (nowhere) (up)",
    "sum(nothing)",
    "sum by (__name__) ({__name__=~'up|level'})",
    f"topk(3, {REQ})",
    f"bottomk(2, rate({REQ}[5m]))",
    f"topk by (status) (1, {REQ})",
    "topk(2, level)",
    "bottomk(2, level)",
    "topk(5, temperature or odd)",  # no ties: over a range Prometheus breaks those of an `or` at random
    "topk(0, level)",
    "topk(scalar(count(up or vector(1))) - 1, temperature)",
    f"quantile(0.9, {REQ})",
    f"quantile by (status) (0.25, rate({REQ}[5m]))",
    "quantile(0.4, odd)",
    "quantile(2, temperature)",
    'count_values("value", level)',
    'count_values by (instance) ("value", level)',
    'count_values without (rack) ("value", constant)',
    # operators
    "temperature + 1",
    "1 - temperature",
    "temperature % 3",
    "temperature ^ 2",
    "2 ^ level",
    "temperature / 0",
    "-temperature",
    "+temperature",
    "temperature atan2 level",
    "temperature > 0",
    "temperature > bool 0",
    "0 < temperature",
    "5 >= bool level",
    "odd != odd",
    "level == 3",
    "temperature * on (instance) up",
    "temperature - ignoring (rack) level",
    "temperature > on (instance) level",
    "temperature > bool on (instance) level",
    "temperature > ignoring (rack) level",
    f"{REQ} / on (instance) group_left temperature",
    f"{REQ} * on (instance) group_left (version) build_info",
    f"build_info * on (instance) group_right (version) {REQ}",
    f"sum by (instance, status) ({REQ}) / ignoring (status) group_left sum by (instance) ({REQ})",
    "up and temperature",
    "up and on (instance) (temperature > 0)",
    "up unless on (instance) (temperature > 0)",
    "temperature > 5 or temperature < -5",
    "up or temperature",
    "brief_total or brief_other_total",
    "brief_total{phase='born'} - on () brief_total{phase='ended'}",
    "up and nothing",
    "up unless nothing",
    "nothing or up",
    "1 + 2 * 3 ^ 2 % 5",
    "-2 ^ 2",
    "1 > bool 2",
    "7 atan2 -3",
    "(up == 1) * time()",
    "0x1f + 010 + .5e1 + 5.",
    "NaN",
    "-Inf",
    # functions
    *(
        f"{function}(temperature)"
        for function in (
            "abs",
            "ceil",
            "floor",
            "exp",
            "sqrt",
            "ln",
            "log2",
            "log10",
            "sgn",
            "sin",
            "tanh",
            "asin",
            "acosh",
            "atan",
            "deg",
            "rad",
            "cosh",
            "atanh",
        )
    ),
    "sgn(odd)",
    "ceil(odd)",
    "round(temperature)",
    "round(temperature, 0.5)",
    "round(temperature, 7)",
    "clamp(temperature, -2, 3)",
    "clamp(temperature, 3, -2)",
    "clamp_min(odd, 2)",
    "clamp_max(odd, 2)",
    "clamp_max(odd, -Inf)",
    "absent(nothing{a='b',c!='d',e='f'})",
    "absent(temperature)",
    "absent(sum(nothing))",
    "absent(brief_total{phase='ended'})",
    "scalar(temperature)",
    'scalar(temperature{instance="a:80"})',
    "vector(3)",
    "vector(time())",
    "time()",
    "pi()",
    "sort(temperature)",
    "sort_desc(odd or level)",
    'label_replace(temperature, "host", "$1-x", "instance", "(.):.*")',
    'label_replace(temperature, "rack", "", "rack", ".*")',
    'label_replace(temperature, "host", "x$2", "instance", "(nope)(.*)")',
    'label_join(temperature, "both", "/", "rack", "instance", "nowhere")',
    *(f"{part}()" for part in ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "month", "year")),
    "days_in_month(vector(1709164800))",
    "day_of_week(vector(-86400 * 3 - 1))",
    "hour(timestamp(up))",
    # as alerts and objectives are written
    'avg by (instance) (rate(http_requests_total{status="200"}[5m])) * 100 > 80',
    "absent(up{job='shop'}) or max(up{job='shop'}) == 0",
    f'(sum(rate({REQ}{{status=~"5.."}}[1h])) or 0 * sum(rate({REQ}[1h]))) / (sum(rate({REQ}[1h])) > 0) > 0.0144'
    f' and (sum(rate({REQ}{{status=~"5.."}}[5m])) or 0 * sum(rate({REQ}[5m]))) / (sum(rate({REQ}[5m])) > 0) > 0.001',
    f'sum(increase({REQ}{{status=~"9.."}}[30m])) or 0 * sum(increase({REQ}[30m]))',
    f'1 - (1 - (1 - sum(increase({REQ}{{status=~"5.."}}[1h])) / sum(increase({REQ}[1h])))) / (1 - 0.999)',
    'sum(rate(latency_seconds_bucket{le=~"0[.]5"}[30m])) / sum(rate(latency_seconds_count[30m]))',
    "count(up == 1) / count(up) * 100",
    "(sum(increase(brief_total{phase='ended'}[10m])) or vector(0)) == 0",
    "12 * year(vector(time() - 18000)) + month(vector(time() - 18000))",
]

REFUSED = [
    f"{REQ} / {REQ} - ignoring(status) {REQ}",
    "temperature * on (rack) up",
    "up * on (job) group_left level",
    "rate({__name__=~'brief_.*total',phase='born'}[5m]) - on (phase) vector(1)",
    'label_replace(temperature, "instance", "same", "instance", ".*")',
    "-{__name__=~'up|build_info|level'} + on (instance) up",
    f"sum by (instance) (up) * on () group_left {REQ}",
    "topk(NaN, up)",
    "topk(scalar(count(up)) - 1, temperature)",
]


@pytest.fixture(scope="module")
def series():
    return generated()


@pytest.fixture(scope="module")
def peer(tmp_path_factory, series):
    with prometheus(tmp_path_factory.mktemp("prometheus"), series) as server:
        yield server


@pytest.fixture(scope="module")
def store(series):
    return Store.of(series)


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_the_same_numbers_as_prometheus(expr, peer, store):
    for name, grid in GRIDS.items():
        answer = peer.query(expr, grid)
        assert answer["status"] == "success", (expr, name, answer)
        store.asked = 0
        result = evaluate(expr, grid, store.select)
        assert store.asked == len(selections(expr, grid))
        expected, kind = points_of(answer, grid)
        if kind != "matrix":
            assert result.kind == kind
        found = ours(result, grid)
        assert differences(expected, found) == [], (expr, name)
        if "sort" in expr and grid.start_ms == grid.end_ms:
            assert [labels for labels, _ in found] == [labels for labels, _ in expected]


@pytest.mark.parametrize("expr", REFUSED)
def test_refused_where_prometheus_refuses(expr, peer, store):
    refused = 0
    for grid in GRIDS.values():
        answer = peer.query(expr, grid)
        if answer["status"] == "success":
            result = evaluate(expr, grid, store.select)
            assert differences(points_of(answer, grid)[0], ours(result, grid)) == []
            continue
        refused += 1
        with pytest.raises(QueryError):
            evaluate(expr, grid, store.select)
    assert refused, f"{expr} was meant to be refused"


@pytest.mark.parametrize("seed", range(12))
def test_random_expressions(seed, peer, store):
    grammar = Grammar(seed)
    grids = [GRIDS["range-37s"], GRIDS["instant-late"], GRIDS["range-coarse"]]
    for number in range(12):
        expr, grid = grammar.vector(3), grids[number % 3]
        answer = peer.query(expr, grid)
        if answer["status"] == "error":
            with pytest.raises(QueryError):
                evaluate(expr, grid, store.select)
            continue
        found = ours(evaluate(expr, grid, store.select), grid)
        # Prometheus adds the series of a range in random order, so a sum that cancels has no exact value.
        assert differences(points_of(answer, grid)[0], found, absolute=1e-9) == [], (expr, grid)

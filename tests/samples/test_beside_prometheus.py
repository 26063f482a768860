"""Debian's Prometheus and our scraper read the same targets for a few seconds: they tell the same story.

They only can if no answer of a target was late: on a machine so busy that one took longer than an interval, one of them
notes a failure that the other does not. Then they look again.
"""

import asyncio
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from tests.samples.peers import Peer, free_port, program, wait_until

from sereno.adapters.clock import SystemClock
from sereno.adapters.samples.fetching import client
from sereno.adapters.samples.prometheus import PrometheusReader
from sereno.adapters.samples.prometheus_api import PrometheusApi
from sereno.adapters.samples.scraper import Scraper
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.moment import to_ms
from sereno.promql import evaluate, selections
from sereno.promql.columns import Grid, Matcher, Selection
from sereno.spec.model import ScrapeJob

pytestmark = [pytest.mark.prometheus]
EVERY = 0.5
ATTEMPTS = 4
BURN = 'sum(rate(requests_total{code=~"5.."}[2s])) / sum(rate(requests_total[2s]))'
EXPRESSIONS = [
    BURN,
    "sum by (code) (increase(requests_total[3s]))",
    'up{job="shop"}',
    "count by (job) (up == 1)",
    "passing",
    'absent(passing{job="shop"})',
    "sum by (mode) (rate(node_cpu_seconds_total[3s]))",
    "node_memory_MemTotal_bytes",
    'count({job="node"})',
]


class Shop:
    """A target whose counters are a function of time, one request in twenty failing; `passing` can vanish."""

    def __init__(self, peer):
        self.began, self.passing = time.time(), True
        self.url = peer.serve("/metrics", self.metrics)

    def metrics(self, handler):
        total = int((time.time() - self.began) * 2000)
        lines = [f'requests_total{{code="500"}} {total // 20}', f'requests_total{{code="200"}} {total - total // 20}']
        lines += ['passing{weird="a\\\\b \\"c\\" ñ"} 1'] if self.passing else []
        handler.answer(("\n".join(lines) + "\n").encode())


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Prometheus, the node exporter and a shop; then our own scraper beside them. Yields everything recorded."""
    prometheus = program("prometheus", "prometheus")
    exporter = program("prometheus-node-exporter", "prometheus-node-exporter")
    folder = tmp_path_factory.mktemp("prometheus")
    peer, node, port = Peer(), f"127.0.0.1:{free_port()}", free_port()
    shop = Shop(peer)
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {int(EVERY * 1000)}ms, scrape_timeout: {int(EVERY * 1000)}ms}}\n"
        "scrape_configs:\n"
        f"- {{job_name: node, static_configs: [{{targets: ['{node}']}}]}}\n"
        f"- {{job_name: shop, static_configs: [{{targets: ['{peer.address}']}}]}}\n"
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen([exporter, f"--web.listen-address={node}"], **quiet),
        subprocess.Popen(
            [
                prometheus,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            **quiet,
        ),
    ]
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: both_are_scraped(url), "Prometheus scraping both targets")
        store, ended = watched(shop, peer.address, node, url)
        yield store, url, ended
        store.close()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)
        peer.close()


def watched(shop, shop_address, node_address, url):
    """What our scraper saw, and when the series vanished, of a time in which nobody was late."""
    for _ in range(ATTEMPTS):
        shop.passing, store = True, SampleStore(None)
        ended = asyncio.run(live(store, shop, shop_address, node_address))
        late = [*late_in_ours(store), *late_in_theirs(url, ended)]
        if not late:
            return store, ended
        store.close()
    pytest.fail(f"in {ATTEMPTS} attempts the machine was too busy to answer within {EVERY} s: {late}")


def late_in_ours(store):
    """The targets that our scraper could not read every time."""
    found = store.select(Selection((Matcher("__name__", "=", "up"),), 0, to_ms(datetime.now(UTC))))
    return [labels for i, labels in enumerate(found.labels) if not punctual(*(one.tolist() for one in found.series(i)))]


def late_in_theirs(url, ended):
    """The targets that Prometheus could not read every time."""
    asked = {"query": "up[6s]", "time": f"{ended.timestamp() + 1.9:.3f}"}
    answer = httpx.get(f"{url}/api/v1/query", params=asked, trust_env=False).json()["data"]["result"]
    samples = [(one["metric"], [(at * 1000, float(value)) for at, value in one["values"]]) for one in answer]
    return [metric for metric, pairs in samples if not punctual(*zip(*pairs, strict=True))]


def punctual(times, values):
    """Whether a target answered each time, and no turn was left out."""
    return set(values) == {1.0} and all(b - a < 1900 * EVERY for a, b in pairwise(times))


def both_are_scraped(url):
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "sum(up)"}, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return [one["value"][1] for one in answer["data"]["result"]] == ["2"]


async def live(store, shop, shop_address, node_address):
    """Scrape for six seconds; after four, one series vanishes. Returns when that was."""
    http = client()
    scraper = Scraper(store, http, SystemClock(), allowed=lambda url: True)
    every = timedelta(seconds=EVERY)
    await scraper.update(
        [ScrapeJob("node", (node_address,), every, every), ScrapeJob("shop", (shop_address,), every, every)]
    )
    await asyncio.sleep(4)
    shop.passing, ended = False, datetime.now(UTC)
    await asyncio.sleep(2)
    await scraper.close()
    await http.aclose()
    return ended


def reader(url, http):
    return PrometheusReader(PrometheusApi(url, http, allowed=lambda url: True))


async def compute(source, expression, at_ms):
    wanted = await source.fetch(selections(expression, Grid.at(at_ms)))
    return dict(evaluate(expression, Grid.at(at_ms), wanted.__getitem__).instant())


async def test_both_hold_the_same_series(town):
    store, url, _ = town
    wanted = Selection((Matcher("job", "=~", "node|shop"),), 0, to_ms(datetime.now(UTC)))
    ours = store.select(wanted)
    async with client() as http:
        theirs = await reader(url, http).fetch([Selection(wanted.matchers, wanted.end_ms - 60_000, wanted.end_ms)])
    (theirs,) = theirs.values()
    volatile = {"scrape_samples_post_metric_relabeling"}
    their_labels = {labels for labels in theirs.labels if labels["__name__"] not in volatile}
    # Series of the node exporter come and go with the machine's devices; all but a handful must be the same.
    assert len(their_labels ^ set(ours.labels)) <= 6
    assert len(set(ours.labels) & their_labels) > 200
    constant = {"node_memory_MemTotal_bytes", "node_boot_time_seconds", "node_uname_info", "passing", "up"}
    at = {labels: i for i, labels in enumerate(theirs.labels)}
    compared = 0
    for i, labels in enumerate(ours.labels):
        if labels["__name__"] in constant:
            assert ours.series(i)[1][3] == theirs.series(at[labels])[1][3], labels
            compared += 1
    assert compared >= 6


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_over_prometheus_the_evaluation_agrees_with_prometheus(town, expression):
    """The same samples, two evaluators: bit for bit or nearly."""
    _, url, ended = town
    async with client() as http:
        source = reader(url, http)
        for seconds in (-1.0, 1.5):
            at = to_ms(ended) + int(seconds * 1000)
            ours = await compute(source, expression, at)
            answer = await http.get(f"{url}/api/v1/query", params={"query": expression, "time": f"{at / 1000:.3f}"})
            theirs = {frozenset(o["metric"].items()): float(o["value"][1]) for o in answer.json()["data"]["result"]}
            assert {frozenset(labels.items()): value for labels, value in ours.items()} == pytest.approx(
                theirs, rel=1e-9
            ), (expression, seconds)


async def test_over_both_sources_the_burn_rate_agrees(town):
    store, url, ended = town
    async with client() as http:
        for seconds in (-1.0, 0.0, 1.0):
            at = to_ms(ended) + int(seconds * 1000)
            (ours,) = (await compute(store, BURN, at)).values()
            (theirs,) = (await compute(reader(url, http), BURN, at)).values()
            assert ours == pytest.approx(0.05, rel=0.02)
            assert theirs == pytest.approx(ours, rel=0.02)


async def test_a_series_that_vanished_is_gone_in_both(town):
    store, url, ended = town
    at = to_ms(ended) + 1500
    async with client() as http:
        source = reader(url, http)
        for expression, values in (("passing", []), ('absent(passing{job="shop"})', [1.0])):
            assert list((await compute(store, expression, at)).values()) == values
            assert list((await compute(source, expression, at)).values()) == values
        assert list((await compute(store, "passing", at - 2500)).values()) == [1.0]

"""The scraper reads good targets on time whatever the bad ones do, and says the truth about both."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest
from tests.samples.peers import BAD, Peer

from sereno.adapters.clock import SystemClock
from sereno.adapters.samples.exposition import Limits
from sereno.adapters.samples.fetching import client
from sereno.adapters.samples.scraper import Scraper, first_wait
from sereno.adapters.samples.source import Metadata
from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.target import Target
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE_BITS, Matcher, Selection
from sereno.spec.model import ScrapeJob

START = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    """Moves when told."""

    def __init__(self):
        self.wall, self.steady = START, 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.steady

    def advance(self, seconds, wall=None):
        self.steady += seconds
        self.wall += timedelta(seconds=seconds if wall is None else wall)


async def never(_seconds):
    await asyncio.Event().wait()


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def store():
    store = SampleStore(None)
    yield store
    store.close()


def job(*targets, name="shop", every=15.0, timeout=1.0, **labels):
    return ScrapeJob(name, targets, timedelta(seconds=every), timedelta(seconds=timeout), Labels(labels))


def samples(store, name, **labels):
    """All values of one metric by its other labels; a staleness marker is the word stale."""
    wanted = (Matcher("__name__", "=", name), *(Matcher(k, "=", v) for k, v in labels.items()))
    columns = store.select(Selection(wanted, 0, 1 << 50))
    found = {}
    for i, one in enumerate(columns.labels):
        _, values = columns.series(i)
        found[one.without("__name__", "job", "instance")] = [
            "stale" if bits == STALE_BITS else value
            for value, bits in zip(values.tolist(), values.view("u8").tolist(), strict=True)
        ]
    return found


def only(store, name, **labels):
    (values,) = samples(store, name, **labels).values()
    return values


class Watching:
    """A scraper whose turns are taken by hand."""

    def __init__(self, store, allowed=lambda url: True, limits=None):
        self.clock, self.http = HandClock(), client()
        self.scraper = Scraper(store, self.http, self.clock, allowed=allowed, limits=limits, sleep=never)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.scraper.close()
        await self.http.aclose()

    async def turn(self, times=1):
        for _ in range(times):
            self.clock.advance(15)
            for stream in list(self.scraper._watches):
                await self.scraper.scrape(stream)
        return self.scraper.states()


async def test_a_target_is_read_under_its_job_and_instance(peer, store):
    peer.serve("/metrics", b'requests_total{code="200",job="theirs",exported_job="older"} 7\nup 0\n')
    async with Watching(store) as watching:
        await watching.scraper.update([job(peer.address, team="pay")])
        assert [state.health for state in watching.scraper.states()] == ["unknown"]
        (state,) = await watching.turn(2)
    assert (state.health, state.samples, state.error) == ("up", 2, None)
    assert state.url == f"http://{peer.address}/metrics"
    labels = Labels(code="200", exported_exported_job="theirs", exported_job="older", team="pay")
    assert samples(store, "requests_total", job="shop", instance=peer.address) == {labels: [7.0, 7.0]}
    assert only(store, "up", job="shop") == [1.0, 1.0]  # ours, not theirs
    assert only(store, "scrape_samples_scraped") == [2.0, 2.0]
    assert only(store, "scrape_series_added") == [1.0, 0.0]
    assert len(only(store, "scrape_duration_seconds")) == 2
    assert "openmetrics" in peer.asked[0][1]["Accept"]


async def test_series_that_vanish_end_and_a_silent_target_ends_all(peer, store):
    async with Watching(store) as watching:
        peer.serve("/metrics", b"a 1\nb 2\n")
        await watching.scraper.update([job(peer.address)])
        await watching.turn()
        peer.serve("/metrics", b"a 2\n")
        await watching.turn(2)
        peer.serve("/metrics", BAD["error_page"])
        (state,) = await watching.turn(2)
        assert (state.health, state.error) == ("down", "the target answered HTTP status 503")
        peer.serve("/metrics", b"a 3\nb 4\n")
        await watching.turn()
    assert only(store, "a") == [1.0, 2.0, 2.0, "stale", 3.0]
    assert only(store, "b") == [2.0, "stale", 4.0]
    assert only(store, "up") == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    assert only(store, "scrape_series_added") == [2.0, 0.0, 0.0, 0.0, 0.0, 1.0]


async def test_a_target_that_is_taken_out_ends_and_the_others_go_on(peer, store):
    one, two = peer.serve("/one", b"a 1\n"), peer.serve("/two", b"b 1\n")
    async with Watching(store) as watching:
        await watching.scraper.update([job(one, two)])
        await watching.turn()
        await watching.scraper.update([job(two, every=30), job("ftp://x", name="wrong")])
        await watching.turn()
        states = {state.job: state for state in watching.scraper.states()}
        assert (states["wrong"].health, states["shop"].health) == ("down", "up")
        assert "neither host:port nor" in states["wrong"].error
    assert only(store, "a") == [1.0, "stale"]
    assert only(store, "b") == [1.0, 1.0]
    ups = samples(store, "up")
    assert len(ups) == 1  # both paths are one instance: one series, whose last word is the living target's
    assert next(iter(ups.values()))[-1] == 1.0


COMPLAINTS = {
    "hangs": "no complete answer within 0.6 s",
    "drips": "no complete answer within 0.6 s",
    "garbage": "line 1: expected the name of a metric",
    "fifty_megabytes": "the body is larger than the limit of 10000000 bytes",
    "many_series": "200000 samples are more than the limit of 50000",
    "too_short": "without sending complete message body",
    "elsewhere": "redirects to another host (metadata.internal) are not followed",
    "in_circles": "more than 3 redirects",
    "gzip_bomb": "the body is larger than the limit of 10000000 bytes",
    "broken_gzip": "the compressed body is cut off",
    "not_gzip": "the body is not gzip",
    "not_http": "RemoteProtocolError",
    "error_page": "HTTP status 503",
    "web_page": "line 1: expected the name of a metric: '<!doctype",
    "cut_openmetrics": "does not end in # EOF",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_target_is_down_and_the_others_untouched(kind, peer, store):
    good, bad = peer.serve("/good", b"fine 1\n"), peer.serve(f"/{kind}", BAD[kind])
    patience = 0.6 if kind in ("hangs", "drips") else 10
    async with Watching(store) as watching:
        await watching.scraper.update([job(good, name="good", timeout=10), job(bad, name="bad", timeout=patience)])
        watching.clock.advance(15)
        streams = list(watching.scraper._watches)
        loop = asyncio.get_running_loop()
        began = loop.time()
        slow = asyncio.gather(*(watching.scraper.scrape(stream) for stream in streams))
        delays = []
        while not slow.done():
            before = loop.time()
            await asyncio.sleep(0.005)
            delays.append(loop.time() - before)
        assert loop.time() - began < 9
        states = {state.job: state for state in watching.scraper.states()}
    assert states["good"].health == "up"
    assert states["bad"].health == "down"
    assert COMPLAINTS[kind] in states["bad"].error
    assert only(store, "up", job="bad") == [0.0]
    assert only(store, "up", job="good") == [1.0]
    assert only(store, "fine") == [1.0]
    assert store.stats().series == 9
    assert max(delays) < 1.5  # the loop was never held up for long


async def test_gzip_and_redirects_at_home_are_understood(peer, store):
    peer.serve("/packed", lambda handler: handler.answer(gzip.compress(b"a 1\n"), Content_Encoding="gzip"))
    url = peer.serve("/old", lambda handler: handler.answer(b"", status=307, Location="/packed"))
    async with Watching(store) as watching:
        await watching.scraper.update([job(url)])
        (state,) = await watching.turn()
    assert (state.health, only(store, "a")) == ("up", [1.0])


async def test_nobody_is_called_against_the_policy(peer, store):
    url = peer.serve("/metrics", b"a 1\n")
    async with Watching(store, allowed=lambda url: False) as watching:
        await watching.scraper.update([job(url)])
        (state,) = await watching.turn()
    assert state.error == "policy does not allow calling this address"
    assert peer.asked == []


async def test_secrets_in_addresses_are_not_shown(peer, store):
    peer.serve("/metrics", b"a 1\n")
    async with Watching(store) as watching:
        await watching.scraper.update([job(f"http://ana:s3cret@{peer.address}/metrics")])
        (state,) = await watching.turn()
        assert "s3cret" not in repr(state) + repr(list(watching.scraper._watches))
    assert state.health == "up"
    assert peer.asked[0][1]["Authorization"].startswith("Basic ")


async def test_a_clock_that_goes_back_skips_until_it_has_caught_up(peer, store):
    peer.serve("/metrics", b"a 1\n")
    async with Watching(store) as watching:
        await watching.scraper.update([job(peer.address)])
        await watching.turn(2)
        watching.clock.advance(0, wall=-40)
        (state,) = await watching.turn(2)
        assert state.health == "unknown"
        assert "clock has gone back" in state.error
        assert watching.scraper.stats.skipped == 2
        (state,) = await watching.turn()
        assert (state.health, state.error) == ("up", None)
        watching.clock.advance(0, wall=3600)
        await watching.turn()
    assert len(only(store, "a")) == 4
    assert store.stats().refused == 0


async def test_a_store_that_is_full_loses_scrapes_not_the_thread_of_the_story(peer, store):
    """What could not be written is not taken as written: the end of a series is written when there is room."""
    full = False
    append = store.append

    async def sometimes(scrape):
        if full:
            raise Unavailable("the disk is full")
        return await append(scrape)

    store.append = sometimes
    async with Watching(store) as watching:
        peer.serve("/metrics", b"a 1\nb 1\n")
        await watching.scraper.update([job(peer.address)])
        await watching.turn()
        full = True
        peer.serve("/metrics", b"a 2\n")
        (state,) = await watching.turn()
        assert (state.health, state.error, watching.scraper.stats.dropped) == ("up", "the disk is full", 1)
        full = False
        await watching.turn()
    assert only(store, "b") == [1.0, "stale"]
    assert only(store, "a") == [1.0, 2.0]


async def test_after_a_restart_the_story_goes_on(peer, tmp_path):
    peer.serve("/metrics", b"a 1\n")
    store = SampleStore(tmp_path / "samples.db")
    async with Watching(store) as watching:
        await watching.scraper.update([job(peer.address)])
        await watching.turn(2)
    store.close()
    store = SampleStore(tmp_path / "samples.db")
    async with Watching(store) as watching:
        watching.clock.advance(10)
        await watching.scraper.update([job(peer.address)])
        (state,) = await watching.turn()  # 25 s: before the last sample
        assert "clock has gone back" in state.error
        await watching.turn()
    assert only(store, "a") == [1.0, 1.0, 1.0]
    assert only(store, "up") == [1.0, 1.0, 1.0]
    store.close()


async def test_more_samples_than_allowed_are_refused_whole(peer, store):
    peer.serve("/metrics", b"a 1\nb 1\nc 1\n")
    async with Watching(store, limits=Limits(samples=2)) as watching:
        await watching.scraper.update([job(peer.address)])
        (state,) = await watching.turn()
    assert state.error == "3 samples are more than the limit of 2"
    assert samples(store, "a") == {}


async def test_turns_come_regularly_and_each_target_has_its_place(peer, store):
    """With the real clock: many targets, one of which never answers, at five turns a second."""
    targets = [peer.serve(f"/t{i}", b"a %d\n" % i) for i in range(10)] + [peer.serve("/hangs", BAD["hangs"])]
    http = client()
    scraper = Scraper(store, http, SystemClock(), allowed=lambda url: True)
    await scraper.update([job(url, name=f"j{i}", every=0.2, timeout=0.15) for i, url in enumerate(targets)])
    await asyncio.sleep(1.5)
    await scraper.close()
    await http.aclose()
    columns = store.select(Selection((Matcher("__name__", "=", "up"),), 0, 1 << 50))
    assert len(columns) == 11
    for i in range(11):
        times, _ = columns.series(i)
        assert 4 <= len(times) <= 8
    assert samples(store, "up", job="j10") != {}
    assert set(only(store, "up", job="j10")) == {0.0}
    assert set(only(store, "up", job="j3")) == {1.0}


def test_places_in_the_interval_are_spread_and_stay():
    targets = [Target.of(job("x"), f"host{i}:9100") for i in range(300)]
    waits = [first_wait(target, START) for target in targets]
    assert waits == [first_wait(target, START) for target in targets]
    assert all(timedelta(0) <= wait < timedelta(seconds=15) for wait in waits)
    thirds = [sum(1 for w in waits if int(w.total_seconds() // 5) == third) for third in range(3)]
    assert min(thirds) > 60


@pytest.mark.parametrize(
    ("address", "url", "instance"),
    [
        ("db:9100", "http://db:9100/metrics", "db:9100"),
        ("https://shop.example", "https://shop.example/metrics", "shop.example:443"),
        ("http://shop.example/stats?all=1", "http://shop.example/stats?all=1", "shop.example:80"),
        ("[::1]:9100", "http://[::1]:9100/metrics", "[::1]:9100"),
    ],
)
def test_addresses_become_urls_and_instances(address, url, instance):
    target = Target.of(job(address), address)
    assert (target.url, target.labels["instance"]) == (url, instance)


@pytest.mark.parametrize("address", ["", "http://", "file:///etc/passwd", "db:port", "db:99999"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match=r".+"):
        Target.of(job(address), address)


async def test_samples_with_a_timestamp_are_kept_at_it_and_do_not_end(peer, store):
    now_ms = round(START.timestamp() * 1000) + 15_000
    body = b"plain 1\ndated 5 %d\nold 6 %d\nahead 7 %d\n"
    peer.serve("/metrics", body % (now_ms - 40_000, now_ms - 30 * 86_400_000, now_ms + 3_600_000))
    async with Watching(store) as watching:
        await watching.scraper.update([job(peer.address)])
        (state,) = await watching.turn()
        assert (state.health, state.samples, state.error) == ("up", 4, None)
        columns = store.select(Selection((Matcher("__name__", "=", "dated"),), 0, 1 << 50))
        assert columns.times.tolist() == [now_ms - 40_000]
        assert only(store, "old") == [6.0], "a new series may be as old as it likes"
        assert samples(store, "ahead") == {}
        assert watching.scraper.stats.refused == 1
        peer.serve("/metrics", b"plain 1\n")
        await watching.turn()
        assert only(store, "dated") == [5.0]
        assert only(store, "scrape_samples_scraped") == [4.0, 1.0]


async def test_timestamps_need_not_be_honoured(peer, store):
    peer.serve("/metrics", b"dated 5 1000\n")
    async with Watching(store) as watching:
        watching.scraper._honor = False
        await watching.scraper.update([job(peer.address)])
        await watching.turn(2)
    assert only(store, "dated") == [5.0, 5.0]


async def test_what_a_target_says_of_its_metrics_is_kept(peer, store):
    peer.serve("/metrics", b"# TYPE a counter\n# HELP a What it is.\na 1\n")
    async with Watching(store) as watching:
        await watching.scraper.update([job(peer.address)])
        await watching.turn(2)
    assert store.metadata() == {"a": [Metadata("counter", "What it is.")]}

"""A round of rules asks for thousands of selections at once: each gets what it would get alone, to the last bit."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.adapters.samples import together
from sereno.adapters.samples.source import Scrape, SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.errors import QueryError, QueryLimit
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Matcher, Selection
from sereno.promql.native import Histogram

T0 = 1_767_225_600_000
HOUR = 3_600_000
SERIES = [
    Labels(__name__=name, job=job, code=code)
    for name in ("asked_total", "seconds")
    for job in ("a", "b", "c")
    for code in ("200", "500")
]
NAMED = st.sampled_from(
    [Matcher("__name__", "=", "asked_total"), Matcher("__name__", "=", "seconds"), Matcher("__name__", "!=", "")]
)
NARROWED = st.sampled_from(
    [
        Matcher("job", "=", "a"),
        Matcher("job", "=~", "a|c"),
        Matcher("job", "!=", "b"),
        Matcher("code", "=~", "5.."),
        Matcher("code", "!~", "5.."),
        Matcher("job", "=", "nobody"),
        Matcher("zone", "=", ""),
    ]
)
INSTANTS = st.integers(0, 20).map(lambda step: T0 + step * HOUR // 8)


@st.composite
def stores(draw):
    """Targets that come and go, senders who come late and send native histograms, some of it compressed."""
    store = SampleStore(None)
    for number in range(draw(st.integers(1, 6))):
        chosen = draw(st.lists(st.sampled_from(SERIES), min_size=1, max_size=8, unique=True))
        at = draw(INSTANTS)
        if draw(st.booleans()):
            stream = draw(st.sampled_from("xy"))
            for step in range(draw(st.integers(1, 30))):
                values = np.arange(len(chosen), dtype=float) + number * 100 + step
                store.append_sync(Scrape(stream, at + step * 300_000, tuple(chosen), values))
        else:
            times = at + np.arange(draw(st.integers(1, 9)), dtype=np.int64) * 60_000
            histograms = np.full(len(times), None, dtype=object)
            if draw(st.booleans()):
                histograms[0] = Histogram(0, float(number), 1.0)
            some = None if histograms[0] is None else histograms
            samples = [SeriesSamples(one, times, np.full(len(times), float(number)), some) for one in chosen]
            store.write_sync(samples, "test", any_age=True)
        if draw(st.booleans()):
            store.maintain_sync(from_ms(T0 + 6 * HOUR))
    return store


selections = st.builds(
    lambda named, narrowed, start, span: Selection((named, *narrowed), start, start + span),
    NAMED,
    st.lists(NARROWED, max_size=2),
    st.sampled_from([T0, T0 + HOUR]),
    st.sampled_from([HOUR // 4, 5 * HOUR]),
)


def fetched(store, wanted):
    return asyncio.run(store.fetch(wanted))


def same(one, other):
    assert one.labels == other.labels
    assert one.offsets.tolist() == other.offsets.tolist()
    assert one.times.tolist() == other.times.tolist()
    assert one.values.tobytes() == other.values.tobytes()
    assert (one.histograms is None) == (other.histograms is None)
    if one.histograms is not None:
        assert one.histograms.tolist() == other.histograms.tolist()


@settings(max_examples=80, deadline=None)
@given(stores(), st.lists(selections, min_size=1, max_size=12), st.sampled_from([6_000_000, 5, 40]))
def test_many_at_once_get_what_each_gets_alone(store, wanted, held):
    before, together.TOGETHER_SAMPLES = together.TOGETHER_SAMPLES, held
    try:
        found = fetched(store, wanted)
    finally:
        together.TOGETHER_SAMPLES = before
    assert list(found) == list(dict.fromkeys(wanted))
    for one in found:
        same(found[one], store.select(one))


def test_one_that_is_wrong_or_too_large_is_told_as_alone():
    store = SampleStore(None, samples_max=20)
    for step in range(600):
        store.append_sync(Scrape("x", T0 + step * 30_000, tuple(SERIES), np.zeros(len(SERIES))))
    store.maintain_sync(from_ms(T0 + 6 * HOUR))
    small = [Selection((Matcher("job", "=", job),), T0, T0 + 60_000) for job in "abc"]
    assert {len(one.times) for one in fetched(store, small).values()} == {12}
    large = Selection((Matcher("job", "=~", ".+"),), T0, T0 + 60_000)
    with pytest.raises(QueryLimit, match="more than 20 samples"):
        fetched(store, [*small, large])
    with pytest.raises(QueryError):
        fetched(store, [*small, Selection((Matcher("job", "=~", "("),), T0, T0 + 60_000)])

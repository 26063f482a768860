"""What Explore makes of a form and of values, without a browser."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http.conftest import Furnisher, House
from tests.http.shop import LIMA, NOW

from sereno.app.http.explore import common_of, read
from sereno.app.http.explore_plot import GRAIN, Plot, bounds, compact, levels, moments, path, plot_svg
from sereno.app.http.pages import Speech
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms

SPEECH = Speech("es", NOW, LIMA)
HOUR = 3_600_000
FINITE = st.floats(-1e300, 1e300)


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({}, ()), ({"since": "5m"}, ()), ({"since": "400d"}, ()), ({"since": "401d"}, ("since",)),
        ({"since": "0s"}, ("since",)), ({"since": "x" * 99}, ("since",)), ({"until": "2026-03-01T10:00"}, ()),
        ({"until": "soon"}, ("until",)), ({"until": "0001-01-01T00:00"}, ("until",)),
        ({"until": "9999-12-31T23:59"}, ("until",)), ({"step": "15"}, ()), ({"step": "15s"}, ()), ({"step": "0"}, ("step",)),
        ({"step": "-5"}, ("step",)), ({"since": "30d", "step": "1s"}, ("step",)), ({"mode": "dance"}, ()),
        ({"since": "9" * 30 + "y", "step": "9" * 39}, ("since", "step")),
    ],
)  # fmt: skip
def test_a_form_is_understood_or_says_what_is_not(form: dict[str, str], wrong: tuple[str, ...]) -> None:
    asked = read(form, SPEECH)
    assert asked.wrong == wrong
    assert asked.grid.start_ms <= asked.grid.end_ms
    assert 1 <= len(asked.grid.instants_ms) <= 11_001


def test_the_instants_of_a_period_stay_the_same_from_one_look_to_the_next() -> None:
    first = read({"since": "6h"}, SPEECH).grid
    later = read({"since": "6h"}, Speech("es", datetime(2026, 3, 18, 2, 42, 50, tzinfo=UTC), LIMA)).grid
    assert first.step_ms == later.step_ms == 120_000
    assert set(first.instants_ms[2:].tolist()) <= set(later.instants_ms.tolist())
    assert to_ms(NOW) - first.end_ms < first.step_ms


def test_until_is_told_on_the_readers_clock() -> None:
    asked = read({"until": "2026-03-17T20:00", "mode": "instant"}, SPEECH)
    assert asked.grid.end_ms == to_ms(datetime(2026, 3, 18, 1, 0, tzinfo=UTC))


@given(FINITE, FINITE)
def test_the_edges_of_a_plot_hold_every_value(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    bottom, top = bounds(low, high)
    assert bottom <= low <= high <= top
    assert bottom < top


@given(FINITE, FINITE)
def test_levels_are_few_and_inside(a: float, b: float) -> None:
    low, high = bounds(min(a, b), max(a, b))
    found = levels(low, high)
    assert 1 <= len(found) <= 7
    slack = abs(high - low) * 1e-6
    assert all(low - slack <= one <= high + slack for one in found)
    for one in found:
        assert compact(one, "es")


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 10, [0, 2, 4, 6, 8, 10]), (-3, 7, [-2, 0, 2, 4, 6]), (98, 102, [98, 99, 100, 101, 102])],
)  # fmt: skip
def test_levels_are_round(low: float, high: float, found: list[float]) -> None:
    assert levels(low, high) == pytest.approx(found)


@pytest.mark.parametrize(
    ("value", "es", "en"),
    [(0, "0", "0"), (1500, "1.500", "1,500"), (15_000, "15 k", "15 k"), (2.5e6, "2,5 M", "2.5 M"), (-3e9, "-3 G", "-3 G"),
     (0.05, "0,05", "0.05"), (1e-7, "1e-07", "1e-07"), (1e30, "1e+30", "1e+30")],
)  # fmt: skip
def test_numbers_of_an_axis_are_short(value: float, es: str, en: str) -> None:
    assert (compact(value, "es"), compact(value, "en")) == (es, en)


def test_times_are_round_on_the_readers_clock() -> None:
    start = to_ms(datetime(2026, 3, 18, 2, 41, tzinfo=UTC))
    assert [text for _, text in moments(start, start + HOUR, LIMA)] == [
        "21:50",
        "22:00",
        "22:10",
        "22:20",
        "22:30",
        "22:40",
    ]
    days = moments(start, start + 7 * 24 * HOUR, LIMA)
    assert [text for _, text in days] == ["19/03", "21/03", "23/03"] or len(days) <= 6
    assert moments(start, start, LIMA) == [] or len(moments(start, start, LIMA)) == 1
    spring = to_ms(datetime(2026, 3, 28, 22, 0, tzinfo=UTC))  # an hour is left out that night
    assert moments(spring, spring + 8 * HOUR, "Europe/Madrid")


@given(st.integers(0, 400 * 24 * 3600))
def test_there_are_never_too_many_times(seconds: int) -> None:
    start = to_ms(NOW)
    assert len(moments(start, start + seconds * 1000, "Europe/Madrid")) <= 8


def test_a_line_breaks_where_there_is_nothing() -> None:
    times = np.arange(5) * 1000
    drawn = path(times, np.array([0.0, 1.0, np.nan, 1.0, np.inf]), 0.0, 1.0)
    assert drawn == f"M0.0 {GRAIN}.0L250.0 0.0M750.0 0.0h0"
    assert path(times[:1], np.array([1.0]), 0.0, 2.0) == "M0.0 500.0h0"
    assert path(times, np.full(5, np.nan), 0.0, 1.0) == ""


@given(st.lists(st.floats(), min_size=1, max_size=30))
def test_whatever_the_values_a_plot_is_drawn_or_nothing(values: list[float]) -> None:
    times = np.arange(len(values), dtype=np.int64) * 15_000 + to_ms(NOW)
    svg = plot_svg(Plot(times, np.array([values]), "<b>", 'a "title"'), LIMA, "es")
    if not (np.abs(values) <= 1e300).any():
        assert svg == ""
        return
    assert "<b>" not in svg
    assert "nan" not in svg.lower().replace("nanum", "")
    assert not re.search(r'"-?inf', svg)


def test_what_all_series_carry_is_told_once() -> None:
    series = [Labels(__name__="up", job="a", instance=i) for i in "xyz"]
    assert common_of(series) == Labels(__name__="up", job="a")
    assert common_of(series[:1]) == Labels()
    assert common_of([]) == Labels()


# -- the page -----------------------------------------------------------------------------------------------


async def page(house: House, **asked: str) -> str:
    browser = getattr(house, "browser", None) or await house.visitor("viewer")
    house.browser = browser  # type: ignore[attr-defined]
    answer = await browser.get("/explore", params=asked)
    assert answer.status_code == 200
    return answer.text


async def test_evil_labels_and_expressions_are_shown_as_text(house: House) -> None:
    evil = "<script>alert(1)</script>\"' onmouseover=x"
    for expr in (
        f'label_replace(vector(1), "a", "{evil}", "", "")'.replace("\"'", "'"),
        evil,
        f"'{evil}'",
        '"</textarea>',
    ):
        for mode in ("range", "instant"):
            text = await page(house, expr=expr, mode=mode)
            assert "<script>alert" not in text
            assert text.count("</textarea>") == 1
            assert 'onmouseover=x"' not in text


async def test_many_series_are_drawn_as_far_as_one_can_tell_them_apart(house_of: Furnisher) -> None:
    house = await house_of("calm")
    times = np.arange(to_ms(NOW) - HOUR, to_ms(NOW) + 1, 15_000, dtype=np.int64)
    house.control.source.series = [  # type: ignore[attr-defined]
        (Labels(__name__="many", n=f"{n:03}"), times, np.full(len(times), float(n))) for n in range(400)
    ]
    text = await page(house, expr="many", since="1h")
    assert text.count('<path class="line') == 20
    assert "Se dibujan las 20 de valores más altos." in text
    assert "399" in text
    assert 'label-value">379<' not in text
    points: Any = json.loads(unescape(re.search(r'data-plot="([^"]+)"', text)[1]))  # type: ignore[index]
    assert len(points["rows"]) == 20
    assert len(points["times"]) == len(points["rows"][0]) <= 300
    listed = await page(house, expr="many", mode="instant")
    assert listed.count('role="rowheader"') == 300
    assert "Se listan las primeras 300." in listed


async def test_nobody_explores_without_signing_in(house: House) -> None:
    answer = await (await house.visitor()).get("/explore", params={"expr": "up"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


async def test_a_question_too_long_is_told_kindly(house: House) -> None:
    assert "20,001 &gt; 20,000" in await page(house, expr="a" * 20_500)

"""Which tiers an objective gets: the worked tables, and what was left out and why."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.slo.fleet import promise

from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.errors import UsageError
from sereno.slo import SloPlan, plan
from sereno.slo.tiers import STEPS_MS, snap
from sereno.spec.model import Service

SHOP = Service("payments", "payments")


def planned(target: str, period: str, *, every: str = "15s", evaluated: str = "15s", language: str = "en") -> SloPlan:
    return plan(
        SHOP,
        promise(target, parse_duration(period)),
        scrape_interval=parse_duration(every),
        evaluation_interval=parse_duration(evaluated),
        language=language,  # type: ignore[arg-type]
    )


def tiers(found: SloPlan) -> list[str]:
    """kind, windows, factor, and when a whole budget would be gone."""
    return [
        f"{t.kind} {format_duration(t.long)}/{format_duration(t.short)} ×{t.factor} {format_duration(t.exhausts_in)}"
        for t in found.tiers
    ]


def dropped(found: SloPlan) -> list[str]:
    return [f"{format_duration(d.long)} ×{d.factor} {d.reason}" for d in found.dropped]


HOUR_30D, SIX_30D, DAY_30D = "page 1h/5m ×14.4 2d2h", "page 6h/30m ×6 5d", "ticket 1d/2h ×3 10d"
HOUR_28D, SIX_28D, DAY_28D = "page 1h/5m ×13.44 2d2h", "page 6h/30m ×5.6 5d", "ticket 1d/2h ×2.8 10d"
QUARTER_7D, TWO_7D, SIX_7D = "page 15m/5m ×13.44 12h30m", "page 2h/10m ×4.2 1d16h", "ticket 6h/30m ×2.8 2d12h"
QUARTER_1D, HOUR_1D = "page 15m/5m ×4.8 5h", "ticket 1h/5m ×2.4 10h"

TABLE = {
    # The workbook's windows. At 1× the last spends exactly what is allowed: no reason to disturb anyone.
    ("99.99%", "30d"): ([HOUR_30D, SIX_30D, DAY_30D], ["3d ×1 meaningless"]),
    ("99.9%", "30d"): ([HOUR_30D, SIX_30D, DAY_30D], ["3d ×1 meaningless"]),
    ("99%", "30d"): ([HOUR_30D, SIX_30D, DAY_30D], ["3d ×1 meaningless"]),
    # 14.4 × 10 % is 144 % of bad events.
    ("90%", "30d"): ([SIX_30D, DAY_30D], ["1h ×14.4 unreachable", "3d ×1 meaningless"]),
    # Four weeks: the same windows, other factors; the last fires within the budget.
    ("99.99%", "28d"): ([HOUR_28D, SIX_28D, DAY_28D], ["3d ×0.933333333333 meaningless"]),
    ("99.9%", "28d"): ([HOUR_28D, SIX_28D, DAY_28D], ["3d ×0.933333333333 meaningless"]),
    ("99%", "28d"): ([HOUR_28D, SIX_28D, DAY_28D], ["3d ×0.933333333333 meaningless"]),
    ("90%", "28d"): ([SIX_28D, DAY_28D], ["1h ×13.44 unreachable", "3d ×0.933333333333 meaningless"]),
    # A week: 15m, 90m → 2h, 6h, 18h → 1d.
    ("99.99%", "7d"): ([QUARTER_7D, TWO_7D, SIX_7D], ["1d ×0.7 meaningless"]),
    ("99.9%", "7d"): ([QUARTER_7D, TWO_7D, SIX_7D], ["1d ×0.7 meaningless"]),
    ("99%", "7d"): ([QUARTER_7D, TWO_7D, SIX_7D], ["1d ×0.7 meaningless"]),
    ("90%", "7d"): ([TWO_7D, SIX_7D], ["15m ×13.44 unreachable", "1d ×0.7 meaningless"]),
    # A day: 2m9s → 5m, 12m51s → 15m, 51m → 1h, 154m → 3h.
    ("99.99%", "24h"): ([QUARTER_1D, HOUR_1D], ["5m ×5.76 too_short", "3h ×0.8 meaningless"]),
    ("99.9%", "24h"): ([QUARTER_1D, HOUR_1D], ["5m ×5.76 too_short", "3h ×0.8 meaningless"]),
    ("99%", "24h"): ([QUARTER_1D, HOUR_1D], ["5m ×5.76 too_short", "3h ×0.8 meaningless"]),
    ("90%", "24h"): ([QUARTER_1D, HOUR_1D], ["5m ×5.76 too_short", "3h ×0.8 meaningless"]),
}


@pytest.mark.parametrize(("target", "period"), TABLE)
def test_the_worked_table(target: str, period: str) -> None:
    found = planned(target, period)
    assert (tiers(found), dropped(found)) == TABLE[target, period]


def test_what_only_a_total_outage_would_reach_is_never_exceeded() -> None:
    """40 days at 87.5 %: 8 × 12.5 % is all of the events, and nothing is more than all."""
    assert "6h ×8 unreachable" in dropped(planned("87.5%", "40d"))


def test_longer_periods_keep_all_four() -> None:
    found = planned("99.9%", "90d")
    assert [str(t.factor) for t in found.tiers] == ["43.2", "18", "9", "3"]
    assert [t.kind for t in found.tiers] == ["page", "page", "ticket", "ticket"]
    assert not found.dropped


def test_the_share_at_detection_is_what_was_promised() -> None:
    assert [t.share for t in planned("99.9%", "90d").tiers] == [Decimal("0.02"), Decimal("0.05")] + [Decimal("0.1")] * 2


def test_a_short_period_keeps_what_can_be_told_apart() -> None:
    """Of 12 hours, 1h and 6h become 5m and 5m: as short as their own short windows."""
    found = planned("99.9%", "12h")
    assert (tiers(found), dropped(found)) == (
        ["ticket 30m/5m ×2.4 5h", "ticket 1h/5m ×1.2 10h"],
        ["5m ×2.88 too_short", "5m ×7.2 too_short"],
    )


@pytest.mark.parametrize(
    ("every", "evaluated", "shorts"),
    [
        ("15s", "15s", ["5m", "30m", "2h"]),
        ("75s", "15s", ["5m", "30m", "2h"]),  # exactly four scrapes in 5m
        ("76s", "15s", ["10m", "30m", "2h"]),  # never fewer
        ("15s", "90s", ["10m", "30m", "2h"]),  # the evaluation counts as much as the scrape
        ("5m", "15s", ["30m", "30m", "2h"]),
    ],
)
def test_a_short_window_holds_four_scrapes(every: str, evaluated: str, shorts: list[str]) -> None:
    found = planned("99.9%", "30d", every=every, evaluated=evaluated)
    assert [format_duration(t.short) for t in found.tiers] == shorts


def test_scrapes_too_rare_for_a_window_drop_it() -> None:
    found = planned("99.9%", "30d", every="20m")
    assert dropped(found)[0] == "1h ×14.4 too_short"
    assert "needs at least four scrapes" in found.dropped[0].explanation


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["1 h at 14.4× could never fire: it would take 144% of bad events (objective 90%)",
                "3 d at 1× would fire with the budget in no danger"]),
        ("es", ["1 h a 14,4× nunca podría dispararse: haría falta un 144 % de eventos malos (objetivo 90 %)",
                "3 d a 1× se dispararía sin que el presupuesto esté en peligro"]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_explained(language: str, words: list[str]) -> None:
    explanations = [d.explanation for d in planned("90%", "30d", language=language).dropped]
    assert all(said.startswith(word) for said, word in zip(explanations, words, strict=True))


@pytest.mark.parametrize(("target", "period"), [("100%", "30d"), ("0%", "30d"), ("99%", "0")])
def test_a_promise_without_budget_is_refused(target: str, period: str) -> None:
    with pytest.raises(UsageError, match="no error budget"):
        planned(target, period)


@given(st.integers(1, 120 * 24), st.decimals("0.01", "99.99", places=2), st.integers(1, 3600), st.integers(1, 3600))
def test_every_tier_means_something(hours: int, target: Decimal, scrape_s: int, evaluation_s: int) -> None:
    found = planned(f"{target}%", f"{hours}h", every=f"{scrape_s}s", evaluated=f"{evaluation_s}s")
    assert len(found.tiers) + len(found.dropped) == 4
    assert len(found.rules) == len(found.tiers) == len({tier.long for tier in found.tiers})
    for tier in found.tiers:
        assert tier.factor > 1
        assert tier.factor * found.slo.objective.budget < 1
        assert tier.long > tier.short >= 4 * timedelta(seconds=max(scrape_s, evaluation_s))
        share = Fraction(tier.factor) * (tier.long // timedelta(seconds=1)) / (hours * 3600)
        assert abs(share / Fraction(tier.share) - 1) < Fraction(1, 10**11)
        assert tier.exhausts_in == tier.long / float(tier.share)


@given(st.fractions(1, 400_000_000))
def test_snapping_finds_the_nearest_by_ratio(wanted_ms: Fraction) -> None:
    nearest = snap(wanted_ms)
    assert all(max(nearest / wanted_ms, wanted_ms / nearest) <= max(s / wanted_ms, wanted_ms / s) for s in STEPS_MS)

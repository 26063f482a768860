"""How full things are: alerts at levels, and days ahead where the trend is real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from tests.slo.minutes import of_columns

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Grid, Settings, evaluate, parse
from sereno.slo import rules_of
from sereno.slo.saturation import ahead_expression, saturation_rules
from sereno.spec.model import Addresses, Saturation, Service, Spec, Team, Threshold

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
POOL = Saturation(
    "connection-pool",
    "pool_active / pool_max",
    (Threshold(Decimal("0.9"), 5 * MINUTE, "P2"), Threshold(Decimal("0.8"), 10 * MINUTE, "P3")),
    "The pool",
    ahead=7 * DAY,
    runbook="runbooks/pool.md",
)
SPEC = Spec(
    services={"api": Service("api", "payments", title="API", saturation=(POOL,))},
    teams={"payments": Team("payments", "e", "Payments people")},
    addresses=Addresses(console="https://sereno.example", runbooks="https://git.example/r"),
)


def test_each_level_is_an_alert_and_so_is_the_time_ahead() -> None:
    rules = saturation_rules(SPEC, SPEC.services["api"])
    assert [(r.name, r.severity, r.for_) for r in rules] == [
        ("ApiConnectionPoolSaturation80", "P3", 10 * MINUTE),
        ("ApiConnectionPoolSaturation90", "P2", 5 * MINUTE),
        ("ApiConnectionPoolFullAhead", "P3", HOUR),
    ]
    assert rules[0].expr == "(pool_active / pool_max) >= 0.8"
    assert [rule.key for rule in rules] == [
        "api/saturation:connection-pool/80%", "api/saturation:connection-pool/90%", "api/saturation:connection-pool/ahead",
    ]  # fmt: skip
    assert rules[0].labels == {
        "service": "api", "team": "payments", "severity": "P3", "saturation": "connection-pool", "level": "80%",
    }  # fmt: skip
    assert rules[0].annotations == {
        "summary": "API: The pool is 80% full or more",
        "description": "The pool has been at 80% of its capacity or more for 10 min; the next level is 90%. Once it is"
        " full, API will fail.",
        "owner": "Payments people",
        "runbook_url": "https://git.example/r/runbooks/pool.md",
        "dashboard_url": "https://sereno.example/services/api",
    }
    assert "next level" not in rules[1].annotations["description"]
    for rule in rules:
        parse(rule.expr)
    assert [r.name for r in rules_of(SPEC, evaluation_interval=MINUTE)] == [r.name for r in rules]


def test_in_spanish() -> None:
    rules = saturation_rules(SPEC, SPEC.services["api"], language="es")
    assert rules[0].annotations["summary"] == "API: The pool está al 80 % o más"
    assert rules[2].annotations["summary"] == "API: The pool se llenará dentro de 7 d"


class TestAhead:
    """A disk that fills: used over a day, a sample a minute."""

    DISK = Saturation("disk", "used", (), ahead=7 * DAY)

    def answer(self, used: np.ndarray, minutes: int = 1440) -> list[float]:
        times = to_ms(START) + 60_000 * np.arange(1440)[-minutes:]
        select = of_columns([(Labels(__name__="used", disk="sda"), times, used[-minutes:])])
        grid = Grid.at(to_ms(START + DAY))
        expr = ahead_expression(self.DISK, 7 * DAY)
        return [value for _, value in evaluate(expr, grid, select, settings=Settings.of(3)).instant()]

    def test_it_warns_where_the_line_reaches_one_in_time(self) -> None:
        """From 0.5 by 0.1 a day: full in four days and not seven."""
        day = np.arange(1440) / 1440
        (ahead,) = self.answer(0.5 + 0.1 * day)
        assert ahead == pytest.approx(0.6 + 0.7, abs=0.01)

    def test_not_where_it_takes_longer(self) -> None:
        assert self.answer(0.2 + 0.1 * np.arange(1440) / 1440) == []  # 0.3 + 0.7 = 1.0 less a sample

    def test_not_while_it_falls_or_stands_even_when_full(self) -> None:
        assert self.answer(1.2 - 0.1 * np.arange(1440) / 1440) == []
        assert self.answer(np.full(1440, 1.0)) == []

    def test_not_with_too_little_history(self) -> None:
        day = np.arange(1440) / 1440
        assert self.answer(0.5 + 0.2 * day, minutes=11 * 60) == []
        assert len(self.answer(0.5 + 0.2 * day, minutes=13 * 60)) == 1

    def test_several_series_are_several_alerts(self) -> None:
        times, day = to_ms(START) + 60_000 * np.arange(1440), np.arange(1440) / 1440
        rows = [(Labels(__name__="used", disk=name), times, 0.6 + 0.2 * day) for name in ("sda", "sdb")]
        found = evaluate(
            ahead_expression(self.DISK, 7 * DAY), Grid.at(to_ms(START + DAY)), of_columns(rows), settings=Settings.of(3)
        )
        assert sorted(labels["disk"] for labels, _ in found.instant()) == ["sda", "sdb"]

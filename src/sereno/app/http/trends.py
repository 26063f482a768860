"""Charts of budgets: computed at most once a budget's round, however many people look."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from sereno.app.http.charts import Legend, Series, burn_svg
from sereno.app.http.pages import Speech
from sereno.kernel.errors import SerenoError
from sereno.slo import formula, policies
from sereno.slo.traffic import quiet_tiers
from sereno.spec.model import Service, Slo

if TYPE_CHECKING:
    from sereno.app.control import Control
    from sereno.slo.model import BurnChart, Correction, SloPlan

CHART_ROWS = 30
_log = structlog.get_logger("sereno.http")


class Trends:
    """The burn charts of a control plane, kept until their budget is counted again."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._kept: dict[tuple[str, str], tuple[object, BurnChart | None]] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def of(self, service: str, slo: str) -> BurnChart | None:
        """The chart, or None when it cannot be drawn now: a page without a chart is still a page."""
        key = (service, slo)
        async with self._locks.setdefault(key, asyncio.Lock()):
            asof = self._as_of(key)
            if key not in self._kept or self._kept[key][0] != asof:
                self._kept[key] = (asof, await self._draw(key))
            return self._kept[key][1]

    def _as_of(self, key: tuple[str, str]) -> object:
        budget = self._control.budgets.get(key)
        if budget is None:
            return self._control.clock.now().replace(second=0, microsecond=0)
        return budget.at, budget.remaining, budget.excluded  # a correction may come within the same instant

    async def _draw(self, key: tuple[str, str]) -> BurnChart | None:
        try:
            return await self._control.chart(*key)
        except (SerenoError, KeyError) as error:
            _log.warning("chart_failed", service=key[0], slo=key[1], error=str(error))
            return None


@dataclass(frozen=True, slots=True)
class SloView:
    """One objective as its page shows it."""

    slo: Slo
    plan: SloPlan | None
    budget: Any
    chart: BurnChart | None
    svg: str
    rows: tuple[tuple[datetime, Any, Any], ...]
    counted: str | None = None
    exhaustion: str | None = None
    projection: str | None = None
    policy: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    frozen: bool = False
    corrections: tuple[Correction, ...] = ()


def series_of(drawn: BurnChart) -> Series:
    """What the chart draws."""
    return Series(drawn.times, tuple(None if value is None else float(value) for value in drawn.remaining))


async def slo_view(
    control: Control, trends: Trends, service: Service, slo: Slo, speech: Speech,
    corrections: tuple[Correction, ...] = (),
) -> SloView:  # fmt: skip
    """Everything that the service's page says about one objective."""
    key = (service.name, slo.name)
    drawn = await trends.of(*key)
    svg = ""
    rows: tuple[tuple[datetime, Any, Any], ...] = ()
    if drawn is not None and len(drawn.times) > 1:
        svg = burn_svg(series_of(drawn), legend(drawn, slo, speech), speech.zone, speech.language)
        rows = chart_rows(drawn)
    budget, language = control.budgets.get(key), speech.language
    standing = policies.standing(control.spec.current, slo, budget)
    return SloView(
        slo, control.plans.get(key), budget, drawn, svg, rows,
        counted=formula.counted(budget, language) if budget else None,
        exhaustion=formula.exhaustion(budget, speech.zone, language) if budget else None,
        projection=formula.projection(budget, speech.zone, language) if budget else None,
        policy=policies.told(standing, language) if standing else (),
        quiet=quiet_tiers(control.plans.get(key), budget, language),
        frozen=bool(standing and standing.frozen),
        corrections=tuple(one for one in corrections if one.slo in (None, slo.name)),
    )  # fmt: skip


def legend(drawn: BurnChart, slo: Slo, speech: Speech) -> Legend:
    """The chart in words, for those who do not see it."""
    known = [value for value in drawn.remaining if value is not None]
    gaps = speech.t("chart.gaps" if len(known) < len(drawn.remaining) else "chart.no_gaps")
    described = speech.t(
        "chart.describe", start=speech.when(drawn.times[0]), end=speech.when(drawn.times[-1]),
        first=speech.percent(known[0] if known else None), low=speech.percent(min(known, default=None)),
        last=speech.percent(drawn.remaining[-1]), gaps=gaps,
    )  # fmt: skip
    return Legend(
        uid="c-" + re.sub(r"[^a-z0-9]+", "-", slo.name.lower()),
        title=speech.t("chart.title", slo=slo.name),
        description=described,
        at_risk=speech.t("chart.at_risk"),
        exhausted=speech.t("chart.exhausted"),
        unknown=speech.t("chart.unknown"),
    )


def chart_rows(drawn: BurnChart) -> tuple[tuple[datetime, Any, Any], ...]:
    """At most `CHART_ROWS` evenly chosen rows of the chart, newest first, the last instant always among them."""
    step = max(1, -(-len(drawn.times) // CHART_ROWS))
    rows = list(zip(drawn.times, drawn.remaining, drawn.burn, strict=True))
    return tuple(rows[::-1][::step])

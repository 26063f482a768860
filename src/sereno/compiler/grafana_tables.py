"""The table of objectives: what is left of each budget, the least first."""

from __future__ import annotations

from sereno.compiler import grafana_series as series
from sereno.compiler.grafana_slo import LEFT_STEPS
from sereno.compiler.grafana_words import say, told
from sereno.kernel.message import Language
from sereno.promql import selector_text
from sereno.promql.columns import Matcher
from sereno.spec.dashboard_model import Column, Panel, Query


def objectives_table(matchers: list[Matcher], language: Language, *, height: int = 9) -> Panel:
    """Every objective that `matchers` select, one line each."""
    by = "(service, slo, team)"

    def of(name: str) -> str:
        return selector_text([Matcher("__name__", "=", name), *matchers])

    return Panel(
        **told("worst", language),
        kind="table",
        unit="percentunit",
        decimals=3,  # 99.95 % is not to be rounded into a promise that is kept
        steps=LEFT_STEPS,
        height=min(height, 16),
        queries=(
            Query(f"min by {by} ({of(series.LEFT)})", say("left", language), colored=True),
            Query(f"max by {by} ({of(series.BURN)})", say("burn", language), unit="none"),
            Query(f"1 - max by {by} ({of(series.SHARE)})", say("reached", language)),
            Query(f"max by {by} ({of(series.OBJECTIVE)})", say("promised", language)),
            Query(f"min by {by} ({of(series.COVERAGE)})", say("coverage", language)),
        ),
        columns=(
            Column("service", say("service", language)),
            Column("slo", say("objective", language)),
            Column("team", say("team", language)),
        ),
        sort=say("left", language),
    )

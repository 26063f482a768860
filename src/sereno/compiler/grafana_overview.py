"""The dashboard of the whole workspace: what is bad comes first, and what is unknown is said."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.compiler import grafana_series as series
from sereno.compiler.grafana_slo import LEFT_STEPS, alerts_table
from sereno.compiler.grafana_tables import objectives_table
from sereno.compiler.grafana_words import say, told
from sereno.kernel.message import Language
from sereno.promql.columns import Matcher
from sereno.slo.links import dashboard_uid
from sereno.spec.dashboard_model import Annotation, Column, Dashboard, Panel, PanelRow, Query, Step, Variable
from sereno.spec.model import Link, Spec

_CHOSEN = [Matcher("service", "=~", "$service"), Matcher("team", "=~", "$team")]
_TEXT = 'service=~"$service",team=~"$team"'
_NONE = (Step(None, "green"), Step(Decimal(1), "red"))
_BY = "(service, slo)"


def overview_board(spec: Spec, language: Language) -> Dashboard:
    """The overview of `spec`."""
    rows = [PanelRow(say("row.now", language), tuple(_figures(spec, language)))]
    if any(service.slos for service in spec.services.values()):
        rows.append(PanelRow(say("row.objectives", language), _objectives(language)))
    rows.append(PanelRow(say("row.alerts", language), (alerts_table(_CHOSEN[:1], language),)))
    rows.append(PanelRow(say("row.where", language), (_where(spec, language),)))
    title = say("overview", language)
    return Dashboard(
        name="",
        title=f"{title} · {spec.name}" if spec.name else title,
        description=say("overview.about", language),
        rows=tuple(rows),
        variables=(
            Variable("team", say("team", language), "team", series.OBJECTIVE),
            Variable("service", say("service", language), "service", f'{series.OBJECTIVE}{{team=~"$team"}}'),
        ),
        tags=("overview", *((spec.environment,) if spec.environment else ())),
        links=(Link(say("console", language), spec.addresses.console),) if spec.addresses.console else (),
        annotations=(
            Annotation(
                say("row.alerts", language),
                'ALERTS{alertstate="firing",burn_factor!="",service=~"$service"}',
                "{{alertname}}",
            ),
        ),
        since=timedelta(days=1),
    )


def _figures(spec: Spec, language: Language) -> list[Panel]:
    firing = 'count(max by (alertname, service, severity) (ALERTS{alertstate="firing",service=~"$service"}))'
    found = []
    if any(service.slos for service in spec.services.values()):
        declared = f"0 * count({series.OBJECTIVE}{{{_TEXT}}})"
        known = f"0 * count({series.LEFT}{{{_TEXT}}})"
        gone = f"count(min by {_BY} ({series.LEFT}{{{_TEXT}}}) <= 0) or {known}"
        fast = f"count(max by {_BY} ({series.BURN}{{{_TEXT}}}) > 1) or 0 * count({series.BURN}{{{_TEXT}}})"
        blind = f"count({_blind()}) or {declared}"
        for key, expr in (("exhausted", gone), ("burning", fast), ("unknown", blind)):
            found.append(Panel(**told(key, language), kind="stat", unit="none", steps=_NONE, queries=(Query(expr),)))
    queries = (Query(f"{firing} or vector(0)"),)
    found.append(Panel(**told("firing", language), kind="stat", unit="none", steps=_NONE, queries=queries))
    return found


def _blind() -> str:
    """The objectives that are declared and of whose budget nothing is known."""
    declared, left = f"{series.OBJECTIVE}{{{_TEXT}}}", f"{series.LEFT}{{{_TEXT}}}"
    return f"max by {_BY} ({declared}) unless max by {_BY} ({left})"


def _objectives(language: Language) -> tuple[Panel, ...]:
    burning = f"max by {_BY} ({series.BURN}{{{_TEXT}}}) > 1"
    left = f"sort(min by {_BY} ({series.LEFT}{{{_TEXT}}}))"
    columns = (Column("service", say("service", language)), Column("slo", say("objective", language)))
    return (
        objectives_table(_CHOSEN, language, height=12),
        Panel(**told("remaining", language), kind="bar_gauge", unit="percentunit", steps=LEFT_STEPS, decimals=1,
              most=Decimal(1), queries=(Query(left, "{{service}} {{slo}}"),)),
        Panel(**told("unknown_table", language), kind="table", unit="percentunit", columns=columns, width=12, height=8,
              queries=(Query(_blind(), say("promised", language)),)),
        Panel(**told("burns", language), unit="none", lines=True, width=24,
              steps=(Step(None, "green"), Step(Decimal(1), "red")), queries=(Query(burning, "{{service}} {{slo}}"),)),
    )  # fmt: skip


def _where(spec: Spec, language: Language) -> Panel:
    lines = [
        f"- [{spec.services[name].title or name}](/d/{dashboard_uid('service', name)})"
        for name in sorted(spec.services)
    ]
    return Panel(
        **told("links", language), kind="text", text="\n".join(lines), width=24, height=min(4 + len(lines), 20)
    )

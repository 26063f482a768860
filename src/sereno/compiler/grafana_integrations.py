"""The services of others that one's own call: how often, how well, how fast."""

from __future__ import annotations

from decimal import Decimal

from sereno.compiler.grafana_sheet import Sheet, full, present
from sereno.spec.dashboard_model import PanelRow

PROBE = "{calls}"
TITLE = ("Integraciones", "Integrations")
ABOUT = (
    "Llamadas a servicios de terceros: cuántas, cuántas fallan y cuánto tardan.",
    "Calls to other people's services: how many, how many fail, and how long they take.",
)


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    calls, duration = sheet.given("calls"), sheet.given("duration")
    failed, by = sheet.given("failed") or 'status="error"', sheet.given("by") or "integration"
    all_ = f"sum by ({by}) (rate({calls}{{@}}[@]))"
    bad = f"(sum by ({by}) (rate({calls}{{@,{failed}}}[@])) or 0 * {all_})"
    legend = f"{{{{{by}}}}}"
    return present(
        sheet.row(
            ("Ahora", "Now"),
            sheet.panel(
                ("Fallos por integración", "Failures by integration"),
                ("Qué parte de las llamadas falla ahora. Más de la mitad: active el plan alterno y avise al proveedor.",
                 "How many of the calls fail now. More than half: use the fallback and tell the provider."),
                (f"{bad} / ({all_} > 0)", legend), kind="bar_gauge", unit="percentunit", least=Decimal(0),
                most=Decimal(1), steps=full("0.05", "0.5"), width=24,
            ) if calls else None,
        ),
        sheet.row(
            ("Llamadas", "Calls"),
            sheet.panel(
                ("Llamadas por segundo", "Calls a second"),
                ("Por integración. Si una cae a cero, nadie la llama o no arranca quien lo hace.",
                 "By integration. If one falls to zero nobody calls it, or the caller is down."),
                (all_, legend), unit="reqps",
            ) if calls else None,
            sheet.panel(
                ("Proporción de fallos", "Share of failures"),
                ("Por integración; las líneas son 5 % y 50 %.", "By integration; the lines are 5% and 50%."),
                (f"{bad} / ({all_} > 0)", legend), unit="percentunit", least=Decimal(0), most=Decimal(1),
                steps=full("0.05", "0.5"),
            ) if calls else None,
            sheet.panel(
                ("Duración (p95)", "Duration (p95)"),
                ("El 95 % de las llamadas dura menos. Si sube, sus tiempos de espera y sus hilos se agotan.",
                 "95% of the calls take less. If it rises, time-outs and threads run out."),
                (f"histogram_quantile(0.95, sum by (le, {by}) (rate({duration}_bucket{{@}}[@])))", legend), unit="s",
            ) if duration else None,
            sheet.panel(
                ("Distribución de la duración", "Distribution of durations"),
                ("Todas las integraciones juntas.", "All integrations together."),
                f"sum by (le) (increase({duration}_bucket{{@}}[@]))", kind="heatmap", unit="s",
            ) if duration else None,
        ),
    )  # fmt: skip

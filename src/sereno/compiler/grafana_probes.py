"""What is seen from outside, as blackbox_exporter tells."""

from __future__ import annotations

from decimal import Decimal

from sereno.compiler.grafana_sheet import UP_DOWN, Sheet, present
from sereno.spec.dashboard_model import PanelRow, Step

PROBE = "probe_success"
TITLE = ("Sondas", "Probes")
ABOUT = (
    "Lo que se ve desde fuera: si contesta, en cuánto tiempo, y cuándo vence su certificado.",
    "What is seen from outside: whether it answers, how fast, and when its certificate ends.",
)


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    expiry = (Step(None, "red"), Step(Decimal(7), "orange"), Step(Decimal(21), "green"))
    return present(
        sheet.row(
            ("Desde fuera", "From outside"),
            sheet.panel(
                ("Contesta", "Answers"),
                ("Cada dirección a lo largo del tiempo. ✗ es lo que ven los usuarios.",
                 "Each address over time. ✗ is what users see."),
                ("min by (instance) (probe_success{@})", "{{instance}}"), kind="state_timeline", unit="none",
                mappings=UP_DOWN,
            ),
            sheet.panel(
                ("Duración", "Duration"),
                ("Segundos que toma la sonda entera.", "Seconds that the whole probe takes."),
                ("max by (instance) (probe_duration_seconds{@})", "{{instance}}"), unit="s",
            ),
            sheet.panel(
                ("Días hasta que vence el certificado", "Days until the certificate ends"),
                ("El primero de la cadena en vencer. Por debajo de 21, renuévelo.",
                 "The first of the chain to end. Below 21, renew it."),
                ("(min by (instance) (probe_ssl_earliest_cert_expiry{@}) - time()) / 86400", "{{instance}}"),
                kind="bar_gauge", unit="d", steps=expiry, decimals=0,
            ),
        ),
    )  # fmt: skip

"""Storage: the disks of machines, and an object store where its metrics are named."""

from __future__ import annotations

from sereno.compiler.grafana_nodes import disks
from sereno.compiler.grafana_sheet import Sheet, full, present
from sereno.spec.dashboard_model import PanelRow

PROBE = "node_filesystem_size_bytes"
TITLE = ("Almacenamiento", "Storage")
ABOUT = (
    "Espacio y trabajo de los discos, y operaciones, fallos y duración del almacén de objetos.",
    "Space and work of the disks, and operations, failures and durations of the object store.",
)


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    return present(disks(sheet), _objects(sheet))


def _objects(sheet: Sheet) -> PanelRow | None:
    operations, failed, duration = sheet.given("operations"), sheet.given("failed"), sheet.given("duration")
    by = sheet.given("by") or "operation"
    all_ = f"sum by ({by}) (rate({operations}{{@}}[@]))"
    return sheet.row(
        ("Almacén de objetos", "Object store"),
        sheet.panel(
            ("Operaciones por segundo", "Operations a second"),
            ("Por tipo de operación.", "By kind of operation."), (all_, f"{{{{{by}}}}}"), unit="ops",
        ) if operations else None,
        sheet.panel(
            ("Operaciones que fallan", "Operations that fail"),
            ("Qué parte falla, por tipo. Es la disponibilidad del almacén vista desde aquí.",
             "How many fail, by kind. That is the store's availability as seen from here."),
            (f"(sum by ({by}) (rate({operations}{{@,{failed}}}[@])) or 0 * {all_}) / ({all_} > 0)", f"{{{{{by}}}}}"),
            unit="percentunit", steps=full("0.01", "0.05"),
        ) if operations and failed else None,
        sheet.panel(
            ("Duración (p95)", "Duration (p95)"),
            ("El 95 % de las operaciones dura menos.", "95% of the operations take less."),
            (f"histogram_quantile(0.95, sum by (le, {by}) (rate({duration}_bucket{{@}}[@])))", f"{{{{{by}}}}}"),
            unit="s",
        ) if duration else None,
    )  # fmt: skip

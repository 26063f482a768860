"""Security: who comes in, what is refused, what attacks. Only what the workspace says it counts is shown."""

from __future__ import annotations

from sereno.compiler.grafana_sheet import BAD_IF_ANY, Sheet, Words, full, present
from sereno.spec.dashboard_model import Panel, PanelRow

PROBE = "{logins}{rate_limited}{blocked}{invalid_tokens}{cors}{attacks}"
TITLE = ("Seguridad", "Security")
ABOUT = (
    "Entradas, rechazos y ataques, según los contadores que el sistema declara.",
    "Logins, refusals and attacks, by the counters that the system declares.",
)
_REFUSED: dict[str, Words] = {
    "rate_limited": ("límite de peticiones", "rate limit"),
    "blocked": ("direcciones bloqueadas", "blocked addresses"),
    "invalid_tokens": ("tokens inválidos", "invalid tokens"),
    "cors": ("violaciones de CORS", "CORS violations"),
}  # fmt: skip


def rows(sheet: Sheet) -> tuple[PanelRow, ...]:
    """The rows of the dashboard."""
    return present(
        sheet.row(("Autenticación", "Authentication"), *_logins(sheet)),
        sheet.row(("Rechazos de la API", "What the API refuses"), _refused(sheet)),
        sheet.row(("Amenazas", "Threats"), *_attacks(sheet)),
    )


def _logins(sheet: Sheet) -> list[Panel | None]:
    logins, mfa, resets = sheet.given("logins"), sheet.given("mfa"), sheet.given("password_resets")
    failed = sheet.given("failed") or 'result="failed"'
    all_ = f"sum(rate({logins}{{@}}[@]))"
    bad = f"(sum(rate({logins}{{@,{failed}}}[@])) or 0 * {all_})"
    return [
        sheet.panel(
            ("Intentos de entrar", "Login attempts"),
            ("Todos y los fallidos, por segundo. Muchos fallidos de golpe es alguien probando contraseñas.",
             "All and the failed ones, a second. Many failed ones at once is somebody trying passwords."),
            (all_, ("todos", "all")), (bad, ("fallidos", "failed")), unit="ops",
        ) if logins else None,
        sheet.panel(
            ("Proporción de fallidos", "Share of failed logins"),
            ("Si sube con el mismo tráfico, falla la autenticación; con más tráfico, es un ataque.",
             "If it rises with the same traffic authentication is broken; with more traffic it is an attack."),
            (f"{bad} / ({all_} > 0)", ("fallidos", "failed")), unit="percentunit", steps=full("0.2", "0.5"),
        ) if logins else None,
        sheet.panel(
            ("Entradas con segundo factor", "Logins with a second factor"),
            ("Qué parte usa segundo factor.", "How many use a second factor."),
            (f"(sum(rate({logins}{{@,{mfa}}}[@])) or 0 * {all_}) / ({all_} > 0)",
             ("con segundo factor", "with a second factor")),
            unit="percentunit",
        ) if logins and mfa else None,
        sheet.panel(
            ("Cambios de contraseña", "Password resets"),
            ("Por intervalo. Un pico sin campaña es una filtración o un robo de cuentas.",
             "By interval. A peak without a campaign is a leak, or stolen accounts."),
            (f"sum(increase({resets}{{@}}[@]))", ("cambios", "resets")), unit="none",
        ) if resets else None,
    ]  # fmt: skip


def _refused(sheet: Sheet) -> Panel | None:
    queries = [(f"sum(rate({sheet.given(key)}{{@}}[@]))", words) for key, words in _REFUSED.items() if sheet.given(key)]
    if not queries:
        return None
    return sheet.panel(
        ("Rechazos por segundo", "Refusals a second"),
        ("Peticiones que se rechazan, por motivo. Tras un despliegue, tokens y CORS delatan un error de"
         " configuración.",
         "Requests that are refused, by reason. After a release, tokens and CORS give away a mistake of"
         " configuration."),
        *queries, unit="reqps", width=24,
    )  # fmt: skip


def _attacks(sheet: Sheet) -> list[Panel | None]:
    attacks, by = sheet.given("attacks"), sheet.given("by") or "kind"
    if not attacks:
        return []
    return [
        sheet.panel(
            ("Ataques en la última hora", "Attacks during the last hour"),
            ("Reconocidos por las reglas del sistema. Con alguno, mire de qué tipo y de dónde.",
             "Recognised by the system's rules. With any, see of which kind and from where."),
            f"sum(increase({attacks}{{@}}[1h]))", kind="stat", unit="none", steps=BAD_IF_ANY, width=6, height=8,
            decimals=0,
        ),
        sheet.panel(
            ("Ataques por tipo", "Attacks by kind"),
            ("Por intervalo.", "By interval."), (f"sum by ({by}) (increase({attacks}{{@}}[@]))", f"{{{{{by}}}}}"),
            unit="none", stacked=True, width=18, height=8,
        ),
    ]  # fmt: skip

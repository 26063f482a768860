"""Whole small files for the examples of codes."""

from __future__ import annotations


def alert(expr: str, *, name: str = "CheckoutFails", labels: str = "severity: warning", for_: str = "10m",
          value: str = "{{ $value | humanizePercentage }}") -> str:  # fmt: skip
    """A file with one alert that wants for nothing but, perhaps, its expression. Without `for_` it has no `for`."""
    waits = f"        for: {for_}\n" if for_ else ""
    return (
        "groups:\n"
        "  - name: checkout\n"
        "    rules:\n"
        f"      - alert: {name}\n"
        f"        expr: {expr}\n"
        f"{waits}"
        f"        labels: {{{labels}}}\n"
        "        annotations:\n"
        "          summary: Customers cannot pay\n"
        f"          description: '{value} is past what was promised'\n"
        "          runbook_url: https://runbooks.example/checkout\n"
    )


def record(expr: str, *, name: str = "job:checkout:rate5m") -> str:
    """A file with one recording rule."""
    return f"groups:\n  - name: checkout\n    rules:\n      - record: {name}\n        expr: {expr}\n"


def alertmanager(route: str = "", *, receivers: str = "", more: str = "", top: str = "") -> str:
    """An Alertmanager configuration that wants for nothing but, perhaps, what is put into it: further lines of its
    one sub-route, receivers, and sections after and before them."""
    return (
        f"{top}"
        "route:\n"
        "  receiver: team\n"
        "  group_by: [alertname, service]\n"
        "  group_wait: 30s\n"
        "  group_interval: 5m\n"
        "  repeat_interval: 4h\n"
        "  routes:\n"
        "    - matchers: ['alertname=\"Watchdog\"']\n"
        "      receiver: team\n"
        f"{route}"
        "receivers:\n"
        "  - name: team\n"
        "    webhook_configs:\n"
        "      - url: https://hooks.shop.example/alerts\n"
        f"{receivers}"
        f"{more}"
    )

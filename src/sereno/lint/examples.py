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

"""Which checks there are for each kind of document. They are imported when the first such document is met.

A check is a function `(document, context, report) -> None`; its codes stand in a table of their own module, gathered
in `sereno.lint.codes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

from sereno.lint.model import Context, Document, Kind
from sereno.lint.reporting import Report

Check = Callable[[Document, Context, Report], None]

_PLACES: dict[Kind, tuple[str, ...]] = {
    "rules": ("rules:check", "quality:check", "kubernetes_scaling:check_rules_selected", "prose_encoding:check"),
    "alertmanager": ("alertmanager:check", "prose_encoding:check"),
    "prometheus": ("prometheus_config:check", "prose_encoding:check"),
    "dashboard": ("dashboards:check", "prose_encoding:check"),
    "kubernetes": ("kubernetes:check", "prose_encoding:check"),
    "compose": ("compose:check", "prose_encoding:check"),
    "pipeline": ("pipelines:check", "prose_encoding:check"),
    "promql": ("promql_lines:check", "prose_encoding:check"),
    "runbook": ("runbooks:check", "prose:check_runbook", "prose_encoding:check"),
    "spec": ("spec_alerts:check",),
    "prose": ("prose:check", "prose_encoding:check"),
}
"""`module:function` below sereno.lint."""


@cache
def checks_of(kind: Kind) -> tuple[Check, ...]:
    """The checks for documents of `kind`."""
    return tuple(_found(place) for place in _PLACES[kind])


def _found(place: str) -> Check:
    module, _, name = place.partition(":")
    check: Check = getattr(import_module(f"sereno.lint.{module}"), name)
    return check

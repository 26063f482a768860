"""A spec with switches, and a house that serves it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from sereno.spec.model import Spec
from sereno.spec.model_readiness import Flag, FlagRule, Flags, FlagTest

NOW = datetime(2026, 3, 18, 2, 41, 7, tzinfo=UTC)
EXPRESS = Flag(
    "express", "Express delivery", "boolean", "false", share=Decimal("0.1"), to="true", owner="tienda",
    expires=date(2026, 3, 1), users=("ana", "bo"),
    rules=(
        FlagRule((FlagTest("country", "is", ("PE", "CL")), FlagTest("app", "at_least", ("2.1",))), share=Decimal("0.5")),
        FlagRule((FlagTest("email", "ends_with", ("@shop.example",)), FlagTest("plan", "is_not", ("free",)))),
    ),
)  # fmt: skip
THEME = Flag("theme", "theme", "string", "light", ("light", "dark"), Decimal("0.25"), "dark")
LIMIT = Flag("limit", "limit", "number", "10", (), None, "20", users=("ana",))
PLAIN = Flag("banner", "banner", "boolean", "true")
SETS = {
    "checkout": Flags("checkout", "checkout", (EXPRESS, PLAIN), ("pagos",)),
    "looks": Flags("looks", "looks", (THEME, LIMIT)),
}


def with_flags(spec: Spec, sets: dict[str, Flags] | None = None) -> Spec:
    return replace(spec, flags=SETS if sets is None else sets)


def only_flags(sets: dict[str, Flags] | None = None) -> Spec:
    return Spec(flags=SETS if sets is None else sets)

"""Indicators that are PromQL of one's own: what is asked, and at which instants.

Such an indicator is looked at once a step. `total` and `bad` (or `good`) are events a second over the step, so that
step by step they add up to events; a `ratio` weighs nothing, so that its steps are averaged; the series of a `gauge`
are compared with its threshold. A step is a slice, or 5 minutes where events are counted (the step, and the rates'
window, of the recorded rules), or a part of a slice that is longer than a minute where a gauge is looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sereno.kernel.duration import format_duration, to_ms
from sereno.kernel.errors import UsageError
from sereno.promql import Grid, Settings
from sereno.spec.model import GaugeSli, QuerySli, Slo

STEP_MS = 5 * 60_000
SETTINGS = Settings.of(
    3, features=("promql-experimental-functions", "promql-extended-range-selectors", "promql-binop-fill-modifiers")
)
"""How such indicators are evaluated: as Prometheus 3 does, with everything that may be written."""
_MINUTE_MS = 60_000
_WINDOW = re.compile(r"\$window\b|\$\{window\}")

Role = Literal["total", "bad", "good", "ratio", "failing"]


@dataclass(frozen=True, slots=True)
class Queries:
    """What is asked of an indicator every `step_ms`, by role."""

    step_ms: int
    asked: tuple[tuple[Role, str], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The expressions alone."""
        return tuple(text for _, text in self.asked)

    def grid(self, start_ms: int, end_ms: int) -> Grid:
        """The ends of all steps that lie wholly in (start, end]; the end of the last one before, if there is none."""
        last = end_ms // self.step_ms * self.step_ms
        first = -(-start_ms // self.step_ms) * self.step_ms + self.step_ms
        return Grid(min(first, last), last, self.step_ms)


def queries_of(slo: Slo) -> Queries:
    """What is asked of an objective whose indicator is a query or a gauge. Raises UsageError for any other."""
    match slo.sli:
        case QuerySli() as sli:
            step_ms = STEP_MS if slo.method == "occurrences" else to_ms(slo.slice_length)
            return Queries(step_ms, tuple((role, whole(role, text, span_of(step_ms))) for role, text in roles(sli)))
        case GaugeSli() as sli:
            slice_ms = to_ms(slo.slice_length)
            pieces = -(-slice_ms // _MINUTE_MS)
            step_ms = slice_ms // pieces if slice_ms % pieces == 0 else slice_ms
            return Queries(step_ms, (("failing", failing(sli)),))
    raise UsageError(f"{slo.name}: its indicator is no query")


def roles(sli: QuerySli) -> list[tuple[Role, str]]:
    """The expressions of a query, by role."""
    named: tuple[tuple[Role, str | None], ...] = (
        ("total", sli.total), ("bad", sli.bad), ("good", sli.good), ("ratio", sli.ratio),
    )  # fmt: skip
    return [(role, text) for role, text in named if text is not None]


def whole(role: Role, text: str, span: str) -> str:
    """One figure of an expression over `span`: series of rates are added up, series of ratios averaged.

    A ratio that is no number (0/0 while idle) gives no result.
    """
    filled = inside(_WINDOW.sub(span, text))
    return f"avg({filled} >= -Inf)" if role == "ratio" else f"sum({filled})"


def failing(sli: GaugeSli) -> str:
    """The share of a gauge's series that fail: 0 while all is well, no result while nothing is known."""
    return f"1 - avg(({inside(sli.value)} >= -Inf) {sli.operator} bool {sli.threshold:f})"


def inside(text: str) -> str:
    """`text` as an operand, whatever it is and however it ends."""
    end = "\n" if "#" in text else ""
    return f"({text.strip()}{end})"


def span_of(length_ms: int) -> str:
    """`length_ms` as PromQL writes it."""
    return format_duration(timedelta(milliseconds=length_ms))

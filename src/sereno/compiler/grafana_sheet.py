"""How built-in dashboards are written down: each panel with its words in both languages and its questions in short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sereno.kernel.errors import UsageError
from sereno.kernel.message import Language
from sereno.spec.dashboard_model import Panel, PanelKind, PanelRow, Query, Step, ValueText

CHOSEN = 'job=~"$job",instance=~"$instance"'
GOOD_IF_UP = (Step(None, "red"), Step(Decimal(1), "green"))
BAD_IF_ANY = (Step(None, "green"), Step(Decimal(1), "red"))
UP_DOWN = (ValueText("0", "✗", "red"), ValueText("1", "✓", "green"))
Options = dict[str, Any]
Words = tuple[str, str]
"""Spanish, English."""


def short(expr: str) -> str:
    """`{@` opens a selector of the chosen jobs and instances, `[@]` is the interval of rates."""
    return expr.replace("{@", "{" + CHOSEN).replace("[@]", "[$__rate_interval]")


def full(at_orange: str, at_red: str) -> tuple[Step, ...]:
    """Green, then orange, then red as something fills up."""
    return Step(None, "green"), Step(Decimal(at_orange), "orange"), Step(Decimal(at_red), "red")


@dataclass(frozen=True)
class Sheet:
    """Writes the panels of one dashboard in `language`; `with_` are its parameters."""

    language: Language
    with_: Mapping[str, str] = field(default_factory=dict)

    def word(self, words: Words) -> str:
        """The one of `words` that is in the language."""
        return words[0] if self.language == "es" else words[1]

    def row(self, words: Words, *panels: Panel | None, collapsed: bool = False) -> PanelRow | None:
        """A row of those panels that there are; None without any."""
        found = tuple(panel for panel in panels if panel is not None)
        return PanelRow(self.word(words), found, collapsed) if found else None

    def panel(
        self, title: Words, description: Words, *queries: str | tuple[str, str | Words],
        kind: PanelKind = "timeseries", unit: str = "short", **more: Any,
    ) -> Panel:  # fmt: skip
        """One panel; a query is its text, or its text with a legend (in both languages where it is words)."""
        if more.get("steps") and kind == "timeseries":
            more["lines"] = True
        asked = tuple(self._query(query) for query in queries)
        return Panel(self.word(title), kind, asked, unit, self.word(description), **more)

    def _query(self, query: str | tuple[str, str | Words]) -> Query:
        if isinstance(query, str):
            return Query(short(query))
        text, legend = query
        return Query(short(text), legend if isinstance(legend, str) else self.word(legend))

    def given(self, key: str) -> str:
        """A parameter, "" where it is not given."""
        return self.with_.get(key, "")


def present(*rows: PanelRow | None) -> tuple[PanelRow, ...]:
    """Those of `rows` that there are. Raises UsageError when there is none."""
    found = tuple(row for row in rows if row is not None)
    if not found:
        raise UsageError("this dashboard's template needs at least one of its parameters")
    return found

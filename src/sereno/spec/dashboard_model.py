"""Dashboards as values, whoever draws them: rows of panels of questions.

The same values are read from `dashboard` documents, made from objectives and templates, taken out of Grafana's JSON,
and written for Grafana and Perses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from sereno.spec.model import Link, Source

PanelKind = Literal["stat", "timeseries", "gauge", "bar_gauge", "table", "heatmap", "state_timeline", "text", "raw"]
KINDS: tuple[PanelKind, ...] = get_args(PanelKind)
COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a panel, in PromQL with Grafana's variables (`$__rate_interval`, `$job`).

    `legend` names its series (`{{label}}` is filled in), or its column in a table, whose own unit is `unit`. With
    `colored` the cells of that column take the colours of the panel's thresholds.
    """

    expr: str
    legend: str = ""
    unit: str = ""
    colored: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` upwards a value has `color`; the first step of all begins below every number (None)."""

    at: Decimal | None
    color: str


@dataclass(frozen=True, slots=True)
class ValueText:
    """What one value is called, and its colour."""

    value: str
    text: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """How the column of a label is called in a table; without a title it is not shown."""

    label: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing. Without a width or height (in cells, 24 to a line) it has those of its kind.

    `lines` draws the thresholds into a time series; `stacked` puts one series upon the other. `since` is a range of
    its own. `sort` is the column a table is ordered by, from the least on, or from the greatest with `-` before it.
    `raw` is Grafana's own JSON of the panel, kept as it is.
    """

    title: str
    kind: PanelKind = "timeseries"
    queries: tuple[Query, ...] = ()
    unit: str = ""
    description: str = ""
    steps: tuple[Step, ...] = ()
    lines: bool = False
    least: Decimal | None = None
    most: Decimal | None = None
    decimals: int | None = None
    stacked: bool = False
    mappings: tuple[ValueText, ...] = ()
    columns: tuple[Column, ...] = ()
    sort: str = ""
    width: int = 0
    height: int = 0
    links: tuple[Link, ...] = ()
    since: timedelta | None = None
    text: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Panels under one heading; with `collapsed` the reader opens it."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """What the reader may choose: the values of `label` in the series of `of` (PromQL selector), or one of `values`.

    With `several` any number of them, all at first; use it with `=~`. One alone is used with `=`. `raw` is Grafana's
    own JSON of the variable, kept as it is.
    """

    name: str
    title: str = ""
    label: str = ""
    of: str = ""
    values: tuple[str, ...] = ()
    several: bool = True
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Moments drawn into every time series: when `expr` has a result, named by `title`."""

    name: str
    expr: str
    title: str = ""
    color: str = "red"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. `template` with its parameters `with_` stands for rows that are built in; `jobs` narrows which
    jobs it offers. `raw` is Grafana's own JSON of the whole, kept as it is."""

    name: str
    title: str
    rows: tuple[PanelRow, ...] = ()
    description: str = ""
    variables: tuple[Variable, ...] = ()
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    since: timedelta = timedelta(hours=6)
    refresh: timedelta = timedelta(minutes=1)
    template: str = ""
    with_: tuple[tuple[str, str], ...] = ()
    jobs: tuple[str, ...] = ()
    raw: str = ""
    source: Source | None = field(default=None, compare=False)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, in the order of the rows."""
        return tuple(panel for row in self.rows for panel in row.panels)

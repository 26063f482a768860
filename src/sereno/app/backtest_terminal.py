"""A backtest on a terminal: sentences, tables, and a strip of the days."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from sereno.app.backtest import Answer
from sereno.insight.model import Explored, Outcome, Paged, Report
from sereno.insight.strips import day_strip, sparkline, strip_of
from sereno.insight.telling import Voice, blind_spots, failure, suggestion, thin, tiers, verdict, why
from sereno.insight.whatif import ranked
from sereno.kernel.inert import inert
from sereno.kernel.message import Language

_WIDTH_OF_PIPES = 100
_ROWS = 30
_VARIANTS = 15
_WIDE = 110
"""From here on there is room for every column."""
_WHOLE = ("alert", "opened")
"""Columns that are not broken while others can give way."""


class Bar:
    """A progress bar on stderr; gone once the work is done."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        self._progress.start()
        self._task = self._progress.add_task("…", total=1.0)
        return self

    def __call__(self, what: str, done: float) -> None:
        """What is being done, and how much is."""
        assert self._task is not None
        self._progress.update(self._task, description=escape(inert(what))[:60], completed=min(done, 1.0))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def show(found: Answer, language: Language) -> None:
    """Print the whole answer for people."""
    report, voice = found.report, Voice(language, found.report.zone)
    console = Console(width=_width(), highlight=False)
    for warning in found.warnings:
        console.print(escape(inert(warning)), style="yellow")
    console.print(f"[bold]{voice('name')}[/] · {_span(report, voice)}")
    console.print(" ".join(verdict(report, voice)))
    console.print(voice(f"origin.{report.origin}"), style="dim")
    for line in blind_spots(report, voice):
        console.print(escape(line), style="yellow")
    for case in report.cases:
        _case(console, case, report, voice)
    _people(console, report, voice)
    _what_if(console, [one for case in report.cases for one in case.explored], voice)
    _comparison(console, found, voice)
    _gate(console, found, voice)


def _width() -> int | None:
    """The terminal's own width; of a pipe what COLUMNS says, and a hundred without it."""
    if sys.stdout.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    return max(int(asked), 40) if asked.isdecimal() else _WIDTH_OF_PIPES


def _span(report: Report, voice: Voice) -> str:
    return voice(
        "span", start=voice.at(report.start_ms), end=voice.at(report.end_ms), interval=voice.span(report.interval)
    )


def _case(console: Console, case: Outcome, report: Report, voice: Voice) -> None:
    console.print()
    console.rule(f"[bold]{escape(inert(case.name))}[/]", align="left", style="dim")
    names = [line.alert for promise in case.promises for line in promise.lines] + [one.alert for one in case.fired]
    width = min(60, max(20, console.width - max(map(len, names), default=12) - 6))
    incidents = [(one.start_ms, one.end_ms) for one in case.incidents]
    rows = [(voice("incidents"), strip_of(incidents, report.start_ms, report.end_ms, width))]
    fired = {one.alert for one in case.fired}
    for alert in sorted(fired):
        mine = [(one.fired_ms, one.resolved_ms or report.end_ms) for one in case.fired if one.alert == alert]
        rows.append((alert, strip_of(mine, report.start_ms, report.end_ms, width)))
    pages = [(one.opened_ms, one.closed_ms or report.end_ms) for one in case.pages]
    rows.append((voice("pages"), strip_of(pages, report.start_ms, report.end_ms, width)))
    for promise in case.promises:
        rows += [(f"↑ {line.alert}", sparkline(line.burn, width)) for line in promise.lines if line.kind == "page"]
        rows.append((promise.slo, day_strip(promise.days, promise.objective)))
    widest = max(len(name) for name, _ in rows)
    for name, strip in rows:
        console.print(f"  {escape(inert(name)):<{widest}}  {strip}", no_wrap=True, overflow="crop")
    _pages(console, case, voice)
    for missed in case.missed:
        name = escape(inert(missed.incident.name))
        console.print(
            f"  [red]✗[/] {voice('missed.one')}: {name}, {voice.at(missed.incident.start_ms)}: {why(missed, voice)}"
        )
    _rules(console, case, voice)
    for promise in case.promises:
        for line in (*suggestion(promise, voice), *(thin(low, voice) for low in promise.low_traffic)):
            console.print(f"  {escape(inert(line))}")


def _pages(console: Console, case: Outcome, voice: Voice) -> None:
    if not case.pages:
        console.print(f"  {voice('pages.none')}", style="dim")
        return
    columns: tuple[str, ...] = ("opened", "lasted", "severity", "alert", "called", "right", "spent", "exhausts")
    rows = [_page_row(page, case, voice) for page in case.pages[:_ROWS]]
    if console.width < _WIDE:
        # What belongs together shares a cell, so that names and instants stay whole.
        columns = ("opened", "alert", "right", "spent", "exhausts")
        rows = [[f"{opened}\n{severity} · {lasted} · {called}", alerts.replace(", ", ",\n"), *rest]
                for opened, lasted, severity, alerts, called, *rest in rows]  # fmt: skip
    _table(console, columns, rows, voice, more=len(case.pages) - _ROWS)


def _page_row(page: Paged, case: Outcome, voice: Voice) -> list[str]:
    first = next((one for one in case.fired if one.fired_ms == page.opened_ms and one.alert in page.alerts), None)
    budget = first.budgets[0] if first and first.budgets else None
    right = voice("nothing") if page.right is None else voice("yes" if page.right else "no")
    return [
        voice.at(page.opened_ms),
        voice.between(page.opened_ms, page.closed_ms),
        page.severity,
        ", ".join(page.alerts),
        ", ".join(dict.fromkeys(demand.person for demand in page.demands)) or voice("nobody"),
        right,
        voice.share(budget.consumed if budget else None, 1),
        voice.span(budget.exhausts_in if budget else None),
    ]


def _rules(console: Console, case: Outcome, voice: Voice) -> None:
    columns: tuple[str, ...] = ("alert", "severity", "fired", "precision", "recall", "detection", "reset", "per_week")
    rows = [
        [
            rule.alert, rule.severity, str(rule.score.raised), voice.share(rule.score.precision),
            voice.share(rule.score.recall), voice.span(rule.score.detection), voice.reset(rule.score.reset),
            voice.number(rule.score.per_week),
        ]
        for rule in case.rules
        if rule.score.raised
    ]  # fmt: skip
    if console.width < _WIDE:
        columns = (columns[0], *columns[2:])
        rows = [[f"{alert} {severity}", *rest] for alert, severity, *rest in rows]
    if rows:
        _table(console, columns, rows[:_ROWS], voice, more=len(rows) - _ROWS)
    silent = [rule.alert for rule in case.rules if not rule.score.raised]
    if silent:
        names = ", ".join(silent[:6]) + (" …" if len(silent) > 6 else "")
        console.print(
            f"  {voice.count('rules.silent', len(silent), count=len(silent), names=escape(inert(names)))}", style="dim"
        )


def _people(console: Console, report: Report, voice: Voice) -> None:
    if not report.loads:
        return
    console.print()
    console.rule(f"[bold]{voice('people')}[/]", align="left", style="dim")
    rows = [
        [
            load.person, str(load.pages), str(load.calls), str(load.night_calls), str(load.weekend_calls),
            str(load.nights_broken), str(load.busiest_shift) + (" !" if load.busiest_shift > 2 else ""),
            "  ".join(f"{week}: {count}" for week, count in load.by_week),
        ]
        for load in report.loads
    ]  # fmt: skip
    _table(console, ("person", "pages", "calls", "night", "weekend", "nights", "shift", "weeks"), rows, voice)


def _what_if(console: Console, explored: Sequence[Explored], voice: Voice) -> None:
    if not explored:
        return
    console.print()
    console.rule(f"[bold]{voice('whatif')}[/]", align="left", style="dim")
    blind = []
    for one in explored:
        if any(tried.best for tried in one.tried):
            _variants(console, one, voice)
        else:
            blind.append(f"{one.service}/{one.slo}")
    if blind:
        console.print(escape(voice("whatif.blind", slo=", ".join(blind))), style="dim")


def _variants(console: Console, explored: Explored, voice: Voice) -> None:
    best = [one for one in explored.tried if one.best]
    name = escape(f"{explored.service}/{explored.slo}")
    console.print(voice.count("whatif.lead", len(best), tried=len(explored.tried), slo=name, front=len(best)))
    shown = [explored.tried[0], *[one for one in ranked(best) if one.number != 0]][:_VARIANTS]
    rows = [
        [
            str(one.number) + ("*" if one.best else ""), voice.objective(one.variant.objective.ratio), tiers(one),
            voice.span(one.variant.for_), voice.span(one.score.detection), voice.number(one.score.per_week),
            voice.share(one.score.precision), voice.share(one.score.recall), voice.share(one.spent, 1),
        ]
        for one in shown
    ]  # fmt: skip
    columns = ("number", "objective", "tiers", "for", "detection", "per_week", "precision", "recall", "spent")
    _table(console, columns, rows, voice)


def _comparison(console: Console, found: Answer, voice: Voice) -> None:
    if found.comparison is None:
        return
    console.print()
    console.rule(f"[bold]{voice('compare', base=escape(found.comparison.base))}[/]", align="left", style="dim")
    rows = []
    for one in found.comparison.services:
        rows += [[one.name, voice("change.added"), voice.at(p.opened_ms), ", ".join(p.alerts)] for p in one.added]
        rows += [[one.name, voice("change.removed"), voice.at(p.opened_ms), ", ".join(p.alerts)] for p in one.removed]
        rows += [
            [
                one.name,
                voice("change.later" if m.later > timedelta(0) else "change.earlier", span=voice.span(abs(m.later))),
                voice.at(m.after.opened_ms), ", ".join(m.after.alerts),
            ]
            for m in one.moved
        ]  # fmt: skip
    if rows:
        _table(console, ("service", "change", "opened", "alert"), rows[:_ROWS], voice, more=len(rows) - _ROWS)
    else:
        console.print(voice("change.none"))
    before, after = found.comparison.before, found.comparison.after
    for name, old, new in (("precision", before.precision, after.precision), ("recall", before.recall, after.recall)):
        console.print(f"{voice(name)}: {voice.share(old, 1)} → {voice.share(new, 1)}")


def _gate(console: Console, found: Answer, voice: Voice) -> None:
    spec = found.version.spec
    demanded = spec.backtest is not None or any(one.backtest for one in spec.services.values())
    console.print()
    if found.failures:
        base = found.comparison.base if found.comparison else ""
        for one in found.failures:
            console.print(f"[red]✗[/] {escape(failure(one, base, voice))}")
    elif demanded or found.comparison:
        console.print(f"[green]✓[/] {voice('gate.passed')}")


def _table(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], voice: Voice, *, more: int = 0
) -> None:
    table = Table(
        box=None, header_style="dim", pad_edge=True, padding=(0, 1, 0, 0) if console.width < _WIDE else (0, 1)
    )
    for place, column in enumerate(columns):
        widest = max((len(line) for row in rows for line in row[place].splitlines()), default=0)
        whole = column in _WHOLE and widest <= console.width // 2
        table.add_column(voice(f"col.{column}"), overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(escape(inert(cell)) for cell in row))
    console.print(table)
    if more > 0:
        console.print(f"  … +{more} (--json)", style="dim")

"""Objectives in manuals: budgets that do not add up, targets that differ, limits without a share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from sereno.lint.model import Context, Document
from sereno.lint.prose_reading import BUDGET, PERCENT, Promise, decimal, promises, subject_of
from sereno.lint.reporting import Report
from sereno.spec.model import Spec
from sereno.spec.source import File

PERIODS = {"month": (30, 31, Fraction(365, 12)), "year": (365, 366, Fraction(1461, 4)), "week": (7,), "day": (1,)}
"""Days of a period, whichever of them its author counts."""
_SPANISH = {"mes": "month", "año": "year", "ano": "year", "semana": "week", "dia": "day", "día": "day"}
_SHARE = re.compile(r"\d\s*%|percent|por ciento", re.IGNORECASE)


def check_objectives(document: Document, context: Context, report: Report) -> None:
    """Everything about the objectives in a text."""
    own = promises(document.file)
    for promise in own:
        _check_budget(promise, report)
        _check_share(promise, report)
    _check_lines(document.file, own, report)
    _check_differing(document, own, context, report)
    if context.spec is not None:
        _check_declared(own, context.spec, report)
    _check_periods(document, context, report)


def period_of(word: str) -> str:
    """A period by its English name."""
    word = word.lower()
    return _SPANISH.get(word, word)


def _claims(promise: Promise) -> Iterator[tuple[Fraction, str, str, int, str]]:
    """Each budget that is written for a promise: minutes, its number as written, period, place and text."""
    for text, start in ((promise.budget or "", promise.budget_index), (_rest(promise), promise.index)):
        for found in BUDGET.finditer(text):
            minutes = decimal(found["number"]) * (60 if found["unit"][0] in "hH" else 1)
            yield minutes, found["number"], period_of(found["period"]), start + found.start(), found[0]


def _rest(promise: Promise) -> str:
    return promise.file.text[promise.index : promise.index + promise.length]


def _check_budget(promise: Promise, report: Report) -> None:
    target = promise.target
    if target is None or not 50 < target < 100:
        return
    for minutes, number, period, index, said in _claims(promise):
        right = [(100 - target) / 100 * days * 24 * 60 for days in PERIODS[period]]
        if not any(_rounds(minutes, number, said, value) for value in right):
            _complain_budget(promise.file, index, said, target, right[0], period, report)


def _rounds(minutes: Fraction, number: str, said: str, right: Fraction) -> bool:
    """Whether `number` as written is `right`, rounded up or down where it ends."""
    unit = Fraction(60) if re.search(r"\d\s*h", said, re.IGNORECASE) else Fraction(1)
    digits = len(re.split(r"[.,]", number)[1]) if re.search(r"[.,]", number) else 0
    return bool(abs(minutes - right) < unit / 10**digits)


def _complain_budget(
    file: File, index: int, said: str, target: Fraction, right: Fraction, period: str, report: Report
) -> None:  # fmt: skip
    report.complain_at(
        "SER770", file, index, len(said),
        f"{float(target):g} % leaves {_minutes(right)} a {period}, not {said}",
        expected=f"{_minutes(right)} a {period}",
    )  # fmt: skip


def _minutes(value: Fraction) -> str:
    return f"{float(value / 60):.3g} hours" if value >= 120 else f"{float(value):.3g} minutes"


def _check_lines(file: File, own: tuple[Promise, ...], report: Report) -> None:
    """Lines that carry a target and a budget, such as “99.9 % (8.76 hours/year)”."""
    known = {file.place(index)[0] for p in own for *_, index, _ in _claims(p)}
    for found in BUDGET.finditer(file.text):
        row = file.place(found.start())[0]
        line = file.line(row)
        shares = [decimal(s["number"]) for s in PERCENT.finditer(line)]
        targets = [s for s in shares if 90 <= s < 100]
        if row in known or len(targets) != 1 or len(shares) != 1:
            continue
        period, minutes = period_of(found["period"]), decimal(found["number"])
        minutes *= 60 if found["unit"][0] in "hH" else 1
        right = [(100 - targets[0]) / 100 * days * 24 * 60 for days in PERIODS[period]]
        if not any(_rounds(minutes, found["number"], found[0], value) for value in right):
            _complain_budget(file, found.start(), found[0], targets[0], right[0], period, report)


def _check_share(promise: Promise, report: Report) -> None:
    share = promise.target is not None or bool(_SHARE.search(promise.budget or ""))
    if promise.limit is not None and not share:
        of = f"p{promise.percentile} is {promise.percentile} %" if promise.percentile else "the average, the worst, p95"
        report.complain_at(
            "SER771", promise.file, promise.index, promise.length,
            f"“{promise.said}” within a limit, but for which share of requests ({of}): without it nothing can be spent",
            expected=f"{promise.percentile or '95'} % of requests within {_rest(promise).strip(' <≤')}",
        )  # fmt: skip
    elif promise.tabled and promise.budget is not None and not re.search(r"\d", promise.budget):
        report.complain_at(
            "SER772", promise.file, promise.index, promise.length,
            f"“{promise.said}” has a target and no budget: nothing says how much may go wrong before someone acts",
            expected="the share of bad events in the window",
        )  # fmt: skip


def _check_differing(document: Document, own: tuple[Promise, ...], context: Context, report: Report) -> None:
    """The same objective with another number in another document, or further up."""
    first: dict[tuple[str, str], tuple[Fraction, Promise]] = {}
    files: list[File] = []
    for other in context.documents:
        if other.kind in ("prose", "runbook") and all(f.shown != other.file.shown for f in files):
            files.append(other.file)
    if all(f.shown != document.file.shown for f in files):
        files.append(document.file)
    for file in files:
        for promise in own if file.shown == document.file.shown else promises(file):
            for kind, value in (("target", promise.target), (f"limit{promise.percentile}", promise.limit)):
                if value is None or not _of_something(promise.subject):
                    continue
                before, where = first.setdefault((promise.subject, kind), (value, promise))
                if before != value and file.shown == document.file.shown:
                    line = where.file.place(where.index)[0]
                    report.complain_at(
                        "SER773", promise.file, promise.index, promise.length,
                        f"“{promise.said}” is promised here with {_rest(promise).strip()}, and with "
                        f"{_rest(where).strip()} at {where.file.shown}:{line}", expected="one number, in one place",
                    )  # fmt: skip


_INDICATORS = frozenset(("success", "latency", "error"))


def _of_something(subject: str) -> bool:
    """Whether it is said of what a promise is; “availability” alone is that of whatever the text is about."""
    return bool(set(subject.split()) - _INDICATORS)


def _check_declared(own: tuple[Promise, ...], spec: Spec, report: Report) -> None:
    """The same objective in the workspace, with another number."""
    declared = {
        subject_of(service.name, slo.name): slo.objective
        for service in spec.services.values() for slo in service.slos
    }  # fmt: skip
    for promise in own:
        objective = declared.get(promise.subject) if _of_something(promise.subject) else None
        if objective is None or promise.target is None or promise.limit is not None:
            continue
        if Fraction(objective.ratio) * 100 != promise.target:
            report.complain_at(
                "SER773", promise.file, promise.index, promise.length,
                f"“{promise.said}” is promised here with {_rest(promise).strip()}, and declared with {objective.text}: "
                "budgets and alerts go by what is declared", expected=objective.text,
            )  # fmt: skip


def _check_periods(document: Document, context: Context, report: Report) -> None:
    """The same target as a budget of a year here and of a month there."""
    found: dict[str, tuple[File, int]] = {}
    seen: set[str] = set()
    for other in (*context.documents, document):
        if other.kind not in ("prose", "runbook") or other.file.shown in seen:
            continue
        seen.add(other.file.shown)
        for budget in BUDGET.finditer(other.file.text):
            period = period_of(budget["period"])
            known = next(((p, place) for p, place in found.items() if p != period), None)
            mine = other.file.shown == document.file.shown
            if known is not None and mine and {period, known[0]} & {"year"}:
                file, index = known[1]
                report.complain_at(
                    "SER774", other.file, budget.start(), len(budget[0]),
                    f"a budget for a {period} here, for a {known[0]} at {file.shown}:{file.place(index)[0]}: a "
                    "year's may all be spent in one night, a month's may not", expected="one window",
                )  # fmt: skip
                return
            found.setdefault(period, (other.file, budget.start()))

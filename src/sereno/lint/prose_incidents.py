"""Numbers of incidents in manuals and post-mortems: whether what was lost is what was spent."""

from __future__ import annotations

import re
from fractions import Fraction

from sereno.lint.model import Document
from sereno.lint.prose_reading import decimal, promises
from sereno.lint.reporting import Report
from sereno.spec.source import File

_NUMBER = r"(\d{1,3}(?:[.,]\d+)?)"
_SPENT = re.compile(
    r"(?:error budget|presupuesto(?: de error)?)[^\r\n%|]{0,60}?(?:consum\w*|used|spent|gastado|usado)"
    rf"[^\r\n%|]{{0,20}}?{_NUMBER}\s*%",
    re.IGNORECASE,
)
_FELL = re.compile(
    r"(?:monthly availability|disponibilidad mensual)[^\r\n%|]{0,40}?(?:dropped|fell|baj[oó]|cay[oó])"
    rf"[^\r\n%|]{{0,20}}?{_NUMBER}\s*%",
    re.IGNORECASE,
)
_LASTED = re.compile(rf"(?:duration|duraci[oó]n)\W{{0,8}}{_NUMBER}\s*min", re.IGNORECASE)
_FAILED = re.compile(
    rf"(?:error rate|tasa de error(?:es)?)\W{{0,6}}{_NUMBER}\s*%"
    rf"|{_NUMBER}\s*% (?:of|de)(?: las?| los)?(?: API)? (?:requests|peticiones|solicitudes|total)",
    re.IGNORECASE,
)
_ONE_LINE = re.compile(
    rf"{_NUMBER}\s*min\w*[^\r\n%|]{{0,30}}?{_NUMBER}\s*%[^\r\n%|]{{0,60}}?(?:budget|presupuesto)"
    rf"[^\r\n%|]{{0,30}}?{_NUMBER}\s*%",
    re.IGNORECASE,
)
_PROJECTED = re.compile(
    r"^[ \t]*[-*]?[ \t]*(?:\*\*)?(?:projected|proyec\w+|projection)(?:\*\*)?[^\r\n%|]{0,30}?"
    rf"{_NUMBER}\s*%[^\r\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_HOW = re.compile(r"[=×*/÷]|day \d|d[ií]a \d|after \d|tras \d|\bof \d+ days", re.IGNORECASE)
MONTH = Fraction(30 * 24 * 60)
DEFAULT = Fraction(999, 10)


def check_incidents(document: Document, report: Report) -> None:
    """Everything about the numbers of incidents in a text."""
    file = document.file
    targets = {p.target for p in promises(file) if p.target is not None and 90 < p.target < 100} or {DEFAULT}
    for line in _ONE_LINE.finditer(file.text):
        _check_spent(file, line.start(3), line[3], decimal(line[1]), decimal(line[2]), targets, report)
    for spent in _SPENT.finditer(file.text):
        known = _before(file, spent.start())
        if known is not None:
            _check_spent(file, spent.start(1), spent[1], *known, targets, report)
    for fell in _FELL.finditer(file.text):
        known = _before(file, fell.start())
        if known is not None:
            _check_availability(file, fell, *known, report)
    for projected in _PROJECTED.finditer(file.text):
        if not _HOW.search(projected[0]):
            report.complain_at(
                "SER778", file, projected.start(1), len(projected[1]) + 1,
                f"{projected[1]} % are projected, and nothing says from what: neither how much of the window is over "
                "nor how fast the budget goes", expected="consumed / elapsed share of the window, with both",
            )  # fmt: skip


def _before(file: File, index: int) -> tuple[Fraction, Fraction] | None:
    """Minutes and percent of the last incident described before `index`, within the same part of the text."""
    begin = max(file.text.rfind("\n# ", 0, index), index - 6000, 0)
    lasted = list(_LASTED.finditer(file.text, begin, index))
    failed = list(_FAILED.finditer(file.text, begin, index))
    if not lasted or not failed:
        return None
    return decimal(lasted[-1][1]), decimal(failed[-1][1] or failed[-1][2])


def _check_spent(
    file: File, index: int, said: str, minutes: Fraction, share: Fraction, targets: set[Fraction], report: Report
) -> None:  # fmt: skip
    lost = minutes * share / 100
    right = {target: lost / ((100 - target) / 100 * MONTH) * 100 for target in targets}
    given = decimal(said)
    if any(abs(value - given) <= max(Fraction(1, 2), value / 20) for value in right.values()):
        return
    target = min(right, key=lambda t: abs(t - DEFAULT))
    report.complain_at(
        "SER777", file, index, len(said) + 1,
        f"{float(minutes):g} minutes in which {float(share):g} % fail are {float(lost):.4g} bad minutes: "
        f"{float(right[target]):.3g} % of the budget of {float(target):g} % over 30 days, not {said} %",
        expected=f"{float(right[target]):.3g} %",
    )  # fmt: skip


def _check_availability(
    file: File, fell: re.Match[str], minutes: Fraction, share: Fraction, report: Report
) -> None:  # fmt: skip
    right = 100 - minutes * share / MONTH
    given = decimal(fell[1])
    if abs(right - given) > Fraction(5, 1000):
        report.complain_at(
            "SER777", file, fell.start(1), len(fell[1]) + 1,
            f"{float(minutes):g} minutes in which {float(share):g} % fail leave {float(right):.3f} % of a month, not "
            f"{fell[1]} "
            "%, unless there was more", expected=f"{float(right):.3f} %",
        )  # fmt: skip

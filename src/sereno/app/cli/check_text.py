"""What `sereno check` tells people: findings that can be read however many there are, and tables that fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from sereno.kernel.diagnostics import Diagnostic

if TYPE_CHECKING:
    from sereno.spec.model import Spec

WIDTH = 80
LISTED_MAX = 100
_OF_EACH = 3
_SUMMED_FROM = 20
_OBJECTIVES_MIN = 24


def listed(diagnostics: Sequence[Diagnostic], *, everything: bool = False) -> list[str]:
    """The diagnostics as people read them, one part each; of more than a hundred the first three of each code, mistakes
    first, unless `everything` is wanted. More than twenty are summed up by their codes."""
    if everything or len(diagnostics) <= LISTED_MAX:
        parts = [one.render() for one in diagnostics]
    else:
        parts = _some(diagnostics)
    return [*parts, by_code(diagnostics)] if len(diagnostics) > _SUMMED_FROM else parts


def _some(diagnostics: Sequence[Diagnostic]) -> list[str]:
    parts = []
    for code, _ in _codes(diagnostics):
        own = [one for one in diagnostics if one.code == code]
        parts += [one.render() for one in own[:_OF_EACH]]
        if len(own) > _OF_EACH:
            parts.append(f"… {code} in {len(own) - _OF_EACH:,} more places (--select {code} --all lists them)")
    return parts


def by_code(diagnostics: Sequence[Diagnostic]) -> str:
    """How often each code was found, mistakes first, then by number."""
    rows = [(code, f"{count:,}", level, _title(code)) for (code, level), count in _counted(diagnostics)]
    width = max(len(row[1]) for row in rows)
    lines = [f"{code}  {count:>{width}}  {level:<7}  {title}" for code, count, level, title in rows]
    return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in lines)


def _codes(diagnostics: Sequence[Diagnostic]) -> list[tuple[str, str]]:
    return [key for key, _ in _counted(diagnostics)]


def _counted(diagnostics: Sequence[Diagnostic]) -> list[tuple[tuple[str, str], int]]:
    counts = Counter((one.code, one.level) for one in diagnostics)
    return sorted(counts.items(), key=lambda item: (item[0][1] != "error", -item[1], item[0]))


def _title(code: str) -> str:
    from sereno.lint.codes import CODES
    from sereno.spec.codes import CODES as SPEC

    return CODES[code].title if code in CODES else SPEC[code].title.removesuffix(" (warning)")


def services(spec: Spec) -> str:
    """A line for each service, and more for one whose objectives need them."""
    rows = [("service", "team", "objectives", "alerts", "status")]
    for service in spec.services.values():
        objectives = ", ".join(f"{slo.name} {slo.objective.text}".replace(" ", "\xa0") for slo in service.slos) or "-"
        shown = f"{service.status_page}: {service.component}" if service.component else "-"
        rows.append((service.name, service.team, objectives, str(len(service.alerts)), shown))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    widths[2] = min(widths[2], max(_OBJECTIVES_MIN, WIDTH - 8 - sum(widths) + widths[2]))
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    many = wrap(row[2], widths[2], break_long_words=False, break_on_hyphens=False) or [""]
    found = []
    for number, text in enumerate(many):
        cells = [*row[:2], text, *row[3:]] if not number else ["", "", text, "", ""]
        found.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    return [line.replace("\xa0", " ") for line in found]

"""Scripts of Prometheus's promqltest, read: loads, clears and evaluations with what they expect.

Source of the language: promql/promqltest/README.md and test.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np
from tests.promql import native_script
from tests.promql.native_script import NativeStore, Points

from sereno.kernel.duration import parse_duration
from sereno.kernel.duration import to_ms as duration_ms
from sereno.kernel.labels import Labels
from sereno.promql import STALE, Columns, Grid, Selection
from sereno.promql.lexer import unquote
from sereno.promql.native_notation import Noted
from sereno.promql.selecting import SelectorParser

_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)")
_LOAD = re.compile(r"load(_with_nhcb)?\s+(\S+)")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")
_EXPECT_RANGE = re.compile(r"expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)")
_NUMBER = r"(?:nan|inf|[0-9.]+(?:e[+-]?\d+)?)"
_ITEM = re.compile(rf"(_|stale|[+-]?{_NUMBER})([+-]{_NUMBER})?(?:x(\d+))?", re.IGNORECASE)
_START = re.compile(r"([+-]?\d+[a-wyz]*)(?:([+-]\d+[a-wyz]*))?(?:x(\d+))?")

Item = float | Noted | None


@dataclass
class World:
    """The samples that are loaded, and when the counters of some of them began."""

    series: dict[Labels, Points] = field(default_factory=dict)
    starts: dict[Labels, dict[int, int]] = field(default_factory=dict)
    known: ScriptStore | None = None

    def store(self) -> ScriptStore:
        """The samples, to be selected from."""
        if self.known is None:
            self.known = ScriptStore(native_script.columns(self.series), self.starts)
        return self.known


@dataclass
class ScriptStore(NativeStore):
    """Samples in memory that know when counters began."""

    starts: dict[Labels, dict[int, int]]

    def select(self, selection: Selection) -> Columns:
        found = super().select(selection)
        if not self.starts:
            return found
        rows = np.repeat(np.arange(len(found)), np.diff(found.offsets))
        began = [
            self.starts.get(found.labels[row], {}).get(int(t), 0) for row, t in zip(rows, found.times, strict=True)
        ]
        return replace(found, starts=np.array(began, dtype=np.int64))


@dataclass(frozen=True)
class Expected:
    """A message that must be there: as it is, or by a pattern."""

    message: str = ""
    pattern: re.Pattern[str] | None = None

    def fits(self, text: str) -> bool:
        return self.message == text if self.pattern is None else self.pattern.search(text) is not None


@dataclass(frozen=True)
class Case:
    """One evaluation and what it expects."""

    line: int
    expr: str
    grid: Grid
    is_range: bool
    mode: str | None = None
    said: tuple[tuple[str, Expected], ...] = ()
    string: str | None = None
    window: Grid | None = None
    scalar: float | None = None
    rows: tuple[tuple[Labels, tuple[Item, ...]], ...] = ()
    text: str = ""

    def expected(self, kind: str) -> list[Expected]:
        """What is expected of errors, warnings or infos."""
        return [one for name, one in self.said if name == kind]

    @property
    def fails(self) -> bool:
        return self.mode == "fail" or bool(self.expected("fail"))

    @property
    def ordered(self) -> bool:
        return self.mode == "ordered" or bool(self.expected("ordered"))


def read(text: str):
    """The evaluations of the script `text`, each with the world it looks at."""
    lines = ["" if line.strip().startswith("#") else line.strip() for line in text.splitlines()]
    world, index = World(), 0
    while index < len(lines):
        head, start = lines[index], index
        index += 1
        if not head:
            continue
        block = []
        if not head.startswith("clear"):
            while index < len(lines) and lines[index]:
                block.append(lines[index])
                index += 1
        if head.startswith("clear"):
            world = World()
        elif load := _LOAD.match(head):
            _load(world, block, milliseconds(load[2]), nhcb=bool(load[1]))
        elif head.startswith("eval"):
            yield case_of(start + 1, head, block), world
        else:
            raise ValueError(f"line {start + 1}: {head!r}")


def milliseconds(text: str) -> int:
    """A duration or a number of seconds."""
    if re.fullmatch(r"-?[0-9.]+", text):
        return round(float(text) * 1000)
    sign = -1 if text.startswith("-") else 1
    return sign * duration_ms(parse_duration(text.lstrip("+-")))


def labels_and_rest(line: str) -> tuple[Labels, str]:
    """The labels that begin a line, and what follows them."""
    end = depth = 0
    quote = ""
    for end, char in enumerate(line):
        if quote:
            quote = "" if char == quote and line[end - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
        elif char in " \t" and depth == 0:
            break
    else:
        end += 1
    head, rest = line[:end], line[end:].strip()
    cursor = SelectorParser(head.removesuffix("@st"))
    matchers = cursor.matchers(cursor.here)
    cursor.expect_end()
    return Labels((m.name, m.value) for m in matchers), rest


def items(text: str) -> list[Item]:
    """The samples of one series."""
    found: list[Item] = []
    for word in native_script.words(text):
        histograms = native_script.noted(word)
        if histograms is not None:
            found += histograms
            continue
        match = _ITEM.fullmatch(word)
        if match is None:
            raise ValueError(f"cannot read {word!r}")
        base, step, times = match[1].lower(), match[2], match[3]
        if base == "_":
            found += [None] * int(times or 1)
            continue
        value = float(STALE) if base == "stale" else float(base)
        for _ in range(int(times) + 1 if times else 1):
            found.append(value)
            value = value + float(step) if step else value
    return found


def _start_items(text: str) -> list[int | None]:
    """The start times of one series, relative to the samples, in milliseconds."""
    found: list[int | None] = []
    for word in text.split():
        if word.startswith("_"):
            found += [None] * int(word[2:] or 1)
            continue
        match = _START.fullmatch(word)
        if match is None:
            raise ValueError(f"cannot read {word!r} as a start time")
        value, step = milliseconds(match[1]), milliseconds(match[2]) if match[2] else 0
        found += [value + step * index for index in range(int(match[3] or 0) + 1)]
    return found


def _load(world: World, block: list[str], step_ms: int, *, nhcb: bool) -> None:
    loaded: dict[Labels, Points] = {}
    begun: list[int | None] = []
    for line in block:
        labels, rest = labels_and_rest(line)
        if line.split()[0].endswith("@st"):
            begun = _start_items(rest)
            continue
        points = loaded.setdefault(labels, {})
        for index, value in enumerate(items(rest)):
            if value is not None:
                points[index * step_ms] = value.histogram if isinstance(value, Noted) else value
        for index, start in enumerate(begun):
            if start is not None and index * step_ms in points:
                world.starts.setdefault(labels, {})[index * step_ms] = index * step_ms + start
        begun = []
    for part in (loaded, native_script.with_custom_buckets(loaded) if nhcb else {}):
        for labels, points in part.items():
            world.series.setdefault(labels, {}).update(points)
    world.known = None


def _number(text: str) -> float | None:
    try:
        return float(int(text, 0))
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def case_of(line: int, head: str, block: list[str]) -> Case:
    """The evaluation that begins with `head` at `line`."""
    ranged = _RANGE.fullmatch(head)
    if ranged:
        mode, begin, end, step, expr = ranged.groups()
        case = Case(line, expr, Grid(milliseconds(begin), milliseconds(end), milliseconds(step)), True, mode)
    else:
        instant = _INSTANT.fullmatch(head)
        assert instant is not None, head
        case = Case(line, instant[3], Grid.at(milliseconds(instant[2] or "0")), False, instant[1])
    said: list[tuple[str, Expected]] = []
    rows: list[tuple[Labels, tuple[Item, ...]]] = []
    for one in block:
        if one.startswith(("expected_fail_message", "expected_fail_regexp")):
            word, _, rest = one.partition(" ")
            pattern = re.compile(rest.strip()) if word.endswith("regexp") else None
            said.append(("fail", Expected(rest.strip(), pattern)))
        elif window := _EXPECT_RANGE.fullmatch(one):
            case = replace(case, window=Grid(*map(milliseconds, window.groups())))
        elif one.startswith("expect string"):
            case = replace(case, string=_unquoted(one.removeprefix("expect string").strip()))
        elif one.split()[0] == "expect":
            said.append(_said(one))
        elif (number := _number(one)) is not None:
            case = replace(case, scalar=number)
        else:
            labels, rest = labels_and_rest(one)
            rows.append((labels, tuple(items(rest))))
    return replace(case, said=tuple(said), rows=tuple(rows), text="\n".join((head, *block)))


def _unquoted(text: str) -> str:
    return unquote(SelectorParser(text).here)


def _said(line: str) -> tuple[str, Expected]:
    match = _EXPECT.fullmatch(line)
    assert match is not None, line
    if match[2] is None:
        return match[1], Expected(pattern=re.compile(""))
    rest = match[3].strip()
    return match[1], Expected(rest) if match[2] == "msg" else Expected(pattern=re.compile(rest))


def almost(a: float, b: float) -> bool:
    """Whether two floats are alike, as util/almost of Prometheus has it."""
    stale = np.float64(STALE).tobytes()
    if stale in (np.float64(a).tobytes(), np.float64(b).tobytes()):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    if math.isnan(a) and math.isnan(b):
        return True
    if a == b:
        return True
    total, diff = abs(a) + abs(b), abs(a - b)
    if a == 0 or b == 0 or total < 2.2250738585072014e-308:
        return diff < 1e-6 * 2.2250738585072014e-308
    return diff / min(total, 1.7976931348623157e308) < 1e-6

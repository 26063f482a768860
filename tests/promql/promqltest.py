"""Runs scripts in the language of Prometheus's own tests (promql/promqltest): load, clear, eval, expect."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from tests.promql import native_script

from sereno.kernel.duration import parse_duration
from sereno.kernel.duration import to_ms as duration_ms
from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import STALE, Grid, Result, Settings, evaluate, matchers_of, matches, parse
from sereno.promql.ast import Selector, children
from sereno.promql.native import Histogram
from sereno.promql.native_notation import Noted
from sereno.promql.native_text import notation

Verdict = Literal["pass", "refused", "wrong", "native"]

_EVAL = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s+(.+)", re.DOTALL)
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)", re.DOTALL)
_LOAD = re.compile(r"load(_with_nhcb)?\s+(\S+)")
_ITEM = re.compile(r"(_|stale|[+-]?(?:nan|inf|[0-9.]+(?:e[+-]?\d+)?))([+-](?:inf|[0-9.]+(?:e[+-]?\d+)?))?(?:x(\d+))?", re.I)  # fmt: skip

VERSION_3 = Settings(dialect=3)


@dataclass
class Outcome:
    """One case: where it stands, what it asks, how it ended and why."""

    line: int
    expr: str
    verdict: Verdict
    why: str = ""


@dataclass
class _World:
    series: dict[Labels, native_script.Points] = field(default_factory=dict)
    native: list[Labels] = field(default_factory=list)

    def store(self) -> native_script.NativeStore:
        return native_script.NativeStore(native_script.columns(self.series))

    def add(self, loaded: _World, *, nhcb: bool) -> None:
        """Put the samples of one load to those that are there."""
        self.native += loaded.native
        parts = [loaded.series, native_script.with_custom_buckets(loaded.series) if nhcb else {}]
        for part in parts:
            for labels, points in part.items():
                self.series.setdefault(labels, {}).update(points)


def run(text: str, settings: Settings = VERSION_3) -> list[Outcome]:
    """The outcome of every case of the script `text`."""
    lines = text.splitlines()
    world, found, index = _World(), [], 0
    while index < len(lines):
        line = lines[index].strip()
        start = index
        index += 1
        if not line or line.startswith("#"):
            continue
        block = []
        if not line.startswith("clear"):
            while index < len(lines) and lines[index].strip() and not lines[index].strip().startswith("#"):
                block.append(lines[index].strip())
                index += 1
        if line.startswith("clear"):
            world = _World()
        elif load := _LOAD.match(line):
            loaded = _World()
            for one in block:
                _load(loaded, one, _ms(load[2]))
            world.add(loaded, nhcb=bool(load[1]))
        elif line.startswith("eval"):
            found.append(_case(world, settings, start + 1, line, block))
    return found


def _ms(text: str) -> int:
    if re.fullmatch(r"-?[0-9.]+", text):
        return round(float(text) * 1000)
    sign = -1 if text.startswith("-") else 1
    return sign * duration_ms(parse_duration(text.lstrip("-")))


def _split(line: str) -> tuple[Labels, str]:
    """The labels that begin a line, and the rest."""
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
    head = line[:end]
    named = re.sub(r'^\{\s*"([^"]*)"', r'{__name__="\1"', head)
    named = re.sub(r',\s*"([a-zA-Z_:][\w:]*)"\s*(?=[,}])', r',__name__="\1"', named)
    named = re.sub(r'"([a-zA-Z_]\w*)"\s*=', r"\1=", named)
    if named in ("", "{}"):
        return Labels(), line[end:].strip()
    return Labels((m.name, m.value) for m in _matchers(named)), line[end:].strip()


def _matchers(text: str):
    if "{" in text and text.endswith("}") and not text.startswith("{"):
        name, inside = text[:-1].split("{", 1)
        text = f'{{__name__="{name}"{"," + inside if inside.strip() else ""}}}'
    return matchers_of(text.replace("{", '{zz_anchor="1",', 1))[1:] if "{" in text else matchers_of(text)


def _items(text: str) -> list[float | Noted | None]:
    found: list[float | Noted | None] = []
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


def _load(world: _World, line: str, step_ms: int) -> None:
    if "@" in line:  # samples with start timestamps, an experiment of version 3
        world.native.append(Labels(__name__=re.match(r"[\w:]*", line)[0]))
        return
    labels, rest = _split(line)
    points = world.series.setdefault(labels, {})
    for index, value in enumerate(_items(rest)):
        if value is not None:
            points[index * step_ms] = value.histogram if isinstance(value, Noted) else value


def _case(world: _World, settings: Settings, line: int, head: str, block: list[str]) -> Outcome:
    instant, ranged = _EVAL.match(head), _RANGE.match(head)
    if ranged:
        grid = Grid(_ms(ranged[2]), _ms(ranged[3]), _ms(ranged[4]))
        mode, expr = ranged[1], ranged[5]
    else:
        assert instant, head
        grid = Grid.at(_ms(instant[2] or "0"))
        mode, expr = instant[1], instant[3]
    fail = mode == "fail" or any(one.startswith("expect fail") for one in block)
    ordered = mode == "ordered" or "expect ordered" in block
    said = [one for one in block if one.startswith(("expect string", "expect range"))]
    wanted = [one for one in block if not one.startswith("expect")]
    if _is_native(world, expr, wanted):
        return Outcome(line, expr, "native")
    store = world.store()
    try:
        result = evaluate(expr, grid, store.select, settings=settings)
    except QueryError as error:
        return Outcome(line, expr, "pass" if fail else "refused", str(error))
    if fail:
        return Outcome(line, expr, "wrong", "it was meant to fail")
    if said:
        right = result.kind == "string" and said[0].removeprefix("expect string").strip()[1:-1] == result.text
        return Outcome(line, expr, "pass" if right else "wrong", "" if right else f"{result.text!r}")
    why = _compare(result, grid, wanted, ordered=ordered)
    if not why and grid.start_ms == grid.end_ms and not ordered and "@" not in expr and result.kind == "vector":
        around = Grid(grid.start_ms - 60_000, grid.start_ms + 60_000, 60_000)
        whole = evaluate(expr, around, store.select, settings=settings)
        histograms = None if whole.histograms is None else whole.histograms[:, 1:2]
        middle = Result(whole.kind, whole.labels, whole.values[:, 1:2], whole.present[:, 1:2], histograms=histograms)
        why = _compare(middle, grid, wanted, ordered=False)
        why = why and f"as a range: {why}"
    return Outcome(line, expr, "wrong" if why else "pass", why)


def _is_native(world: _World, expr: str, wanted: list[str]) -> bool:
    if any("@" in one for one in wanted):
        return True
    try:
        pending = [parse(expr)]
    except QueryError:
        return False
    while pending:
        node = pending.pop()
        if isinstance(node, Selector) and any(matches(node.matchers, labels) for labels in world.native):
            return True
        pending += children(node)
    return False


def _compare(result: Result, grid: Grid, wanted: list[str], *, ordered: bool) -> str:
    """What differs, in words; empty if nothing does."""
    count = len(grid.instants_ms)
    if result.kind == "scalar" and len(wanted) == 1 and "{" not in wanted[0]:
        (value,) = _items(wanted[0])[:1]
        return "" if _same(value, float(result.values[0, 0])) else f"{result.values[0, 0]}, expected {value}"
    expected: dict[Labels, list[float | Noted | None]] = {}
    for one in wanted:
        labels, rest = _split(one)
        values = _items(rest)
        expected[labels] = (values + [None] * count)[:count]
    rows = [row for row in range(len(result.labels)) if result.present[row].any()]
    found = {
        result.labels[row]: [_point(result, row, column) for column in range(result.values.shape[1])] for row in rows
    }
    expected = {labels: values for labels, values in expected.items() if any(v is not None for v in values)}
    if found.keys() != expected.keys():
        return f"series {sorted(map(str, found))}, expected {sorted(map(str, expected))}"
    if ordered and list(found) != list(expected):
        return f"order {list(found)}"
    for labels, values in expected.items():
        for at, (a, b) in enumerate(zip(values, found[labels], strict=True)):
            if (a is None) != (b is None) or (a is not None and b is not None and not _same(a, b)):
                return f"{labels}[{at}] = {_told(b)}, expected {_told(a)}"
    return ""


def _told(one: float | Noted | Histogram | None) -> str:
    if isinstance(one, Noted):
        return notation(one.histogram)
    return notation(one) if isinstance(one, Histogram) else str(one)


def _point(result: Result, row: int, column: int) -> float | Histogram | None:
    if not result.present[row, column]:
        return None
    native = None if result.histograms is None else result.histograms[row, column]
    return float(result.values[row, column]) if native is None else native


def _same(a: float | Noted | None, b: float | Histogram) -> bool:
    if isinstance(a, Noted) or isinstance(b, Histogram):
        return isinstance(a, Noted) and isinstance(b, Histogram) and native_script.alike(a, b)
    assert a is not None
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= 1e-6 * (abs(a) + abs(b))

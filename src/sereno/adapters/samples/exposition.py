"""Prometheus text format 0.0.4 and OpenMetrics 1.0 text, read fast.

A target says nearly the same at every scrape: the same lines with other numbers. A `Parser` belongs to one target
and remembers the text before each number; when all of it is as it was, only the numbers are read. Formats:
prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics specification, version 1.0.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from sereno.adapters.samples.source import Metadata, SeriesSamples
from sereno.kernel.errors import SerenoError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s

# Possessive repeats (++, *+): a line of ten million letters takes no memory to refuse.
_SERIES = re.compile(
    rb'[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*+)(?:[ \t]*\{((?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+)\})?', re.DOTALL
)
_LABEL = re.compile(rb'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\\n]++|\\.)*+)"[ \t]*(,|$)')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_SAID = ("TYPE", "HELP", "UNIT")
_TYPES = frozenset({"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"})
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_INSTANT_MAX = float(1 << 53)
_EXCERPT = 60
_NUMBER_MAX = 400
_NUMBER = re.compile(
    rb"[+-]?(?:[0-9]{1,400}+(?:\.[0-9]{0,400}+)?(?:e[+-]?[0-9]{1,9}+)?"
    rb"|\.[0-9]{1,400}+(?:e[+-]?[0-9]{1,9}+)?|inf(?:inity)?|nan)",
    re.IGNORECASE,
)


class ScrapeError(SerenoError):
    """A target could not be read: it did not answer, answered too much, or answered something else."""

    code = "scrape"
    status = 502
    retry = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What one target may say at most. Beyond it the whole scrape counts as failed."""

    body_bytes: int = 10_000_000
    samples: int = 50_000
    labels: int = 64
    label_name_bytes: int = 512
    label_value_bytes: int = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """What a target said. `labels` is the very same tuple as last time if the series are. `repeated` lines named a
    series that an earlier line had named, and were left out; `dated` lines carried a timestamp of their own: they are
    in `sent`, if that is honoured, else their samples count as taken when they were scraped. `metadata` is what the
    target says of its metrics, None if that is what it said last."""

    labels: tuple[Labels, ...]
    values: Float64s
    repeated: int = 0
    dated: int = 0
    sent: tuple[SeriesSamples, ...] = ()
    metadata: Mapping[str, Metadata] | None = None


def replace_metadata(parsed: Parsed, metadata: Mapping[str, Metadata] | None) -> Parsed:
    """`parsed` with what was said of metrics."""
    return parsed if metadata is None else replace(parsed, metadata=metadata)


def metadata_of(remarks: Iterable[bytes], *, openmetrics: bool = False) -> dict[str, Metadata]:
    """What the lines that begin with # say of metrics: # TYPE, # HELP, # UNIT. Whatever is not so is a remark."""
    found: dict[str, Metadata] = {}
    for line in remarks:
        words = line.decode("utf-8", "replace").rstrip("\r").split(None, 3)
        if len(words) < 3 or words[0] != "#" or words[1] not in _SAID or not _NAME.fullmatch(words[2]):
            continue
        text = words[3] if len(words) > 3 else ""
        known = found.get(words[2], Metadata())
        if words[1] == "TYPE":
            kind = text.strip()
            known = replace(known, type=kind if kind in _TYPES else "unknown")
        elif words[1] == "HELP":
            known = replace(known, help=_plain_help(text, openmetrics))
        else:
            known = replace(known, unit=text.strip())
        found[words[2]] = known
    return found


def _plain_help(text: str, openmetrics: bool) -> str:
    """A help text as it is meant; only OpenMetrics escapes quotes in it."""
    return _ESCAPE.sub(
        lambda m: m.group(0) if m.group(1) == '"' and not openmetrics else _ESCAPES.get(m.group(0), m.group(0)), text
    )


def _plain(labels: dict[str, str]) -> Labels:
    return Labels(labels)


class Parser:
    """Reads the bodies of one target.

    `finish` turns the labels of a series (with `__name__`) into those it is stored under; it is called once a series.
    With `honor_timestamps` samples that carry a timestamp are handed on with it, as `sent`.
    """

    def __init__(
        self,
        finish: Callable[[dict[str, str]], Labels] = _plain,
        limits: Limits | None = None,
        *,
        honor_timestamps: bool = False,
    ) -> None:
        self._honor = honor_timestamps
        self._remarks: list[bytes] = []
        self._finish = finish
        self._limits = limits or Limits()
        self._known: dict[bytes, Labels] = {}
        self._before: list[bytes] = []
        self._labels: tuple[Labels, ...] = ()
        self._kept: list[bool] | None = None

    def parse(self, body: bytes, *, openmetrics: bool = False) -> Parsed:
        """The samples in `body`. Raises ScrapeError, naming the line, if it is not in the format or over a limit."""
        lines = body.split(b"\n")
        if openmetrics:
            _check_end(lines)
        samples = [line for line in lines if line and line[0] != 35]  # 35 is "#"
        return replace_metadata(self._samples(lines, samples, openmetrics), self._metadata(lines, openmetrics))

    def _metadata(self, lines: list[bytes], openmetrics: bool) -> Mapping[str, Metadata] | None:
        """What the remarks say of metrics; None if they are those of last time."""
        remarks = [line for line in lines if line and line[0] == 35]
        if remarks == self._remarks:
            return None
        self._remarks = remarks
        return metadata_of(remarks, openmetrics=openmetrics)

    def _samples(self, lines: list[bytes], samples: list[bytes], openmetrics: bool) -> Parsed:
        if len(samples) > self._limits.samples:
            raise ScrapeError(f"{len(samples)} samples are more than the limit of {self._limits.samples}")
        parts = [line.rpartition(b" ") for line in samples]
        before = [part[0] for part in parts]
        texts = [part[2] for part in parts]
        if before != self._before or not before:
            return self._parse_lines(lines, samples, openmetrics)
        try:
            if b"_" not in b"".join(texts) and len(max(texts, key=len)) < _NUMBER_MAX:  # Python would read 1_000
                return self._result(list(map(float, texts)))
        except ValueError:
            pass
        return self._parse_lines(lines, samples, openmetrics)

    def _result(self, values: Sequence[float], dated: int = 0, sent: Sequence[SeriesSamples] = ()) -> Parsed:
        if self._kept is None:
            return Parsed(self._labels, np.array(values, np.float64), 0, dated, tuple(sent))
        kept = np.array(list(compress(values, self._kept)), np.float64)
        return Parsed(self._labels, kept, len(values) - len(kept), dated, tuple(sent))

    def _parse_lines(self, lines: list[bytes], samples: list[bytes], openmetrics: bool) -> Parsed:
        """Line by line, remembering as much as possible for the next time."""
        known, seen = self._known, dict[bytes, Labels]()
        before: list[bytes] = []
        labels: list[Labels] = []
        values: list[float] = []
        sent: list[SeriesSamples] = []
        dated = 0
        simple = True
        for line in samples:
            head, _, tail = line.rpartition(b" ")
            found = known.get(head)
            if found is not None and _NUMBER.fullmatch(tail):
                value = float(tail)
            else:
                try:
                    series, found, value, at_ms = self._parse_line(line, openmetrics)
                except ValueError as problem:
                    if line.lstrip()[:1] in (b"", b"#"):
                        continue
                    raise _at_line(lines, line, str(problem)) from None
                dated += at_ms is not None
                simple = simple and series == head
                head = series
                if at_ms is not None and self._honor:
                    seen[head] = found
                    sent.append(SeriesSamples(found, np.array([at_ms], np.int64), np.array([value])))
                    continue
            seen[head] = found
            before.append(head)
            labels.append(found)
            values.append(value)
        self._known = seen
        self._before = before if simple and len(before) == len(samples) else []
        self._remember(labels)
        return self._result(values, dated, sent)

    def _remember(self, labels: list[Labels]) -> None:
        """Keep the series of this scrape: the same tuple if they are the same, without those named again."""
        first: set[Labels] = set()
        kept = [not (one in first or first.add(one)) for one in labels]  # type: ignore[func-returns-value]
        self._kept = None if len(first) == len(labels) else kept
        unique = tuple(compress(labels, kept))
        if unique != self._labels:
            self._labels = unique

    def _parse_line(self, line: bytes, openmetrics: bool) -> tuple[bytes, Labels, float, int | None]:
        """The text of the series, its labels, the value, and its own instant if it has one. Raises ValueError."""
        found = _SERIES.match(line)
        if found is None:
            raise ValueError("expected the name of a metric")
        rest = line[found.end() :]
        words = (rest.partition(b" # ")[0] if openmetrics else rest).split()
        if not words or (found.group(2) is None and rest[:1] not in b" \t"):
            raise ValueError(
                "expected a value after the series" if rest[:1] in b" \t" else "expected a label set or a blank"
            )
        if len(words) > 2 or _NUMBER.fullmatch(words[0]) is None:
            raise ValueError(f"expected a number, found {_shown(words[0] if len(words) <= 2 else rest.strip())}")
        if len(words) == 2 and _NUMBER.fullmatch(words[1]) is None:
            raise ValueError(f"expected a timestamp, found {_shown(words[1])}")
        series = found.group(0)
        labels = self._known.get(series)
        if labels is None:
            labels = self._finish(self._labels_of(found.group(1), found.group(2) or b""))
        return series, labels, float(words[0]), _instant(words[1], openmetrics) if len(words) == 2 else None

    def _labels_of(self, name: bytes, text: bytes) -> dict[str, str]:
        labels = {"__name__": sys.intern(name.decode())}
        at = 0
        text = text.strip(b" \t")
        while at < len(text):
            found = _LABEL.match(text, at)
            if found is None:
                raise ValueError(f'expected label="value", found {_shown(text[at:])}')
            at = found.end()
            label, value = found.group(1), found.group(2)
            if len(label) > self._limits.label_name_bytes or len(value) > self._limits.label_value_bytes:
                raise ValueError(f"label {_shown(label)} is longer than the limit")
            if (key := label.decode()) in labels:
                raise ValueError(f"label {key} occurs twice")
            labels[sys.intern(key)] = sys.intern(_unescaped(value))
        if len(labels) > self._limits.labels:
            raise ValueError(f"{len(labels)} labels are more than the limit of {self._limits.labels}")
        return labels


def _instant(text: bytes, openmetrics: bool) -> int:
    """A timestamp in milliseconds: OpenMetrics writes seconds, the older format milliseconds. Raises ValueError."""
    given = float(text) * (1000 if openmetrics else 1)
    if not abs(given) < _INSTANT_MAX:
        raise ValueError(f"expected a timestamp, found {_shown(text)}")
    return round(given)


def _unescaped(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise ValueError(f"label value {_shown(value)} is not UTF-8") from None
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(0), found.group(0)), text)


def _check_end(lines: list[bytes]) -> None:
    """OpenMetrics ends in `# EOF`: without it the body was cut off."""
    filled = [place for place, line in enumerate(lines) if line.strip()]
    if not filled or lines[filled[-1]].rstrip(b"\r") != b"# EOF":
        raise ScrapeError("the body does not end in # EOF: it was cut off, or is not OpenMetrics")


def _at_line(lines: list[bytes], line: bytes, problem: str) -> ScrapeError:
    """The error, with its line counted from 1 and an excerpt of it."""
    return ScrapeError(f"line {lines.index(line) + 1}: {problem}: {_shown(line)}")


def _shown(text: bytes) -> str:
    shown = text[:_EXCERPT].decode("utf-8", "backslashreplace")
    return repr(shown + ("…" if len(text) > _EXCERPT else ""))

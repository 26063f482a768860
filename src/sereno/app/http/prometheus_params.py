"""What a request to the Prometheus-shaped API asks for, read as Prometheus reads it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import parse_qsl

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import QueryError, SerenoError
from sereno.kernel.moment import EPOCH
from sereno.promql import Matcher, matchers_of

FIELDS_MAX = 2000
QUERY_CHARS_MAX = 100_000
POINTS_MAX = 11_000
TIME_MS_MAX = 2**53
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_BOUNDS = {"-292273086-05-16T16:47:06Z": -TIME_MS_MAX, "292277025-08-18T07:12:54.999999999Z": TIME_MS_MAX}
"""How client libraries write the beginning and the end of time."""

ErrorType = Literal["bad_data", "execution", "timeout", "canceled", "internal", "unavailable", "not_found"]


class ApiError(SerenoError):
    """An answer that is no answer, as Prometheus tells of it."""

    def __init__(self, type_: ErrorType, status: int, message: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.type = type_
        self.status = status
        self.retry_after_seconds = retry_after_seconds


def bad_data(message: str) -> ApiError:
    """The request is wrong: status 400."""
    return ApiError("bad_data", 400, message)


def invalid(name: str, why: str) -> ApiError:
    """One parameter of the request is wrong."""
    return bad_data(f'invalid parameter "{name}": {why}')


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a request, each as often as it was given; of several, the first counts."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def of(query: str, body: str = "") -> Form:
        """From the query string and a form's body; what stands in the body comes first, as in Go.

        Raises ApiError for more parameters than anyone needs.
        """
        found: dict[str, list[str]] = {}
        try:
            for text in (body, query):
                for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX):
                    found.setdefault(name, []).append(value)
        except ValueError:
            raise bad_data(f"more than {FIELDS_MAX} parameters") from None
        return Form({name: tuple(values) for name, values in found.items()})

    def text(self, name: str) -> str:
        """The parameter, or the empty text without it."""
        return self.values.get(name, ("",))[0]

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of the parameter."""
        return self.values.get(name, ())

    def query(self) -> str:
        """The expression asked for. Raises ApiError if it is longer than anyone writes."""
        text = self.text("query")
        if len(text) > QUERY_CHARS_MAX:
            raise invalid("query", f"it has {len(text):,} characters, more than {QUERY_CHARS_MAX:,}")
        return text

    def time_ms(self, name: str, default: int | None = None) -> int:
        """An instant in milliseconds; `default` without the parameter. Raises ApiError."""
        text = self.text(name)
        if not text and default is not None:
            return default
        found = parse_time(text)
        if found is None:
            raise invalid(name, f'cannot parse "{text[:100]}" to a valid timestamp')
        return found

    def duration_seconds(self, name: str) -> float:
        """A duration in seconds: a number, or a duration such as 5m. Raises ApiError."""
        text = self.text(name)
        found = parse_seconds(text)
        if found is None:
            raise invalid(name, f'cannot parse "{text[:100]}" to a valid duration')
        return found

    def limit(self, name: str = "limit") -> int:
        """How many at most; 0 for all. Raises ApiError."""
        text = self.text(name)
        if not text:
            return 0
        if not _INTEGER.fullmatch(text):
            raise invalid(name, f"{text[:40]!r} is no whole number")
        if int(text) < 0:
            raise invalid(name, f"{name} must be non-negative")
        return int(text)

    def number(self, name: str) -> int:
        """A whole number; -1 without the parameter. Raises ApiError."""
        text = self.text(name)
        if not text:
            return -1
        if not _INTEGER.fullmatch(text):
            raise bad_data(f"{name} must be a number")
        return int(text)

    def selectors(self, name: str = "match[]") -> tuple[tuple[Matcher, ...], ...]:
        """The selectors given. Raises ApiError if one is wrong, or would match a series without any label."""
        found = []
        for text in self.all(name):
            if len(text) > QUERY_CHARS_MAX:
                raise invalid(name, f"it has {len(text):,} characters, more than {QUERY_CHARS_MAX:,}")
            try:
                matchers = matchers_of(text)
            except QueryError as error:
                raise invalid(name, told(text, error)) from None
            found.append(matchers)
        return tuple(found)

    def span_ms(self) -> tuple[int, int]:
        """The `start` and `end` of a question about series; all of time without them. Raises ApiError."""
        start, end = self.time_ms("start", -TIME_MS_MAX), self.time_ms("end", TIME_MS_MAX)
        return start, end


def told(text: str, error: QueryError) -> str:
    """What is wrong with an expression, with its place: `1:5: parse error: …` (line and column from 1)."""
    said = error.message if not error.hint else f"{error.message} ({error.hint})"
    if error.position is None:
        return f"parse error: {said}"
    line, column = place_of(text, error.position)
    return f"{line}:{column}: parse error: {said}"


def place_of(text: str, position: int) -> tuple[int, int]:
    """The line and column (from 1) of the character at `position`."""
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def parse_time(text: str) -> int | None:
    """Milliseconds of a Unix time with decimals or of an RFC 3339 time; None for anything else.

    Fractions of a Unix time are rounded to milliseconds, those of RFC 3339 cut off, as Prometheus does.
    """
    if _FLOAT.fullmatch(text):
        seconds = float(text)
        if not math.isfinite(seconds):
            return None
        fraction, whole = math.modf(seconds)
        # Half a millisecond is rounded away from zero, as in Go.
        found = int(whole) * 1000 + int(math.copysign(math.floor(abs(fraction) * 1000 + 0.5), fraction))
        return found if abs(found) <= TIME_MS_MAX else None
    if text in _BOUNDS:
        return _BOUNDS[text]
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def parse_seconds(text: str) -> float | None:
    """Seconds of a number, or of a duration such as 1h30m; None for anything else."""
    if _FLOAT.fullmatch(text):
        seconds = float(text)
        return seconds if abs(seconds) < 2**63 / 1e9 else None
    try:
        return parse_duration(text) / timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None

"""The functions that Go's and Prometheus's templates can call, but for those that look at the world."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from urllib.parse import quote_plus

from sereno.kernel.duration import parse_duration
from sereno.kernel.moment import EPOCH
from sereno.kernel.template_format import Seconds, Value, kind_of, not_finite, printf, show

_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of what a query gives to a template."""

    labels: Mapping[str, str]
    value: Value


class ExecutionError(ValueError):
    """A template that cannot be computed."""


def humanize(value: Value) -> str:
    """Four digits and a metric prefix: 1234567 is 1.235M."""
    number = to_float(value)
    if number == 0 or not math.isfinite(number):
        return _general(number)
    scaled, prefix = _scaled(number)
    return _general(scaled) + prefix


def humanize1024(value: Value) -> str:
    """Four digits and a binary prefix: 2048 is 2ki."""
    number, prefix = to_float(value), ""
    if abs(number) <= 1 or not math.isfinite(number):
        return _general(number)
    for unit in _BINARY:
        if abs(number) < 1024:
            break
        prefix, number = unit, number / 1024
    return _general(number) + prefix


def humanize_duration(value: Value) -> str:
    """Seconds as days, hours, minutes and seconds: 3661 is 1h 1m 1s."""
    number = to_float(value)
    if not math.isfinite(number):
        return _general(number)
    if number == 0:
        return "0s"
    if abs(number) < 1:
        scaled, prefix = _scaled(number)
        return f"{_general(scaled)}{prefix}s"
    sign, number = ("-", -number) if number < 0 else ("", number)
    minutes, seconds = divmod(int(number), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_general(number)}s"


def humanize_percentage(value: Value) -> str:
    """A ratio as a percentage of four digits: 0.0123 is 1.23%."""
    return _general(to_float(value) * 100) + "%"


def humanize_timestamp(value: Value) -> str:
    """Seconds since the epoch as a date and time in UTC."""
    number = to_float(value)
    return show(_instant(number)) if math.isfinite(number) else _general(number)


def to_float(value: Value) -> float:
    """A number, or a text that is one. Raises ExecutionError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ExecutionError(f"can't convert {kind_of(value)} to float")
    try:
        if isinstance(value, str) and (value != value.strip() or "_" in value):
            raise ValueError
        return float(value)
    except (ValueError, OverflowError):
        raise ExecutionError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None


def to_time(value: Value) -> datetime:
    """Seconds since the epoch as an instant."""
    number = to_float(value)
    if not math.isfinite(number):
        raise ExecutionError("value is NaN or Inf")
    return _instant(number)


def _instant(seconds: float) -> datetime:
    if abs(seconds) * 1e9 > 2**63:
        raise ExecutionError(
            f"{show(seconds)} cannot be represented as a nanoseconds timestamp since it overflows int64"
        )
    try:
        nanoseconds = int(seconds * 1e9)
        milliseconds = abs(nanoseconds) // 1_000_000  # towards zero, as Go divides
        return EPOCH + timedelta(milliseconds=milliseconds if nanoseconds >= 0 else -milliseconds)
    except OverflowError:
        raise ExecutionError("the instant is too far away") from None


def _general(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else not_finite(value)


def _scaled(number: float) -> tuple[float, str]:
    prefix = ""
    if abs(number) >= 1:
        for unit in _LARGE:
            if abs(number) < 1000:
                break
            prefix, number = unit, number / 1000
    else:
        for unit in _SMALL:
            if abs(number) >= 1:
                break
            prefix, number = unit, number * 1000
    return number, prefix


# Go's own ----------------------------------------------------------------------------------------------------------


def truth(value: Value) -> bool:
    """Whether Go's templates take `value` for true: not zero, not empty."""
    if value is None:
        return False
    if isinstance(value, str | Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)):
        return len(value) > 0
    return bool(value) if isinstance(value, bool | int | float) else True


def _basic(value: Value) -> str:
    """What values can be compared with: of the same basic kind."""
    if value is None:
        return "nil"
    for kind, name in ((bool, "bool"), (str, "string"), (int, "int"), (Seconds, "int"), (float, "float")):
        if isinstance(value, kind):
            return name
    raise ExecutionError("incomparable type for comparison")


def equal(first: Value, *others: Value) -> bool:
    """Whether `first` equals any of the others."""
    if not others:
        raise ExecutionError("missing argument for comparison")
    kind = _basic(first)
    for other in others:
        if _basic(other) != kind and "nil" not in (kind, _basic(other)):
            raise ExecutionError("incompatible types for comparison")
        if first == other and _basic(other) == kind:
            return True
    return False


def less(first: Value, second: Value) -> bool:
    """Whether `first` comes before `second`."""
    kind, other = _basic(first), _basic(second)
    if kind in ("nil", "bool") or other in ("nil", "bool"):
        raise ExecutionError("invalid type for comparison")
    if kind != other:
        raise ExecutionError("incompatible types for comparison")
    return bool(first < second)


def length(value: Value) -> int:
    """How many bytes, keys or elements."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping | list):
        return len(value)
    raise ExecutionError(f"len of type {kind_of(value)}")


def index(value: Value, *keys: Value) -> Value:
    """The element at each of `keys` in turn; of a mapping what is not there is empty."""
    for key in keys:
        if isinstance(value, Mapping):
            if not isinstance(key, str):
                raise ExecutionError(f"value has type {kind_of(key)}; should be string")
            value = value.get(key, "")
        elif isinstance(value, list):
            value = value[_offset(key, len(value) - 1)]
        elif isinstance(value, str):
            value = value.encode()[_offset(key, len(value.encode()) - 1)]
        else:
            raise ExecutionError(f"can't index item of type {kind_of(value)}")
    return value


def part(value: Value, *bounds: Value) -> Value:
    """A part of a text or list: slice x 1 2 is x[1:2]."""
    if not isinstance(value, str | list) or len(bounds) > 2:
        raise ExecutionError(f"can't slice item of type {kind_of(value)}")
    whole = value.encode() if isinstance(value, str) else value
    begin, end = 0, len(whole)
    if bounds:
        begin = _offset(bounds[0], len(whole))
    if len(bounds) > 1:
        end = _offset(bounds[1], len(whole))
    if begin > end:
        raise ExecutionError(f"invalid slice index: {begin} > {end}")
    found = whole[begin:end]
    return found.decode(errors="replace") if isinstance(found, bytes) else found


def _offset(key: Value, most: int) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise ExecutionError(f"cannot index slice/array with type {kind_of(key)}")
    if not 0 <= key <= most:
        raise ExecutionError(f"index out of range: {key}")
    return key


def _print(*values: Value) -> str:
    """Go's Sprint: blanks between neighbours that are both no texts."""
    text = ""
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            text += " "
        text += show(value)
    return text


# Prometheus's ------------------------------------------------------------------------------------------------------


def _first(samples: Value) -> Value:
    if not samples:
        raise ExecutionError("first() called on vector with no elements")
    return samples[0]


def _host(text: str) -> tuple[str, str] | None:
    """Go's net.SplitHostPort."""
    found = re.fullmatch(r"\[([^\[\]]*)\]:([^:\[\]]*)|([^:\[\]]*):([^:\[\]]*)", text)
    return None if found is None else (found[1] or found[3] or "", found[2] or found[4] or "")


def _strip_port(text: str) -> str:
    found = _host(text)
    return text if found is None else found[0]


def _strip_domain(text: str) -> str:
    host, port = _host(text) or (text, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        short = host.split(".")[0]
        return f"{short}:{port}" if port else short
    return text


def _title(text: str) -> str:
    return re.sub(r"(?<!\w)\w", lambda found: found[0].upper(), text)


def _duration(text: str) -> float:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    try:
        return sign * parse_duration(rest).total_seconds()
    except (ValueError, OverflowError):
        raise ExecutionError(f'not a valid duration string: "{text}"') from None


def _link(text: str, tab: int) -> str:
    return f"/graph?g0.expr={quote_plus(text)}&g0.tab={tab}"


PLAIN: dict[str, tuple[str, Callable[..., Value]]] = {
    # name: the types of its arguments (a: any, s: text, p: a sample, r: samples, m: more of any), what it does
    "humanize": ("a", humanize),
    "humanize1024": ("a", humanize1024),
    "humanizeDuration": ("a", humanize_duration),
    "humanizePercentage": ("a", humanize_percentage),
    "humanizeTimestamp": ("a", humanize_timestamp),
    "toTime": ("a", to_time),
    "toDuration": ("a", lambda value: Seconds(to_float(value))),
    "title": ("s", _title),
    "toUpper": ("s", lambda text: text.upper()),
    "toLower": ("s", lambda text: text.lower()),
    "stripPort": ("s", _strip_port),
    "stripDomain": ("s", _strip_domain),
    "safeHtml": ("s", lambda text: text),
    "tableLink": ("s", lambda text: _link(text, 1)),
    "graphLink": ("s", lambda text: _link(text, 0)),
    "urlQueryEscape": ("s", quote_plus),
    "parseDuration": ("s", _duration),
    "first": ("r", _first),
    "label": ("sp", lambda name, sample: sample.labels.get(name, "")),
    "value": ("p", lambda sample: sample.value),
    "strvalue": ("p", lambda sample: sample.labels.get("__value__", "")),
    "sortByLabel": ("sr", lambda name, found: sorted(found, key=lambda one: one.labels.get(name, ""))),
    "args": ("m", lambda *values: {f"arg{place}": value for place, value in enumerate(values)}),
    "not": ("a", lambda value: not truth(value)),
    "eq": ("am", equal),
    "ne": ("aa", lambda first, second: not equal(first, second)),
    "lt": ("aa", less),
    "le": ("aa", lambda first, second: less(first, second) or equal(first, second)),
    # As in Go, these are the inverse of le and lt: true where one of the two is NaN.
    "gt": ("aa", lambda first, second: not less(first, second) and not equal(first, second)),
    "ge": ("aa", lambda first, second: not less(first, second)),
    "len": ("a", length),
    "index": ("am", index),
    "slice": ("am", part),
    "print": ("m", _print),
    "println": ("m", lambda *values: " ".join(map(show, values)) + "\n"),
    "printf": ("sm", lambda pattern, *values: printf(pattern, values)),
    "html": ("m", lambda *values: escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")),
    "urlquery": ("m", lambda *values: quote_plus(_print(*values))),
}  # fmt: skip

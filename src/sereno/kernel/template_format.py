"""Values as Go prints them: `%v`, and Sprintf with its complaints inside the text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

WIDTH_MAX = 1000
_VERB = re.compile(r"%([-+# 0]*)(\*|\d*)(?:\.(\*|\d*))?(.?)", re.DOTALL)
Value = Any
"""str, bool, int, float, None, datetime, a mapping, a list, or a sample."""


class Seconds(float):
    """A duration, in seconds."""


def show(value: Value) -> str:
    """`value` as Go's `%v` prints it; floats with the shortest text, an exponent below 1e-4 and from 1e6 on."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Seconds):
        return go_duration(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, datetime):
        return go_time(value)
    if isinstance(value, Mapping):
        inside = " ".join(f"{key}:{show(value[key])}" for key in sorted(value))
        return f"map[{inside}]"
    if isinstance(value, Sequence):
        return "[" + " ".join(map(show, value)) + "]"
    return str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return not_finite(value)
    exact = Decimal(repr(float(value))).normalize()
    sign, digits, exponent = exact.as_tuple()
    power = len(digits) + int(exponent) - 1
    if value == 0 or -4 <= power < 6:
        return f"{exact:f}"
    first, *others = map(str, digits)
    mantissa = first + ("." + "".join(others) if others else "")
    return f"{'-' * sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def not_finite(value: float) -> str:
    """NaN, +Inf or -Inf."""
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def go_time(value: datetime) -> str:
    """An instant as Go's Time.String prints it, in UTC."""
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    return value.strftime("%Y-%m-%d %H:%M:%S") + fraction + " +0000 UTC"


def go_duration(seconds: float) -> str:
    """A duration as Go's Duration.String prints it: 1h1m1.5s."""
    nanos = round(seconds * 1e9)
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    if nanos == 0:
        return "0s"
    if nanos < 1_000_000_000:
        for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
            if nanos < size * 1000:
                return (
                    sign + f"{Decimal(nanos) / size:f}".rstrip("0").rstrip(".") + unit
                    if size > 1
                    else f"{sign}{nanos}ns"
                )
    whole, rest = divmod(nanos, 1_000_000_000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{whole}" + (f".{rest:09d}".rstrip("0") if rest else "") + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def kind_of(value: Value) -> str:
    """The name of the value's type in Go."""
    names = ((bool, "bool"), (str, "string"), (int, "int"), (Seconds, "time.Duration"), (float, "float64"),
             (datetime, "*time.Time"))  # fmt: skip
    for kind, name in names:
        if isinstance(value, kind):
            return name
    if value is None:
        return "nil"
    if isinstance(value, Mapping):
        return "map[string]string"
    return "template.queryResult" if isinstance(value, list) else "*template.sample"


def printf(pattern: str, values: Sequence[Value]) -> str:
    """Go's Sprintf. What does not fit is told in the text, as Go does it: %!d(float64=1). Never raises."""
    rest = list(values)

    def number(text: str | None) -> int | None:
        if text == "*":
            found = rest.pop(0) if rest else None
            return found if isinstance(found, int) and abs(found) <= WIDTH_MAX else None
        return min(int(text), WIDTH_MAX) if text else (0 if text == "" else None)

    def verb(found: re.Match[str]) -> str:
        flags, kind = found[1], found[4]
        width = number(found[2]) or 0
        precision = number(found[3])
        if kind == "%":
            return "%"
        if not kind:
            return "%!(NOVERB)"
        if not rest:
            return f"%!{kind}(MISSING)"
        return _verb(kind, flags, width, precision, rest.pop(0))

    text = _VERB.sub(verb, pattern)
    if rest:
        text += "%!(EXTRA " + ", ".join(f"{kind_of(one)}={show(one)}" for one in rest) + ")"
    return text


def _verb(kind: str, flags: str, width: int, precision: int | None, value: Value) -> str:
    if kind == "v":
        if isinstance(value, float) and not isinstance(value, Seconds) and precision is not None:
            return _verb("g", flags, width, precision, value)
        return padded(show(value), flags.replace("0", "") if isinstance(value, str) else flags, width)
    if kind == "T":
        return padded(kind_of(value), flags, width)
    if kind == "t" and isinstance(value, bool):
        return padded(show(value), flags, width)
    if isinstance(value, float):
        if kind in "feEgGF":
            return _floating(kind, flags, width, precision, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        if kind in "dxXobcqU":
            return _integer(kind, flags, width, value)
    elif isinstance(value, str):
        if kind == "s":
            return padded(value if precision is None else value[:precision], flags.replace("0", ""), width)
        if kind == "q":
            return padded(quoted(value), flags, width)
        if kind in "xX":
            raw = value.encode().hex()
            return padded(raw.upper() if kind == "X" else raw, flags, width)
    elif kind == "s":
        return padded(show(value), flags, width)
    return f"%!{kind}(<nil>)" if value is None else f"%!{kind}({kind_of(value)}={show(value)})"


def _floating(kind: str, flags: str, width: int, precision: int | None, value: float) -> str:
    if not math.isfinite(value):
        text = not_finite(value)
        if "+" not in flags:
            text = text.lstrip("+")
            text = "+Inf" if text == "Inf" else text
        return padded(text, flags.replace("0", "").replace("+", ""), width)
    kind = "f" if kind == "F" else kind
    if precision is None and kind in "gG":
        text = _float(value)
        return padded(text.upper() if kind == "G" else text, flags, width)
    precision = 6 if precision is None else precision
    if kind in "gG" and precision == 0:
        precision = 1
    return padded(f"{value:.{precision}{kind}}", flags, width)


def _integer(kind: str, flags: str, width: int, value: int) -> str:
    if kind == "c":
        return padded(_character(value), flags, width)
    if kind == "q":
        return padded(f"'{_character(value)}'", flags, width)
    if kind == "U":
        return padded(f"U+{value:04X}", flags, width)
    text = format(value, kind)
    if "#" in flags:
        text = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(kind, "") + text
    return padded(text, flags, width)


def _character(code: int) -> str:
    """The character of that number; for what is none, halves of a pair too, U+FFFD."""
    return chr(code) if 0 <= code < 0xD800 or 0xE000 <= code < 0x110000 else "\ufffd"


def quoted(text: str) -> str:
    """`text` as a string literal of Go."""
    names = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    parts = []
    for char in text:
        if char in '"\\':
            parts.append("\\" + char)
        elif char in names:
            parts.append(names[char])
        elif char.isprintable():
            parts.append(char)
        else:
            code = ord(char)
            parts.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(parts) + '"'


def padded(text: str, flags: str, width: int) -> str:
    """`text` with Go's flags for sign and filling."""
    if "+" in flags and not text.startswith(("-", "+")):
        text = "+" + text
    elif " " in flags and not text.startswith(("-", "+")):
        text = " " + text
    if "-" in flags:
        return text.ljust(width)
    return text.zfill(width) if "0" in flags else text.rjust(width)

"""Prometheus's alert templates, as far as alerts use them: a pipeline of known functions over labels and value.

Not Go's text/template: no loops, no queries, nothing that can hang or fail. What is not understood stays
visible, marked, because a page that looks odd beats a page that is not sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

Value = str | float
# No action begins inside another, and blanks are matched once: both keep the time linear in the text.
_ACTION = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}", re.DOTALL)
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(`[^`]*`)|(\|)|([^\s|"`]+))')
_TRIM_LEFT = re.compile(r"(?<!\s)\s+(?=\{\{-\s)")
_TRIM_RIGHT = re.compile(r"(?<=\s-\}\})\s+")
_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])")
_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def expand(text: str, labels: Mapping[str, str], value: float) -> str:
    """`text` with its `{{ … }}` computed over `$labels` and `$value`; never raises.

    Known: `$labels.x`, `.Labels.x`, `index $labels "x"`, `$value`, `.Value`, `printf`, `humanize`,
    `humanize1024`, `humanizeDuration`, `humanizePercentage`, `title`, `toUpper`, `toLower`, `stripPort`, in
    pipelines. Anything else is left as `<error: {{ … }}>`. After prometheus 2.42, template/template.go.
    """
    if "{{" not in text:
        return text

    def replace(found: re.Match[str]) -> str:
        try:
            return show(_pipeline(_inside(found[1]), labels, value))
        except (ValueError, LookupError, TypeError, OverflowError):
            return f"<error: {found[0]}>"

    return _ACTION.sub(replace, _TRIM_RIGHT.sub("", _TRIM_LEFT.sub("", text)))


def _inside(action: str) -> str:
    """The pipeline of an action, without the dashes that trim around it."""
    return action.removeprefix("-").removesuffix("-").strip()


def show(value: Value) -> str:
    """`value` as Go's `%v` prints it: the shortest text, with an exponent below 1e-4 and from 1e6 on."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return _not_finite(value)
    exact = Decimal(repr(float(value))).normalize()
    sign, digits, exponent = exact.as_tuple()
    power = len(digits) + int(exponent) - 1
    if value == 0 or -4 <= power < 6:
        return f"{exact:f}"
    first, *others = map(str, digits)
    mantissa = first + ("." + "".join(others) if others else "")
    return f"{'-' * sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _pipeline(source: str, labels: Mapping[str, str], value: float) -> Value:
    """The value of one action. Raises ValueError, LookupError or TypeError for what is not understood."""
    stages: list[list[str]] = [[]]
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            raise ValueError(source)
        position = found.end()
        if found[3]:
            stages.append([])
        else:
            stages[-1].append(found[0].strip())
    piped: list[Value] = []
    for stage in stages:
        piped = [_stage(stage, piped, labels, value)]
    return piped[0]


def _stage(words: list[str], piped: list[Value], labels: Mapping[str, str], value: float) -> Value:
    head, *rest = words  # an empty stage raises ValueError
    if head == "index" and rest and rest[0] in ("$labels", ".Labels"):
        (name,) = [_operand(word, labels, value) for word in rest[1:]] + piped
        return labels.get(str(name), "")
    if head in _FUNCTIONS:
        return _FUNCTIONS[head](*[_operand(word, labels, value) for word in rest], *piped)
    if rest or piped:
        raise ValueError(head)
    return _operand(head, labels, value)


def _operand(word: str, labels: Mapping[str, str], value: float) -> Value:
    if word in ("$value", ".Value"):
        return value
    for prefix in ("$labels.", ".Labels."):
        if word.startswith(prefix):
            return labels.get(word.removeprefix(prefix), "")
    if word.startswith("`"):
        return word[1:-1]
    if word.startswith('"'):
        return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), word[1:-1])
    return float(word)


def _number(value: Value) -> float:
    return float(value)


def _general(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else _not_finite(value)


def humanize(value: Value) -> str:
    """Four digits and a metric prefix: 1234567 is 1.235M."""
    number = _number(value)
    if number == 0 or not math.isfinite(number):
        return _general(number)
    scaled, prefix = _scaled(number)
    return _general(scaled) + prefix


def humanize1024(value: Value) -> str:
    """Four digits and a binary prefix: 2048 is 2ki."""
    number, prefix = _number(value), ""
    if abs(number) <= 1 or not math.isfinite(number):
        return _general(number)
    for unit in _BINARY:
        if abs(number) < 1024:
            break
        prefix, number = unit, number / 1024
    return _general(number) + prefix


def humanize_duration(value: Value) -> str:
    """Seconds as days, hours, minutes and seconds: 3661 is 1h 1m 1s."""
    number = _number(value)
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
    return _general(_number(value) * 100) + "%"


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


def _printf(pattern: Value, *values: Value) -> str:
    """Go's printf for %s %q %v %d %f %e %g %x %% with flags, width and precision; at most 64 wide."""
    rest = list(values)

    def verb(found: re.Match[str]) -> str:
        flags, width, precision, kind = found.groups()
        if kind == "%":
            return "%"
        if int(width or 0) > 64 or int(precision or 0) > 64:
            raise ValueError(found[0])
        value = rest.pop(0)  # too few raise IndexError
        if kind in "feg" and isinstance(value, float):
            if not math.isfinite(value):
                return _padded(_not_finite(value), flags.replace("0", "").replace("+", ""), int(width or 0))
            precision = precision if precision is not None or kind == "g" else "6"
            text = f"{value:.{precision}{kind}}" if precision is not None else show(value)
            return _padded(text, flags, int(width or 0))
        if kind in "vs" and (kind == "v" or isinstance(value, str)):
            text = show(value) if precision is None else show(value)[: int(precision)]
            return _padded(text, flags, int(width or 0))
        if kind == "q" and isinstance(value, str):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        raise ValueError(found[0])

    text = _VERB.sub(verb, str(pattern))
    if rest:
        raise ValueError(pattern)
    return text


def _padded(text: str, flags: str, width: int) -> str:
    if "+" in flags and not text.startswith("-"):
        text = "+" + text
    if "-" in flags:
        return text.ljust(width)
    return text.zfill(width) if "0" in flags else text.rjust(width)


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "printf": _printf,
    "humanize": humanize,
    "humanize1024": humanize1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
    "title": lambda text: re.sub(r"(^|\s)(\w)", lambda m: m[1] + m[2].upper(), str(text)),
    "toUpper": lambda text: str(text).upper(),
    "toLower": lambda text: str(text).lower(),
    "stripPort": lambda text: re.sub(r":\d+$", "", str(text)),
}

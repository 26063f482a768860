"""What metrics may be called: as Prometheus's own guide says, so that queries find them under the name in the code."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_LATER_SUFFIXES = ("_total", "_bucket", "_sum", "_created")
_OF_THE_SCRAPE = frozenset({"job", "instance"})
_OF_HISTOGRAMS = frozenset({"le", "quantile"})
BASE_UNITS = frozenset({"seconds", "bytes", "ratio", "celsius", "meters", "joules", "volts", "amperes", "grams"})
_BASE_OF = {
    **dict.fromkeys(("ms", "milliseconds", "us", "microseconds", "ns", "nanoseconds", "minutes", "hours"), "seconds"),
    **dict.fromkeys(("kb", "mb", "gb", "kilobytes", "megabytes", "gigabytes"), "bytes"),
    **dict.fromkeys(("percent", "percentage"), "ratio"),
}


class MetricError(ValueError):
    """A declaration that cannot stand; raised where the metric is declared, never where it is used."""


class MetricNameWarning(UserWarning):
    """A name that works and that linters of Prometheus complain of."""


def check_name(kind: str, name: str, unit: str) -> str:
    """The unit that a metric's name ends in, or "".

    Source: https://prometheus.io/docs/practices/naming/ and the lints of `promtool check metrics`.

    Args:
        kind: `counter`, `gauge` or `histogram`.
        name: as queries will find it.
        unit: what the declaration says its unit is; read from the name, if "".

    Raises:
        MetricError: where queries would not find it, or would misread it.
    """
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise MetricError(f"{name[:80]!r}: a metric's name has letters, digits and _, and begins with no digit")
    stem = name.removesuffix("_total")
    if kind == "counter" and stem == name:
        raise MetricError(
            f"{name}: a counter's name ends in _total, or it is exported under another name: {name}_total"
        )
    if kind != "counter" and name.endswith(_LATER_SUFFIXES):
        raise MetricError(f"{name}: the ending _{name.rpartition('_')[2]} is not for a {kind}")
    if kind == "histogram" and name.endswith("_info"):
        raise MetricError(f"{name}: the ending _info is for a gauge of 1 whose labels say something")
    if kind == "histogram" and name.endswith("_count"):
        raise MetricError(f"{name}: a histogram makes its own _count; leave the ending off")
    words = stem.split("_")
    for word in {unit, "seconds", "bytes"} - {""}:
        if word in words and words[-1] != word:
            ordered = "_".join([*(w for w in words if w != word), word]) + ("_total" if kind == "counter" else "")
            raise MetricError(f"{name}: the unit comes last: {ordered}")
    if unit and words[-1] != unit:
        raise MetricError(f"{name}: its unit, {unit}, belongs into the name: {stem}_{unit}" + name[len(stem) :])
    return unit or (words[-1] if words[-1] in BASE_UNITS and len(words) > 1 else "")


def advise(kind: str, name: str) -> None:
    """Warn, where the metric is declared, of a name that works and could be better."""
    words = name.removesuffix("_total").split("_")
    base = _BASE_OF.get(words[-1])
    advice = ""
    if base:
        advice = f"Prometheus counts in base units: {'_'.join([*words[:-1], base])}"
    elif kind == "gauge" and words[-1] == "count":
        advice = f"_count is the ending of histograms; a gauge needs none: {'_'.join(words[:-1])}"
    elif name != name.lower():
        advice = "names are in lower case, with _ between words"
    if advice:
        warnings.warn(f"{name}: {advice}", MetricNameWarning, stacklevel=_levels_to_the_program())


def _levels_to_the_program() -> int:
    """How many frames above `advise` the program is that called the kit."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]:
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    return level


def check_labels(name: str, labels: Iterable[str]) -> None:
    """Nothing, if `labels` may be labels of the metric `name`.

    Raises:
        MetricError: for names that Prometheus refuses, keeps for itself, or overwrites when it scrapes.
    """
    for label in labels:
        if not _NAME.fullmatch(label) or label.startswith("__"):
            raise MetricError(f"{name}: {label!r} cannot be a label")
        if label in _OF_HISTOGRAMS:
            raise MetricError(f"{name}: the label {label!r} belongs to histograms and summaries")
        if label in _OF_THE_SCRAPE:
            raise MetricError(f"{name}: Prometheus sets the label {label!r} itself and would rename yours")

"""What OpenTelemetry names are called here.

Rules: opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics, in the strategy that Prometheus calls
`UnderscoreEscapingWithSuffixes`; letter by letter as its own translator (prometheus/otlptranslator).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Kind = Literal["counter", "gauge", "other"]

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
    "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_IN_METRICS = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")
_UNDERSCORES = re.compile(r"__+")
_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@lru_cache(maxsize=16384)
def metric_name(name: str, unit: str, kind: Kind) -> str:
    """The metric's name, with its unit, `_total` for counters, `_ratio` for gauges of unit 1. '' if none is left."""
    words = [word for word in _NOT_IN_METRICS.split(name) if word]
    main, per = _unit_words(unit)
    main = "" if main in words else main
    per = "" if per == "per_" else per.removesuffix("_")
    per = "" if per in words else per
    words += [word for word in (main.removesuffix("_") if per else main, per) if word]
    if kind == "counter":
        words = [word for word in words if word != "total"] + ["total"]
    if unit == "1" and kind == "gauge":
        words = [word for word in words if word != "ratio"] + ["ratio"]
    found = "_".join(words)
    if not found.strip("_"):
        return ""
    return f"_{found}" if found[0].isdigit() else found


@lru_cache(maxsize=4096)
def unit_name(unit: str) -> str:
    """The unit in words: `By/s` is `bytes_per_second`."""
    return "_".join(word for word in _unit_words(unit) if word).strip("_")


@lru_cache(maxsize=16384)
def label_name(key: str) -> str:
    """The label of an attribute. '' if nothing is left of its name."""
    if _PLAIN_LABEL.fullmatch(key) and "__" not in key:
        return key if key.strip("_") else ""
    if len(key) >= 4 and key.startswith("__") and key.endswith("__"):
        inner = _UNDERSCORES.sub("_", _NOT_IN_LABELS.sub("_", key[2:-2]))
        return f"__{inner}__" if inner.strip("_") else ""
    found = _UNDERSCORES.sub("_", _NOT_IN_LABELS.sub("_", key))
    if not found.strip("_"):
        return ""
    return f"key_{found}" if found[0].isdigit() else found


def _unit_words(unit: str) -> tuple[str, str]:
    """The words of a unit's two sides: (`bytes`, `per_second`). What stands in braces is no unit."""
    main, _, per = unit.partition("/")
    main, per = (side.strip() if not {"{", "}"} & set(side) else "" for side in (main, per))
    main, per = _UNITS.get(main, main), _PER.get(per, per)
    return _cleaned(main), _cleaned(f"per_{per}" if per else "")


def _cleaned(text: str) -> str:
    return _UNDERSCORES.sub("_", re.sub(r"[^a-zA-Z0-9:]", "_", text)).removeprefix("_")

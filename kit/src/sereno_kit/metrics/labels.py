"""Which series a metric may have. What comes from outside can never make more of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from math import prod

from sereno_kit import forks
from sereno_kit.metrics.names import MetricError, check_labels

OTHER = "__other__"
"""The value of a label whose own value was not declared, or came when there was no more room."""
_VALUE_MAX = 200

LabelValues = tuple[str, ...]


def text_of(value: object) -> str:
    """`value` as the value of a label: at most 200 characters, always encodable; members of an Enum by their value."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str.__str__(value) if isinstance(value, str) else str(value)
    if len(text) > _VALUE_MAX:
        text = text[:_VALUE_MAX]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class LabelSpace:
    """The label combinations that one metric may have.

    Args:
        metric: its name, for messages.
        declared: each label with its possible values, or None where they are not known beforehand.
        series_max: how many combinations there may be; what comes after keeps its declared values and has `__other__`
            for the others.

    Raises:
        MetricError: where the declared values alone make more combinations than that.
    """

    def __init__(self, metric: str, declared: Mapping[str, Sequence[str] | None], series_max: int) -> None:
        check_labels(metric, declared)
        self.names = tuple(declared)
        self._allowed = tuple(None if v is None else _values(metric, label, v) for label, v in declared.items())
        self.open = None in self._allowed
        self._size = prod(len(allowed) for allowed in self._allowed if allowed is not None)
        if not self.open and self._size > series_max:
            raise MetricError(f"{metric}: its labels make {self._size} series, more than the {series_max} allowed")
        self._room = series_max
        self._seen: set[LabelValues] = set()
        self._lock = forks.lock()

    def initial(self) -> list[LabelValues]:
        """The combinations that exist from the start, at zero; none where a label is open."""
        if self.open:
            return []
        rows: list[LabelValues] = [()]
        for allowed in self._allowed:
            rows = [(*row, value) for row in rows for value in allowed or ()]
        return rows

    def place(self, labels: Mapping[str, object]) -> tuple[LabelValues, str]:
        """The combination that `labels` are counted under, and what was wrong with them, or ""."""
        problem = ""
        row = []
        for name, allowed in zip(self.names, self._allowed, strict=True):
            value = OTHER
            if name not in labels:
                problem = f"the label {name!r} is missing"
            else:
                value = text_of(labels[name])
                if allowed is not None and value not in allowed:
                    value, problem = OTHER, problem or f"the label {name!r} has a value that was not declared"
            row.append(value)
        if len(labels) > len(self.names) or any(name not in self.names for name in labels):
            problem = f"its labels are {', '.join(self.names) or 'none'}, and another one was given"
        placed = tuple(row)
        if self.open and not self._admit(placed):
            placed = tuple(OTHER if a is None else v for v, a in zip(placed, self._allowed, strict=True))
            problem = problem or "it has as many series as it may have"
        return placed, problem

    def _admit(self, row: LabelValues) -> bool:
        if row in self._seen:
            return True
        with self._lock:
            if len(self._seen) < self._room:
                self._seen.add(row)
                return True
        return False


def _values(metric: str, label: str, values: Sequence[str]) -> dict[str, None]:
    """In their order, each once."""
    if label == "labelnames":
        raise MetricError(f"{metric}: say each label with its values: status=['paid', 'failed'], or =None if not known")
    if isinstance(values, (str, bytes)) or not values:
        raise MetricError(f"{metric}: the label {label!r} takes a list of its values, or None if they are not known")
    return dict.fromkeys(text_of(value) for value in values)

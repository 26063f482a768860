"""Names that are dropped late: with `promql-delayed-name-removal` a metric keeps its name until all is computed.

The labels themselves know whether their name is still meant: functions that drop it only mark it as fading, so that
label_replace and aggregations by `__name__` can still see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Select, Selection

METADATA = ("__name__", "__type__", "__unit__")
"""The labels that say what a metric is; whatever changes its meaning drops them."""


class LateLabels(Labels):
    """Labels whose name may be `fading`: still there, and gone at the end."""

    __slots__ = ("fading",)

    def __init__(self, source: Mapping[str, str], *, fading: bool = False) -> None:
        super().__init__(source)
        self.fading = fading

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self.pairs == other.pairs and self.fading == (isinstance(other, LateLabels) and other.fading)
        return NotImplemented

    def __hash__(self) -> int:
        return self._hash ^ 1 if self.fading else self._hash

    def merged(self, more: Mapping[str, str]) -> LateLabels:
        """These labels with `more` set over them; a name that is set is meant to stay."""
        return LateLabels({**self, **more}, fading=self.fading and "__name__" not in more)


def nameless(labels: Labels) -> Labels:
    """`labels` without what says which metric it is; late ones only mark it."""
    if isinstance(labels, LateLabels):
        return labels if labels.fading else LateLabels(labels, fading=True)
    return labels.without(*METADATA) if any(name in labels for name in METADATA) else labels


def settled(labels: Labels) -> Labels:
    """`labels` as they leave the evaluation."""
    if not isinstance(labels, LateLabels):
        return labels
    return labels.without(*METADATA) if labels.fading else Labels(labels)


def staying(labels: Labels, like: Labels) -> Labels:
    """`labels`, late ones whose name stays if `like` are late ones."""
    return LateLabels(labels) if isinstance(like, LateLabels) else labels


def lately(select: Select) -> Select:
    """`select`, its labels late ones."""

    def selected(selection: Selection) -> Columns:
        columns = select(selection)
        return replace(columns, labels=tuple(LateLabels(one) for one in columns.labels))

    return selected


def inherited(labels: tuple[Labels, ...], ids: list[int], of: tuple[Labels, ...]) -> tuple[Labels, ...]:
    """The labels of groups: a name that one member's is fading, fades. Row i of `of` is in group `ids[i]`."""
    fading = [False] * len(labels)
    for row, group in enumerate(ids):
        one = of[row]
        fading[group] |= isinstance(one, LateLabels) and one.fading
    pairs = zip(labels, fading, strict=True)
    return tuple(LateLabels(one, fading=fades) if "__name__" in one else one for one, fades in pairs)

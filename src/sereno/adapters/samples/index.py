"""Which series a selection means: an inverted index from label values to numbers of series, in memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Int64s, Matcher
from sereno.promql.matching import predicate

Found = dict[str, Int64s]
"""Numbers of series, sorted, for each metric name."""

_CACHED_MAX = 1024


class SeriesIndex:
    """Every series with its number, found by label."""

    def __init__(self) -> None:
        self.labels: dict[int, Labels] = {}
        self.numbers: dict[Labels, int] = {}
        self._postings: dict[str, dict[str, set[int]]] = {}
        self._found: dict[tuple[Matcher, ...], Found] = {}

    def add(self, number: int, labels: Labels) -> None:
        """Take in a series under its number."""
        self.labels[number] = labels
        self.numbers[labels] = number
        for name, value in labels.pairs:
            self._postings.setdefault(name, {}).setdefault(value, set()).add(number)
        self._found.clear()

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget series."""
        for number in numbers:
            labels = self.labels.pop(number)
            del self.numbers[labels]
            for name, value in labels.pairs:
                values = self._postings[name]
                values[value].discard(number)
                if not values[value]:
                    del values[value]
        self._found.clear()

    def find(self, matchers: tuple[Matcher, ...]) -> Found:
        """The series that all `matchers` match, by metric name. Raises QueryError for a wrong regular expression."""
        found = self._found.get(matchers)
        if found is None:
            if len(self._found) >= _CACHED_MAX:
                self._found.clear()
            found = self._found[matchers] = self._by_metric(self._search(matchers))
        return found

    def _search(self, matchers: tuple[Matcher, ...]) -> set[int]:
        """Conditions that name what they want go first: they leave little for those that exclude."""
        chosen: set[int] | None = None
        excluded: list[set[int]] = []
        for matcher in matchers:
            test = predicate(matcher)
            values = self._postings.get(matcher.name, {})
            if test(""):  # then series without the label match too
                excluded.extend(numbers for value, numbers in values.items() if not test(value))
                continue
            if matcher.op == "=":
                wanted = values.get(matcher.value, set())
            else:
                wanted = set().union(*(numbers for value, numbers in values.items() if test(value)))
            chosen = set(wanted) if chosen is None else chosen & wanted
        if chosen is None:
            chosen = set(self.labels)
        return chosen.difference(*excluded)

    def _by_metric(self, numbers: set[int]) -> Found:
        groups: dict[str, list[int]] = {}
        for number in sorted(numbers):
            groups.setdefault(self.labels[number].get("__name__", ""), []).append(number)
        return {name: np.array(members, dtype=np.int64) for name, members in groups.items()}

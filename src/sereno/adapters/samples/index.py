"""Which series a selection means: an inverted index from label values to numbers of series, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Int64s, Matcher
from sereno.promql.matching import predicates

Found = dict[str, Int64s]
"""Numbers of series, sorted, for each metric name."""

_CACHED_MAX = 8192
_CACHED_SERIES_MAX = 2_000_000


class SeriesIndex:
    """Every series with its number, found by label."""

    def __init__(self) -> None:
        self.labels: dict[int, Labels] = {}
        self.numbers: dict[Labels, int] = {}
        self._postings: dict[str, dict[str, set[int]]] = {}
        self._found: dict[tuple[Matcher, ...], Found] = {}
        self._found_series = 0

    def add(self, number: int, labels: Labels) -> None:
        """Take in a series under its number."""
        self.labels[number] = labels
        self.numbers[labels] = number
        for name, value in labels.pairs:
            self._postings.setdefault(name, {}).setdefault(value, set()).add(number)
        self._forget_found()

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
        self._forget_found()

    def find(self, matchers: tuple[Matcher, ...]) -> Found:
        """The series that all `matchers` match, by metric name. Raises QueryError for a wrong regular expression."""
        found = self._found.get(matchers)
        if found is None:
            found = self._by_metric(self._search(matchers))
            self._found_series += sum(map(len, found.values()))
            if len(self._found) >= _CACHED_MAX or self._found_series > _CACHED_SERIES_MAX:
                self._forget_found()
            self._found[matchers] = found
        return found

    def _forget_found(self) -> None:
        self._found.clear()
        self._found_series = 0

    def _search(self, matchers: tuple[Matcher, ...]) -> set[int]:
        """Where conditions name what they want, the others are asked of what those leave, series by series."""
        tests = predicates(matchers)
        named = [self._postings.get(m.name, {}).get(m.value, set()) for m, _ in tests if m.op == "=" and m.value]
        if not named:
            return self._search_values(tests)
        chosen = set[int].intersection(*sorted(named, key=len))
        for matcher, test in tests:
            if matcher.op == "=" and matcher.value:
                continue
            verdicts: dict[str, bool] = {}
            kept: set[int] = set()
            for number in chosen:
                value = self.labels[number].get(matcher.name, "")
                if value not in verdicts:
                    verdicts[value] = test(value)
                if verdicts[value]:
                    kept.add(number)
            chosen = kept
        return chosen

    def _search_values(self, tests: Sequence[tuple[Matcher, Callable[[str], bool]]]) -> set[int]:
        """Conditions that ask for a label leave little for those that only exclude."""
        chosen: set[int] | None = None
        excluded: list[set[int]] = []
        for matcher, test in tests:
            values = self._postings.get(matcher.name, {})
            if test(""):  # then series without the label match too
                excluded.extend(numbers for value, numbers in values.items() if not test(value))
                continue
            wanted = set[int]().union(*(numbers for value, numbers in values.items() if test(value)))
            chosen = wanted if chosen is None else chosen & wanted
        if chosen is None:
            chosen = set(self.labels)
        return chosen.difference(*excluded)

    def _by_metric(self, numbers: set[int]) -> Found:
        groups: dict[str, list[int]] = {}
        for number in sorted(numbers):
            groups.setdefault(self.labels[number].get("__name__", ""), []).append(number)
        return {name: np.array(members, dtype=np.int64) for name, members in groups.items()}

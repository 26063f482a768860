"""What happened in a stretch of time: to the events of one objective, or to those of the parts of a composite."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Literal

from sereno.slo.exact import Exact


@dataclass(frozen=True, slots=True)
class Span:
    """Events (or slices) in (start, end] and how much of it was watched. `total` and `bad` are exact.

    `length_ms` is without what was left out as planned or corrected.
    """

    total: Exact
    bad: Exact
    covered_ms: int
    length_ms: int

    @property
    def coverage(self) -> Fraction:
        """The share of the span about which something is known."""
        return Fraction(self.covered_ms, self.length_ms) if self.length_ms else Fraction(0)

    @property
    def known(self) -> bool:
        """Whether any of it was watched, or events that happened unwatched were seen by its end."""
        return bool(self.covered_ms or self.total)

    @property
    def share(self) -> Fraction | None:
        """bad/total; None when nothing is known, or there was no event to take a share of."""
        if not self.total:
            return None
        return Fraction(self.bad) / Fraction(self.total)

    @property
    def idle(self) -> bool:
        """Whether it was watched and nothing happened."""
        return self.known and not self.total and not self.bad

    def part_of(self, whole: Span) -> Fraction | None:
        """The bad events of this span as a share of all events of `whole`; 0 where nothing happened, None unknown."""
        if not self.known or whole.share is None:
            return Fraction(0) if self.known and whole.idle else None
        return Fraction(self.bad) / Fraction(whole.total)

    def __add__(self, other: Span) -> Span:
        return Span(
            self.total + other.total,
            self.bad + other.bad,
            self.covered_ms + other.covered_ms,
            self.length_ms + other.length_ms,
        )


NOTHING = Span(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class JoinedSpan:
    """The same stretch of time of several objectives, taken as one by `mode`.

    `weighted`: Σ wᵢ·sᵢ / Σ wᵢ of the parts' shares of bad events sᵢ; `product`: 1 − Π (1 − sᵢ). A part without events
    has no share and takes no part; one that nobody watched neither, unless `unknown` says that it counts as all bad or
    as all good.
    """

    mode: Literal["weighted", "product"]
    weights: tuple[Fraction, ...]
    parts: tuple[Span, ...]
    unknown: Literal["ignore", "bad", "good"] = "ignore"

    total: Exact = 0
    bad: Exact = 0

    @property
    def covered_ms(self) -> int:
        """How much of it was watched: as much as of its least watched part."""
        return min(part.covered_ms for part in self.parts)

    @property
    def length_ms(self) -> int:
        """Its length: that of its longest part."""
        return max(part.length_ms for part in self.parts)

    @property
    def coverage(self) -> Fraction:
        """The share of time about which something is known of every part."""
        return min(part.coverage for part in self.parts)

    @property
    def known(self) -> bool:
        """Whether something is known of any part."""
        return any(part.known for part in self.parts) or self.unknown != "ignore"

    @property
    def share(self) -> Fraction | None:
        """The share of bad events of all parts together; None when no part has one."""
        return self._joined([self._filled(part, part.share) for part in self.parts])

    @property
    def shares(self) -> tuple[Fraction | None, ...]:
        """The parts' own shares, in their order."""
        return tuple(self._filled(part, part.share) for part in self.parts)

    @property
    def idle(self) -> bool:
        """Whether something is known and no part had an event."""
        return self.known and self.share is None

    def part_of(self, whole: AnySpan) -> Fraction | None:
        """What the bad events of this span alone would have made of the share of `whole`."""
        if not isinstance(whole, JoinedSpan) or not self.known or whole.share is None:
            return Fraction(0) if self.known and whole.idle else None
        shares = [
            None if all_ is None else (self._filled(mine, mine.part_of(its)) or Fraction(0))
            for mine, its, all_ in zip(self.parts, whole.parts, whole.shares, strict=True)
        ]
        return self._joined(shares)

    def __add__(self, other: AnySpan) -> JoinedSpan:
        if not isinstance(other, JoinedSpan):
            raise TypeError("only spans of one objective can be added")
        parts = tuple(a + b for a, b in zip(self.parts, other.parts, strict=True))
        return JoinedSpan(self.mode, self.weights, parts, self.unknown)

    def _filled(self, part: Span, share: Fraction | None) -> Fraction | None:
        if part.known or self.unknown == "ignore":
            return share
        return Fraction(self.unknown == "bad")

    def _joined(self, shares: list[Fraction | None]) -> Fraction | None:
        there = [(weight, share) for weight, share in zip(self.weights, shares, strict=True) if share is not None]
        if not there:
            return None
        if self.mode == "weighted":
            return sum((weight * share for weight, share in there), Fraction(0)) / sum(weight for weight, _ in there)
        return 1 - prod((1 - share for _, share in there), start=Fraction(1))


AnySpan = Span | JoinedSpan

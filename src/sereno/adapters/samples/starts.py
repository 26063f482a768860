"""When streams began: a counter that starts anew counts from zero at its start, whatever it shows first.

Only a start that differs from the one known before, and lies between the last sample and this one, is believed:
senders that do not know when a counter began name the moment they first saw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from sereno.kernel.labels import Labels

_STREAMS_MAX = 200_000


class Starts:
    """Remembers the start and last time of each stream, in memory; the least recently changed are forgotten."""

    def __init__(self, streams_max: int = _STREAMS_MAX) -> None:
        self._known: dict[Labels, tuple[int, int]] = {}
        self._max = streams_max
        self._lock = Lock()

    def is_new(self, labels: Labels, start_ms: int, at_ms: int, fresh: dict[Labels, tuple[int, int]]) -> bool:
        """Whether the stream began anew at `start_ms`; what is now known goes into `fresh`, to `learn` once kept."""
        start, last = fresh.get(labels) or self._known.get(labels, (0, 0))
        fresh[labels] = (start_ms, max(last, at_ms))
        return 0 < start < start_ms and last < start_ms < at_ms

    def learn(self, fresh: Mapping[Labels, tuple[int, int]]) -> None:
        """Remember what a batch that is now kept has shown."""
        with self._lock:
            for labels, known in fresh.items():
                self._known.pop(labels, None)
                self._known[labels] = known
            while len(self._known) > self._max:
                self._known.pop(next(iter(self._known)))

"""Where only a part of the samples was kept, and what can still be said exactly there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sereno.promql.columns import Int64s


@dataclass(frozen=True, slots=True)
class Thinned:
    """Which samples a source no longer holds all of.

    `steps` are pairs (until, step) in milliseconds, finest first, each `until` before the one before it: of samples
    older than `until`, of each step (k·step, (k+1)·step] in which there were any, the first and the last stand, and
    both sides of every reset. So what counters had counted by a multiple of the step is exact, what they had counted
    within one is not known; and neighbours of different steps are as far apart as they were.
    """

    steps: tuple[tuple[int, int], ...] = ()

    def floor(self, instant_ms: int) -> int:
        """The last instant at or before `instant_ms` for which counts are exact."""
        step = self._step(instant_ms)
        return instant_ms // step * step

    def ceil(self, instant_ms: int) -> int:
        """The first instant at or after `instant_ms` for which counts are exact."""
        step = self._step(instant_ms)
        return -(-instant_ms // step) * step

    def floors(self, instants_ms: Int64s) -> Int64s:
        """`floor` of each, each once."""
        step = self._steps(instants_ms)
        return np.unique(instants_ms // step * step) if self.steps else instants_ms

    def together(self, times: Int64s) -> npt.NDArray[np.bool_]:
        """For each sample but the last, whether the next one lies in the same step: what was between is not known."""
        if not self.steps or not len(times) or int(times[0]) >= self.steps[0][0]:
            return np.zeros(max(len(times) - 1, 0), np.bool_)
        step = self._steps(times)
        end = -(-times // step) * step
        same: npt.NDArray[np.bool_] = (step[1:] > 1) & (step[1:] == step[:-1]) & (end[1:] == end[:-1])
        return same

    def _step(self, instant_ms: int) -> int:
        return next((step for until, step in reversed(self.steps) if instant_ms < until), 1)

    def _steps(self, instants_ms: Int64s) -> Int64s:
        found = np.ones(len(instants_ms), np.int64)
        for until, step in self.steps:
            found[instants_ms < until] = step
        return found


WHOLE = Thinned()
"""Of a source that holds all samples."""

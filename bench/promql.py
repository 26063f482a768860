"""CPU seconds of the evaluator: 40 series, 30 days at 15 s, on a grid of one minute; and of one live rule."""

from __future__ import annotations

import time

import numpy as np

from bench.figure import Figure
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Selection, evaluate, matches

DAYS = 30
DAY_MS = 86_400_000
RULE = (
    '(sum(rate(m{status=~"5.."}[1h])) or 0 * sum(rate(m[1h]))) / (sum(rate(m[1h])) > 0) > 0.0144'
    ' and (sum(rate(m{status=~"5.."}[5m])) or 0 * sum(rate(m[5m]))) / (sum(rate(m[5m])) > 0) > 0.0144'
)


def samples(seed: int = 3) -> Columns:
    """Two targets of twenty counters each, with jitter, lost scrapes and restarts."""
    rng = np.random.default_rng(seed)
    made = []
    for instance in range(2):
        times = np.arange(0, DAYS * DAY_MS, 15_000, dtype=np.int64) + rng.integers(0, 30, DAYS * 5760)
        times = times[rng.random(len(times)) > 0.001]
        for path in range(20):
            values = np.cumsum(rng.poisson(3, len(times))).astype(float)
            for restart in (len(times) // 3, len(times) // 2):
                values[restart:] -= values[restart - 1]
            status = "500" if path % 3 == 0 else "200"
            labels = Labels(__name__="m", status=status, path=f"/{path}", instance=str(instance))
            made.append((labels, times, values))
    return Columns.of(made)


class Store:
    """Answers each selection once and then from memory, so that only the evaluation is timed."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.known: dict[Selection, Columns] = {}

    def select(self, selection: Selection) -> Columns:
        """The samples of `selection`."""
        if selection not in self.known:
            found = []
            for row, labels in enumerate(self.columns.labels):
                if matches(selection.matchers, labels):
                    times, values = self.columns.series(row)
                    part = slice(*np.searchsorted(times, [selection.start_ms, selection.end_ms + 1]))
                    found.append((labels, times[part], values[part]))
            self.known[selection] = Columns.of(found)
        return self.known[selection]


def measured(store: Store, expr: str, grid: Grid, rounds: int) -> float:
    """The least CPU seconds of one evaluation."""
    evaluate(expr, grid, store.select)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(rounds):
            evaluate(expr, grid, store.select)
        best = min(best, (time.process_time() - began) / rounds)
    return best


def measure() -> list[Figure]:
    """CPU seconds, and how they grow with the window: not at all is the aim."""
    store = Store(samples())
    month = Grid(0, DAYS * DAY_MS, 60_000)
    ratios = {
        window: measured(store, f'sum(rate(m{{status=~"5.."}}[{window}])) / sum(rate(m[{window}]))', month, 1)
        for window in ("5m", "1h", "6h", "3d")
    }
    figures = [Figure(f"error ratio over {window}, 30 d at 1 m", cpu, "CPU s") for window, cpu in ratios.items()]
    figures.append(Figure("the window of 3 d, to that of 5 m", ratios["3d"] / ratios["5m"], "×", most=1.5))
    for function in ("max_over_time", "avg_over_time"):
        cpu = measured(store, f"{function}(m[6h])", month, 1)
        figures.append(Figure(f"{function} over 6h, 30 d at 1 m", cpu, "CPU s"))
    instant = measured(store, RULE, Grid.at(DAYS * DAY_MS - 1000), 20)
    return [*figures, Figure("a burn-rate rule at one instant", instant * 1000, "ms", most=5)]

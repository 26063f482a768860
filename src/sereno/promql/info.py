"""info(): series enriched with the labels of their info metrics. Source: promql/info.go of Prometheus 3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql.ast import At, Call, Expr, Selector, Subquery, children
from sereno.promql.columns import Float64s, Int64s, Matcher
from sereno.promql.matching import predicate
from sereno.promql.values import Bools, Vector, merged

IDENTIFYING = ("instance", "job")
"""The labels by which a series and its info metric are known to belong together."""


def info_selector(call: Call) -> Selector:
    """What info() looks at beside its first argument: the info metrics, when that argument's selector looks."""
    at, offset_ms = _when(call.args[0])
    names = _name_matchers(call)
    data = tuple(m for m in _asked(call) if m.name != "__name__")
    return Selector(names + data, offset_ms=offset_ms, at=at, position=call.position, end=call.end)


def _asked(call: Call) -> tuple[Matcher, ...]:
    """The matchers of the second argument."""
    if len(call.args) < 2:
        return ()
    assert isinstance(call.args[1], Selector)
    return call.args[1].matchers


def _name_matchers(call: Call) -> tuple[Matcher, ...]:
    """Which metrics are info metrics: target_info, or what the second argument says."""
    asked = tuple(m for m in _asked(call) if m.name == "__name__")
    if any(m.op in ("=", "=~") for m in asked):
        return asked
    if asked:
        return (Matcher("__name__", "=~", ".+_info"), *asked)
    return (Matcher("__name__", "=", "target_info"),)


def _when(expr: Expr) -> tuple[At, int]:
    """The @ and the offset of the first selector in `expr`, those of the subqueries around it included."""

    def paths(node: Expr, above: tuple[Subquery, ...]) -> Iterator[tuple[Selector, tuple[Subquery, ...]]]:
        if isinstance(node, Selector):
            yield node, above
        inside = (*above, node) if isinstance(node, Subquery) else above
        for child in children(node):
            yield from paths(child, inside)

    found = next(paths(expr, ()), None)
    if found is None:
        return None, 0
    selector, above = found
    at, offset_ms = selector.at, selector.offset_ms
    for subquery in reversed(above):
        if at is not None:
            break
        at, offset_ms = subquery.at, offset_ms + subquery.offset_ms
    return at, offset_ms


@dataclass(frozen=True, slots=True)
class _Info:
    """Info series of one metric that belong to the same targets: their rows, and when each was sampled."""

    rows: Int64s
    newest: Int64s  # the row that counts at each instant; -1 where there is none


def _signature(labels: Labels) -> Labels:
    return labels.only(*IDENTIFYING)


def enriched(call: Call, base: Vector, info: Vector, times: Float64s) -> Vector:
    """`base` with the labels of `info`, of which `times` says when each value was sampled, in seconds.

    Raises QueryError if two info series contradict each other.
    """
    name_matchers, data = _name_matchers(call), [m for m in _asked(call) if m.name != "__name__"]
    ignored = [all(predicate(m)(one.get("__name__", "")) for m in name_matchers) for one in base.labels]
    infos = _by_target(base, info, times, ignored)
    wanted = {m.name for m in data}
    optional = all(predicate(m)("") for m in data)
    kept: list[tuple[Labels, int, Bools]] = []
    for row, one in enumerate(base.labels):
        if ignored[row]:
            kept.append((one, row, base.present[row]))
            continue
        for chosen, here in _choices(infos, _signature(one), base.present[row]):
            if chosen or optional:
                taken = _taken(one, [info.labels[i] for i in chosen], wanted)
                kept.append((one.merged(taken), row, here))
    index = np.array([row for _, row, _ in kept], dtype=np.int64)
    present = np.array([here for _, _, here in kept], dtype=bool).reshape(len(kept), base.values.shape[1])
    histograms = None if base.histograms is None else base.histograms[index]
    return merged(Vector(tuple(one for one, _, _ in kept), base.values[index], present, histograms))


def _by_target(base: Vector, info: Vector, times: Float64s, ignored: list[bool]) -> dict[tuple[str, Labels], _Info]:
    """The info series that any series of `base` may belong to, by their name and target."""
    values: dict[str, set[str]] = {}
    for one, skipped in zip(base.labels, ignored, strict=True):
        for name in IDENTIFYING:
            if not skipped and name in one:
                values.setdefault(name, set()).add(one[name])
    groups: dict[tuple[str, Labels], list[int]] = {}
    for row, one in enumerate(info.labels):
        if values and all(one.get(name, "") in known for name, known in values.items()):
            groups.setdefault((one.get("__name__", ""), _signature(one)), []).append(row)
    return {key: _newest(info, times, np.array(rows)) for key, rows in groups.items()}


def _newest(info: Vector, times: Float64s, rows: Int64s) -> _Info:
    if info.native[rows].any():
        raise QueryError("info sample should be float")
    when = np.where(info.present[rows], times[rows], -np.inf)
    best = when.max(axis=0)
    twice = ((when == best) & info.present[rows]).sum(axis=0) > 1
    if twice.any():
        column = int(np.flatnonzero(twice)[0])
        same = [row for row in rows[when[:, column] == best[column]] if info.present[row, column]]
        at = int(best[column] * 1000)
        raise QueryError(
            f"found duplicate series for info metric: existing {info.labels[same[0]]} @ {at}, "
            f"new {info.labels[same[1]]} @ {at}"
        )
    return _Info(rows, np.where(np.isneginf(best), -1, rows[when.argmax(axis=0)]))


def _choices(
    infos: dict[tuple[str, Labels], _Info], signature: Labels, here: Bools
) -> Iterator[tuple[tuple[int, ...], Bools]]:
    """Which info series go with a series, and at which of the instants where it has a value."""
    mine = [one.newest for (_, target), one in infos.items() if target == signature]
    if not mine:
        yield (), here
        return
    table = np.stack(mine)
    distinct, which = np.unique(table, axis=1, return_inverse=True)
    for index in range(distinct.shape[1]):
        part = here & (which.reshape(-1) == index)
        if part.any():
            yield tuple(int(row) for row in distinct[:, index] if row >= 0), part


def _taken(base: Labels, infos: list[Labels], wanted: set[str]) -> dict[str, str]:
    """The labels that `base` takes from its info series."""
    found: dict[str, str] = {}
    for one in infos:
        for name, value in one.pairs:
            if name == "__name__" or (wanted and name not in wanted):
                continue
            if found.get(name, value) != value:
                raise QueryError(f"conflicting label: {name}")
            if name not in base:
                found[name] = value
    return found

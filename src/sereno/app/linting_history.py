"""What recorded samples say of rules: the buckets and values that there are, and how often an alert was right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sereno.kernel.errors import QueryError, SerenoError, UsageError
from sereno.lint.documents import read
from sereno.lint.expressions import metric_of, selectors_of
from sereno.lint.model import Context
from sereno.lint.rules_model import rules_of
from sereno.promql.columns import Matcher, Select, Selection

METRICS_MAX = 500
VALUES_MAX = 1_000
_LABELS_OVER = timedelta(days=1)


def recalled(context: Context, paths: Sequence[Path], history: Path, incidents: Path | None = None) -> Context:
    """`context` with what the samples at `history` tell.

    Args:
        context: what is known so far.
        paths: the rule files and folders of specs whose alerts are replayed.
        history: a file of samples as `sereno up` keeps it, its folder, or Parquet.
        incidents: when people really suffered; without it only alerts of a spec's own objectives can be judged.

    Raises UsageError if there are no samples at `history`.
    """
    from sereno.app.backtest_sources import bring, newest, opened, origin_of
    from sereno.app.settings import load_settings

    settings = load_settings()
    kind = "parquet" if history.suffix == ".parquet" else "store"
    path, _ = bring(origin_of((kind, str(history)), settings), (), settings, lambda what, done: None)
    latest = newest(path)
    if latest is None:
        raise UsageError(f"there are no samples at {history}", hint="--history .sereno/samples.db")
    with opened(path) as select:
        values = _values(_metrics(paths), select, latest)
    boundaries = {
        metric.removesuffix("_bucket"): found for (metric, label), found in values.items()
        if label == "le" and metric.endswith("_bucket")
    }  # fmt: skip
    known = {key: found for key, found in values.items() if len(found) < VALUES_MAX and key[1] != "le"}
    return replace(
        context, boundaries=boundaries, label_values=known,
        precision=_precision(paths, (kind, str(history)), incidents, latest),
    )  # fmt: skip


def _metrics(paths: Sequence[Path]) -> list[str]:
    """The metrics that rules ask for, without those that rules record."""
    from sereno.app.linting import gather, load_source

    names: dict[str, None] = {}
    for source in map(load_source, gather(paths)):
        for document in read(str(source.path), source.text).documents:
            for rule in rules_of(document):
                tree = rule.tree
                for selector in selectors_of(tree) if tree is not None else ():
                    names.setdefault(metric_of(selector))
    return [name for name in names if name and ":" not in name][:METRICS_MAX]


def _values(metrics: Iterable[str], select: Select, latest: datetime) -> dict[tuple[str, str], frozenset[str]]:
    """The values of each label of each metric on the last day."""
    end = int(latest.timestamp() * 1000)
    begin = end - int(_LABELS_OVER.total_seconds() * 1000)
    found: dict[tuple[str, str], set[str]] = {}
    for metric in metrics:
        try:
            columns = select(Selection((Matcher("__name__", "=", metric),), begin, end))
        except QueryError:
            continue  # too many series to look at
        for labels in columns.labels:
            for name, value in labels.items():
                if name != "__name__":
                    found.setdefault((metric, name), set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}


def _precision(
    paths: Sequence[Path], source: tuple[str, str], incidents: Path | None, latest: datetime
) -> dict[str, float]:
    """For each alert that fired, how many of its firings met an incident; only where incidents are known."""
    from sereno.app.backtest import Asked, run
    from sereno.app.settings import load_settings

    settings = load_settings()
    found: dict[str, float] = {}
    for path in paths:
        asked = Asked(
            path=path, since=timedelta(days=30), until=latest.astimezone(UTC), source=source,
            incidents=str(incidents) if incidents else None, incident_share=None, services=(),
            interval=timedelta(seconds=60), grace=timedelta(minutes=5), answer_after=timedelta(minutes=3),
            beta=Decimal(1), knobs=None, compare=None, jobs=1, ray=None, zone=None, language="en",
        )  # fmt: skip
        try:
            outcomes = run(asked, settings, latest).report.cases
        except SerenoError:
            continue  # no rules in it, or wrong ones: that is said elsewhere
        for case in outcomes:
            for rule in case.rules if case.incidents else ():
                if rule.score.precision is not None and rule.score.raised > rule.score.unknown:
                    found[rule.alert] = float(rule.score.precision)
    return found

"""OpenSLO's indicators as ours: counters where they can be told, PromQL with `$window` otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, cast

from sereno.spec.dialects import queries
from sereno.spec.dialects.gathered import absent, inside, text_of
from sereno.spec.model import GaugeSli, QuerySli, Sli
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar

PROMETHEUS = ("prometheus", "thanos", "mimir", "cortex", "victoriametrics", "promql")
Operator = Literal["<", "<=", ">", ">="]


@dataclass(slots=True)
class Sources:
    """The types of DataSources by name."""

    types: dict[str, str] = field(default_factory=dict)


def indicator(reading: Reading, node: Node, sources: Sources, compared: tuple[str, Decimal] | None) -> Sli | None:
    """The indicator in the checked spec `node`; None after a report, also if its data is not in a Prometheus.

    Args:
        compared: the operator and value that make a threshold's moment a good one.
    """
    threshold = inside(node, "thresholdMetric")
    if not absent(threshold):
        query = query_of(reading, threshold, sources)
        return gauge(reading, query, compared) if query is not None and compared is not None else None
    ratio = inside(node, "ratioMetric")
    raw = inside(ratio, "raw")
    if not absent(raw):
        query = query_of(reading, raw, sources)
        return raw_ratio(reading, query, text_of(inside(ratio, "rawType"))) if query is not None else None
    counter = text_of(inside(ratio, "counter")).lower() == "true"
    kind = "bad" if absent(inside(ratio, "good")) else "good"
    total, part = query_of(reading, inside(ratio, "total"), sources), query_of(reading, inside(ratio, kind), sources)
    return ratio_of(reading, total, part, kind, counter) if total is not None and part is not None else None


def query_of(reading: Reading, node: Node | None, sources: Sources) -> Scalar | None:
    """The PromQL of a metric, if its source is a Prometheus; said otherwise."""
    source = inside(node, "metricSource")
    named = text_of(inside(source, "metricSourceRef"))
    type_ = text_of(inside(source, "type")) or sources.types.get(named, "")
    query = inside(source, "spec", "query")
    if query is None and type_.lower() in ("", *PROMETHEUS):
        query = inside(source, "spec", "promql")
    if type_.lower() in PROMETHEUS or (not type_ and "prom" in named.lower()):
        if isinstance(query, Scalar) and query.value.strip():
            return query
        if source is not None:
            reading.complain("SER022", source, "there is no query", expected="`spec: {query: …}` with PromQL")
        return None
    if source is not None:
        what = f"`{type_[:40]}`" if type_ else "an unknown source"
        reading.complain(
            "SER153",
            source,
            f"data from {what} is not read: this objective is not watched",
            expected="`type: Prometheus` (or Thanos, Mimir, Cortex, VictoriaMetrics)",
        )
    return None


def ratio_of(reading: Reading, total: Scalar, part: Scalar, kind: str, counter: bool) -> Sli | None:
    """Good or bad events (`kind`) over all; with `counter` selectors alone are counters."""
    bad, good = (part.value, None) if kind == "bad" else (None, part.value)
    found = queries.events(reading, total=total.value, bad=bad, good=good, plain=counter)
    if found is not None:
        return found
    texts = []
    for node in (total, part):
        windowed = queries.windowed(reading, node, node.value, needed=counter)
        if windowed is None:
            return None
        texts.append(windowed if "$window" in windowed else queries.over_time(windowed))
    return QuerySli(total=texts[0], bad=texts[1] if kind == "bad" else None, good=texts[1] if kind == "good" else None)


def raw_ratio(reading: Reading, query: Scalar, kind: str) -> Sli | None:
    """A ratio that is asked as one; `success` is turned round."""
    text = queries.windowed(reading, query, query.value, needed=False)
    if text is None:
        return None
    text = text if "$window" in text else queries.over_time(text)
    return QuerySli(ratio=text if kind == "failure" else f"1 - ({text})")


def gauge(reading: Reading, query: Scalar, compared: tuple[str, Decimal]) -> Sli | None:
    """Moments in which a value compares well."""
    text = queries.windowed(reading, query, query.value, needed=False)
    if text is None:
        return None
    return GaugeSli(text.replace("$window", "5m"), cast(Operator, compared[0]), compared[1])

"""Panels of Grafana in our words; one that has something to say which we cannot, is kept as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import QueryError
from sereno.promql import parse
from sereno.spec.dashboard_model import Column, Panel, PanelKind, Query, Step, ValueText
from sereno.spec.dashboard_queries import filled
from sereno.spec.dashboard_units import is_unit
from sereno.spec.model import Link

Json = dict[str, Any]
_KINDS: dict[str, PanelKind] = {
    "timeseries": "timeseries",
    "graph": "timeseries",
    "stat": "stat",
    "singlestat": "stat",
    "gauge": "gauge",
    "bargauge": "bar_gauge",
    "table": "table",
    "table-old": "table",
    "heatmap": "heatmap",
    "state-timeline": "state_timeline",
    "text": "text",
}
_GONE = frozenset(("graph", "singlestat", "table-old"))
_LAST = frozenset(("lastNotNull", "last", "current"))
_COLOR = re.compile(r"[a-z][a-z-]{1,30}|#[0-9A-Fa-f]{3,8}|(?:rgb|hsl)a?\([0-9., %]{3,40}\)")
_DRAWN = frozenset(("color", "custom", "mappings", "thresholds", "unit", "noValue", "decimals", "min", "max", "links"))


@dataclass(slots=True)
class Notes:
    """What is told about an import, each sentence once."""

    _said: dict[str, None] = field(default_factory=dict)

    def add(self, sentence: str) -> None:
        """Tell it."""
        self._said.setdefault(sentence)

    @property
    def said(self) -> tuple[str, ...]:
        """Everything told, in order."""
        return tuple(self._said)


class _Beyond(Exception):
    """Our words are too few for this panel."""


@dataclass(frozen=True, slots=True)
class Known:
    """The variables that choose a Prometheus, and one possible value of each of the others."""

    sources: frozenset[str] = frozenset()
    choices: Mapping[str, str] = field(default_factory=dict)


def panel_of(panel: Json, known: Known, notes: Notes) -> Panel:
    """One panel of a dashboard whose variables are `known`."""
    title = str(panel.get("title") or "").strip()
    if not panel.get("type") and panel.get("targets"):
        notes.add(f"the panel {title!r} said of no type: it is a time series")
        panel = {**panel, "type": "graph"}
    try:
        return _panel(panel, title, known, notes)
    except _Beyond as reason:
        notes.add(f"the panel {title or panel.get('id')!r} is kept as it is: {reason}")
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
        notes.add(f"the panel {title or panel.get('id')!r} is kept as it is: it is not as Grafana writes panels")
    kept = {key: value for key, value in panel.items() if key not in ("id", "gridPos", "span")}
    if kept.get("type") in (None, "graph"):
        kept["type"] = "timeseries"
    return Panel("", "raw", raw=json.dumps(_chosen(kept, known), ensure_ascii=False))


def _panel(panel: Json, title: str, known: Known, notes: Notes) -> Panel:
    kind = _KINDS.get(str(panel.get("type")))
    if kind is None:
        raise _Beyond(f"it is a {panel.get('type') or 'panel without a type'}")
    for key in ("repeat", "libraryPanel", "timeShift", "maxPerRow"):
        if panel.get(key):
            raise _Beyond(f"it has `{key}`")
    if kind == "text":
        return _text(panel, title)
    old = panel["type"] in _GONE or "fieldConfig" not in panel
    if panel.get("alert"):
        notes.add(f"the alert of the panel {title!r} is left out: Grafana has removed alerts in panels")
    found = Panel(
        title or _untitled(notes),
        "gauge" if (panel.get("gauge") or {}).get("show") else kind,
        queries=_queries(panel, known),
        description=str(panel.get("description") or "").strip(),
        links=_links(panel),
        since=_since(panel.get("timeFrom")),
    )
    if kind == "table":
        found = _table(panel, found)
    return _without_our_words(_old(panel, found, notes) if old else _drawn(panel, found, notes))


def _untitled(notes: Notes) -> str:
    notes.add("panels without a title are called `…`")
    return "…"


def _text(panel: Json, title: str) -> Panel:
    options = panel.get("options") or panel
    if (options.get("mode") or "markdown") != "markdown":
        raise _Beyond(f"its text is {options['mode']}")
    content = str(options.get("content") or "").strip()
    if not content:
        raise _Beyond("its text is empty")
    return Panel(
        title or "…", "text", text=content, description=str(panel.get("description") or ""), links=_links(panel)
    )


def _queries(panel: Json, known: Known) -> tuple[Query, ...]:
    found = []
    for target in panel.get("targets") or ():
        source = target.get("datasource") or panel.get("datasource")
        if not _is_prometheus(source, known):
            raise _Beyond("it asks no Prometheus")
        expr = target.get("expr")
        if not isinstance(expr, str) or not expr.strip():
            raise _Beyond("a question of it is not PromQL")
        if target.get("hide") or target.get("exemplar"):
            raise _Beyond("a question of it is hidden, or asks for exemplars")
        try:
            parse(filled(expr, known.choices))
        except QueryError as error:
            raise _Beyond(f"{error.message} (`{expr.strip()[:120]}`)") from None
        legend = str(target.get("legendFormat") or "")
        found.append(Query(expr.strip(), "" if legend in ("__auto", "{{le}}") else legend.strip()))
    if not found:
        raise _Beyond("it asks nothing")
    return tuple(found)


def _is_prometheus(source: Any, known: Known) -> bool:
    """Prometheus, or the default source; other kinds are told by their type or name."""
    if isinstance(source, dict):
        return source.get("type") in (None, "prometheus") and not str(source.get("uid")).startswith("-- ")
    text = str(source or "")
    return (
        not text or text.strip("${}") in known.sources or "prom" in text.lower() or text in ("default", "$datasource")
    )


def _links(panel: Json) -> tuple[Link, ...]:
    named = (
        (str(each.get("title") or "").strip(), str(each.get("url") or "").strip()) for each in panel.get("links") or ()
    )
    return tuple(Link(title, url) for title, url in {title: url for title, url in named if title and url}.items())


def _since(text: Any) -> timedelta | None:
    if not text:
        return None
    try:
        return parse_duration(str(text))
    except (ValueError, OverflowError):
        raise _Beyond(f"its range is {text!r}") from None


def _drawn(panel: Json, found: Panel, notes: Notes) -> Panel:
    """What Grafana since 7 says in `fieldConfig` and `options`."""
    defaults = panel["fieldConfig"].get("defaults") or {}
    custom, options = defaults.get("custom") or {}, panel.get("options") or {}
    strange = sorted(key for key in defaults if key not in _DRAWN and defaults[key] not in (None, [], {}))
    if strange:
        raise _Beyond(f"its fields have {', '.join(strange)}")
    calculated = (options.get("reduceOptions") or {}).get("calcs") or ["lastNotNull"]
    if found.kind in ("stat", "gauge", "bar_gauge") and not set(calculated) <= _LAST:
        raise _Beyond(f"it shows the {calculated[0]} of the range")
    if custom.get("drawStyle") not in (None, "line"):
        raise _Beyond(f"it draws {custom['drawStyle']}")
    if found.kind == "heatmap" and options.get("calculate"):
        raise _Beyond("it makes its own buckets")
    stacking = (custom.get("stacking") or {}).get("mode")
    if stacking == "percent":
        raise _Beyond("it stacks shares")
    thresholds = defaults.get("thresholds") or {}
    if thresholds.get("mode") == "percentage":
        raise _Beyond("its thresholds are percentages of its scale")
    queries = _overridden(panel, found)
    return replace(
        found,
        queries=queries,
        unit=_unit(defaults.get("unit"), found.title, notes),
        steps=_steps(thresholds.get("steps") or ()),
        lines=(custom.get("thresholdsStyle") or {}).get("mode") not in (None, "off"),
        least=_decimal(defaults.get("min")),
        most=_decimal(defaults.get("max")),
        decimals=None if defaults.get("decimals") is None else max(0, min(12, int(defaults["decimals"]))),
        stacked=stacking == "normal",
        mappings=_mappings(defaults.get("mappings") or ()),
    )


def _overridden(panel: Json, found: Panel) -> tuple[Query, ...]:
    """Units and colours of columns; every other override is beyond us."""
    queries = {query.legend: query for query in found.queries}
    for override in panel["fieldConfig"].get("overrides") or ():
        legend = override["matcher"].get("options")
        if override["matcher"].get("id") != "byName" or legend not in queries or found.kind != "table":
            raise _Beyond("it draws some series differently")
        for each in override["properties"]:
            if each["id"] == "unit":
                queries[legend] = replace(queries[legend], unit=each["value"])
            elif each["id"] == "custom.cellOptions" and (each["value"] or {}).get("type") == "color-text":
                queries[legend] = replace(queries[legend], colored=True)
            else:
                raise _Beyond(f"a column of it has {each['id']}")
    return tuple(queries.get(query.legend, query) for query in found.queries)


def _old(panel: Json, found: Panel, notes: Notes) -> Panel:
    """What Grafana before 7 said in the panel itself; also what people write by hand."""
    axis = (panel.get("yaxes") or [{}])[0]
    lost = sorted(key for key in ("seriesOverrides", "rangeMaps", "sparkline", "aliasColors") if panel.get(key))
    if lost:
        notes.add(f"the panel {found.title!r} is drawn anew, without its {', '.join(lost)}")
    if panel.get("unit"):
        notes.add(f"the unit of the panel {found.title!r} stood where Grafana does not look; now it does")
    shown = panel.get("valueName")
    if panel.get("type") == "singlestat" and shown not in ("current", None):
        notes.add(f"the panel {found.title!r} showed the {shown} of its range; now it shows the value at its end")
    unit = panel.get("unit") or (axis.get("format") if panel.get("type") == "graph" else panel.get("format"))
    mappings = [each for each in panel.get("valueMaps") or () if each.get("value") not in (None, "", "null")]
    return replace(
        found,
        unit=_unit(unit, found.title, notes),
        steps=_old_steps(panel),
        lines=bool(panel.get("thresholds")) and found.kind == "timeseries",
        least=_decimal(axis.get("min")),
        most=_decimal(axis.get("max")),
        decimals=panel.get("decimals") if isinstance(panel.get("decimals"), int) else None,
        stacked=bool(panel.get("stack")) and not panel.get("percentage"),
        mappings=tuple(_named(str(each["value"]), str(each["text"]), "") for each in mappings),
    )


def _old_steps(panel: Json) -> tuple[Step, ...]:
    """`"50,80"` with three colours of a singlestat, a list of lines of a graph, or steps out of place."""
    thresholds = panel.get("thresholds")
    if isinstance(thresholds, str) and thresholds.strip():
        values = [Decimal(part.strip()) for part in thresholds.split(",") if part.strip()]
        colors = [str(color) for color in panel.get("colors") or ("green", "orange", "red")]
        bounds: list[Decimal | None] = [None, *values]
        return tuple(Step(at, color) for at, color in zip(bounds, colors, strict=False))
    if not isinstance(thresholds, list) or not thresholds:
        return ()
    found = {_decimal(each.get("value")): _color(each.get("color") or each.get("colorMode")) for each in thresholds}
    lines = [Step(at, color) for at, color in sorted((at, color) for at, color in found.items() if at is not None)]
    return (Step(None, "red" if lines and lines[0].at == 0 else "green"), *lines)


def _color(text: Any) -> str:
    return {"critical": "red", "warning": "orange", "ok": "green", "custom": "red"}.get(str(text), str(text or "red"))


def _steps(steps: Iterable[Json]) -> tuple[Step, ...]:
    found = [Step(_decimal(each.get("value")), str(each.get("color"))) for each in steps]
    if not all(_COLOR.fullmatch(step.color) for step in found):
        raise _Beyond("its thresholds have strange colours")
    if found and (found[0].at is not None or any(step.at is None for step in found[1:])):
        raise _Beyond("its thresholds do not begin below everything")
    values = [step.at for step in found[1:] if step.at is not None]
    if values != sorted(set(values)):
        raise _Beyond("its thresholds do not go up")
    plain = len(found) == 1 and found[0] == Step(None, "green")
    return () if plain else tuple(found)


def _unit(unit: Any, title: str, notes: Notes) -> str:
    text = str(unit or "").strip()
    if not text or is_unit(text):
        return text
    if re.fullmatch(r"currency[A-Z]{3}", text):
        notes.add(f"the unit {text} of the panel {title!r}, which Grafana does not know, is now currency:{text[8:]}")
        return f"currency:{text[8:]}"
    notes.add(f"the unit {text!r} of the panel {title!r} is left out: Grafana does not know it")
    return ""


def _mappings(mappings: Iterable[Json]) -> tuple[ValueText, ...]:
    found: list[tuple[int, ValueText]] = []
    for each in mappings:
        if each.get("type") != "value":
            raise _Beyond("it names ranges of values")
        for value, result in each["options"].items():
            shown = _named(str(value), str(result["text"]), str(result.get("color") or ""))
            found.append((int(result.get("index") or 0), shown))
    return tuple(shown for _, shown in sorted(found, key=lambda pair: pair[0]))


def _named(value: str, text: str, color: str) -> ValueText:
    if not value.strip() or not text.strip() or (color and not _COLOR.fullmatch(color)):
        raise _Beyond("it names values by nothing, or in strange colours")
    return ValueText(value.strip(), text.strip(), color)


def _decimal(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise TypeError(value)
    return Decimal(str(value))


def _without_our_words(panel: Panel) -> Panel:
    """Descriptions and units that only we had put in are not taken for the author's."""
    ours = [f"Computed by {_listed(panel)}.", f"Se calcula con {_listed(panel)}."]
    return replace(
        panel,
        description="" if panel.description in ours else panel.description,
        unit="" if panel.unit == "short" else panel.unit,
    )


def _listed(panel: Panel) -> str:
    return ", ".join(f"`{query.expr.strip()}`" for query in panel.queries)


def _table(panel: Json, found: Panel) -> Panel:
    """Names and order of columns; every other transformation is beyond us."""
    columns: dict[str, str] = {}
    legends: dict[str, str] = {}
    order: Json = {}
    for each in panel.get("transformations") or ():
        if each["id"] not in ("merge", "organize"):
            raise _Beyond(f"it transforms its answers by {each['id']}")
        options = each.get("options") or {}
        order |= options.get("indexByName") or {}
        for name, title in (options.get("renameByName") or {}).items():
            (legends if name.startswith("Value") else columns)[name.strip()] = str(title).strip()
        hidden = [name for name, gone in (options.get("excludeByName") or {}).items() if gone]
        columns |= {name: "" for name in hidden if name not in ("Time", *columns) and not name.startswith("Value")}
    names = [f"Value #{chr(ord('A') + n)}" for n in range(len(found.queries))] if len(found.queries) > 1 else ["Value"]
    queries = tuple(
        replace(query, legend=legends.get(name, query.legend)) for name, query in zip(names, found.queries, strict=True)
    )
    sort: Json = next(iter((panel.get("options") or {}).get("sortBy") or ()), {})
    return replace(
        found,
        queries=queries,
        columns=tuple(Column(label, columns[label]) for label in sorted(columns, key=lambda c: int(order.get(c, 99)))),
        sort=f"{'-' if sort.get('desc') else ''}{sort['displayName']}" if sort.get("displayName") else "",
    )


def _chosen(value: Any, known: Known) -> Any:
    """`value` with the reader's choice of a Prometheus under the name that it has with us."""
    if isinstance(value, dict):
        found = {key: _chosen(inner, known) for key, inner in value.items()}
        return {**found, "datasource": _source(value["datasource"], known)} if "datasource" in value else found
    return [_chosen(each, known) for each in value] if isinstance(value, list) else value


def _source(source: Any, known: Known) -> Any:
    uid = source.get("uid") if isinstance(source, dict) else source
    if isinstance(uid, str) and uid.startswith("$") and uid.strip("${}") in known.sources:
        return {"type": "prometheus", "uid": "${datasource}"}
    return source

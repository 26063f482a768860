"""Dashboards of Grafana, of any age, as declared ones: what cannot be said in our words is kept as it is, and told."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sereno.compiler.grafana_import_panels import Known, Notes, panel_of
from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import UsageError
from sereno.spec.dashboard_model import COLUMNS, Dashboard, Panel, PanelRow, Variable
from sereno.spec.model import Link

Json = dict[str, Any]
BYTES_MAX = 10_000_000
_COMMENT = re.compile(r"(?m)^\s*//.*$")
_LABEL_VALUES = re.compile(r"\s*label_values\s*\(\s*(?:(?P<of>.+?)\s*,\s*)?(?P<label>\w+)\s*\)\s*", re.DOTALL)
_NOW_MINUS = re.compile(r"now-(\w+)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """A dashboard, and sentences about what was changed, left out or kept as it was."""

    board: Dashboard
    notes: tuple[str, ...]


def imported(text: str, *, name: str = "") -> Imported:
    """The dashboard that the JSON `text` describes.

    Args:
        text: Grafana's JSON, with or without the envelope of its API.
        name: what the document will be called; by default made of its title.

    Raises UsageError with the place when it is no JSON, or no dashboard.
    """
    notes = Notes()
    whole = _unwrapped(_parsed(text, notes), notes)
    try:
        return _imported(whole, name, notes)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
        raise UsageError("this is not as Grafana writes dashboards", hint="export it from Grafana again") from None
    except RecursionError:
        raise UsageError("this JSON is nested too deep") from None


def _imported(whole: Json, name: str, notes: Notes) -> Imported:
    title = str(whole.get("title") or name or "dashboard").strip() or "dashboard"
    name = _slug(name or title)
    reason = _beyond(whole)
    if reason:
        notes.add(f"kept whole as it is: {reason}")
        return Imported(Dashboard(name, title, raw=json.dumps(whole, ensure_ascii=False)), notes.said)
    known = _known(whole)
    rows = tuple(_rows(whole, known, notes))
    board = Dashboard(
        name=name,
        title=title,
        description=str(whole.get("description") or "").strip(),
        rows=rows,
        variables=tuple(_variables(whole, known, notes)),
        tags=tuple(text for tag in whole.get("tags") or () if (text := str(tag).strip()) not in ("", "sereno")),
        links=_links(whole, notes),
        since=_since(whole, notes),
        refresh=_refresh(whole, notes),
    )
    if not any(row.panels for row in rows):
        raise UsageError(f"the dashboard {title!r} has no panel")
    extra = [each for each in (whole.get("annotations") or {}).get("list") or () if not each.get("builtIn")]
    if extra:
        notes.add(f"its annotations are not kept: {', '.join(str(each.get('name')) for each in extra)}")
    if whole.get("uid"):
        notes.add(f"its address changes: it was /d/{whole['uid']}")
    return Imported(board, notes.said)


def _parsed(text: str, notes: Notes) -> Any:
    if len(text) > BYTES_MAX:
        raise UsageError("the file is larger than 10 MB")
    stripped = _COMMENT.sub("", text.removeprefix("\ufeff"))
    if stripped != text.removeprefix("\ufeff"):
        notes.add("comments are left out: JSON has none")
    try:
        found = json.loads(stripped)
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            notes.add("halves of characters are left out: they are no text")
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "ignore"))
        return found
    except RecursionError:
        raise UsageError("this JSON is nested too deep") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"this is no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None


def _unwrapped(value: Any, notes: Notes) -> Json:
    """The dashboard inside the envelope of Grafana's API or of a Kubernetes object."""
    for key in ("dashboard", "spec"):
        inner = value.get(key) if isinstance(value, dict) else None
        if isinstance(inner, dict) and not any(known in value for known in ("panels", "rows", "elements")):
            if key == "dashboard":
                notes.add("the envelope of Grafana's API is left out")
            value = inner
    if not isinstance(value, dict) or not any(key in value for key in ("panels", "rows", "elements")):
        raise UsageError("this is no dashboard of Grafana: it has no `panels`")
    return value


def _beyond(whole: Json) -> str:
    """Why nothing of `whole` can be said in our words; "" when something can."""
    if "elements" in whole:
        return "it is of the second generation (elements and layouts)"
    for key in ("panels", "rows"):
        found = whole.get(key)
        if found is not None and (not isinstance(found, list) or not all(isinstance(each, dict) for each in found)):
            return f"its `{key}` are no list of mappings"
    return ""


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NAME.sub("-", plain).strip("-._")[:63].strip("-._") or "dashboard"


def _known(whole: Json) -> Known:
    """The variables that choose a Prometheus, for ours takes their place, and one value of each of the others."""
    listed = (whole.get("templating") or {}).get("list") or ()
    chosen = [each for each in listed if each.get("type") == "datasource" and each.get("query") == "prometheus"]
    chosen += [each for each in whole.get("__inputs") or () if each.get("pluginId") == "prometheus"]
    choices = {
        str(each.get("name")): str(each["query"]).split(",")[0].strip()
        for each in listed
        if each.get("type") in ("custom", "interval", "constant", "textbox") and isinstance(each.get("query"), str)
    }
    return Known(frozenset(str(each.get("name")) for each in chosen), choices)


def _rows(whole: Json, known: Known, notes: Notes) -> Iterator[PanelRow]:
    if whole.get("rows"):
        for row in whole["rows"]:
            yield _old_row(row, known, notes)
        return
    title, collapsed, waiting = "", False, list[Json]()
    for panel in sorted(whole.get("panels") or (), key=_place):
        if panel.get("type") != "row":
            waiting.append(panel)
            continue
        if waiting:
            yield PanelRow(title, _panels(waiting, known, notes), collapsed)
        title, collapsed = str(panel.get("title") or ""), bool(panel.get("collapsed"))
        waiting = sorted(panel.get("panels") or (), key=_place)
        if panel.get("repeat"):
            notes.add(f"the row {title!r} is no longer repeated for each ${panel['repeat']}")
    if waiting:
        yield PanelRow(title, _panels(waiting, known, notes), collapsed)


def _old_row(row: Json, known: Known, notes: Notes) -> PanelRow:
    """A row from before 2018: widths count in twelfths, heights in pixels."""
    height = _cells(row.get("height"))
    panels = []
    for panel in row.get("panels") or ():
        span = panel.get("span") or 12
        size = {"w": min(int(span) * 2, COLUMNS), "h": _cells(panel.get("height")) or height or 8, "x": 0, "y": 0}
        panels.append({**panel, "gridPos": size})
    title = str(row.get("title") or "") if row.get("showTitle", True) else ""
    return PanelRow(title, _panels(panels, known, notes), bool(row.get("collapse")))


def _cells(height: Any) -> int:
    """Pixels as cells of 30."""
    found = re.match(r"\d+", str(height or ""))
    return max(1, min(60, round(int(found[0]) / 30))) if found else 0


def _place(panel: Json) -> tuple[int, int]:
    place = panel.get("gridPos") or {}
    return int(place.get("y") or 0), int(place.get("x") or 0)


def _panels(panels: Iterable[Json], known: Known, notes: Notes) -> tuple[Panel, ...]:
    found = []
    for panel in panels:
        place = panel.get("gridPos") or {}
        made = panel_of(panel, known, notes)
        width, height = int(place.get("w") or 0), int(place.get("h") or 0)
        found.append(replace(made, width=max(0, min(width, COLUMNS)), height=max(0, min(height, 60))))
    return tuple(found)


def _variables(whole: Json, known: Known, notes: Notes) -> Iterator[Variable]:
    taken = {"datasource"}
    for each in (whole.get("templating") or {}).get("list") or ():
        name = str(each.get("name") or "")
        if each.get("type") == "datasource" and name in known.sources:
            continue
        if not _VARIABLE.fullmatch(name) or name in taken or not each.get("type"):
            notes.add(f"the variable {name!r} is left out: it cannot be one with us")
            continue
        taken.add(name)
        found = _variable(each, name)
        if found is None:
            notes.add(f"the variable {name!r} is kept as it is: a {each.get('type')} of its own kind")
            found = Variable(name, name, raw=json.dumps(each, ensure_ascii=False))
        yield found


def _variable(each: Json, name: str) -> Variable | None:
    """The variable in our words; None when they are too few."""
    if each.get("regex") or each.get("hide") or each.get("repeat"):
        return None
    title = str(each.get("label") or "").strip() or name
    several = bool(each.get("multi"))
    if several != bool(each.get("includeAll")) or (several and each.get("allValue") not in (".+", ".*", None, "")):
        return None
    if each.get("type") == "custom":
        values = re.findall(r"(?:\\,|[^,])+", str(each.get("query") or ""))
        texts = tuple(text for value in values if (text := value.replace("\\,", ",").strip()))
        return Variable(name, title, values=texts, several=several) if texts and " : " not in str(texts) else None
    query = each.get("query")
    text = query.get("query") if isinstance(query, dict) else query
    found = _LABEL_VALUES.fullmatch(text) if isinstance(text, str) and each.get("type") == "query" else None
    return Variable(name, title, found["label"], found["of"] or "", several=several) if found else None


def _links(whole: Json, notes: Notes) -> tuple[Link, ...]:
    found: list[Link] = []
    for each in whole.get("links") or ():
        title, url = str(each.get("title") or "").strip(), str(each.get("url") or "").strip()
        if each.get("type") == "link" and url and title and title not in [link.name for link in found]:
            found.append(Link(title, url))
        elif each.get("tags") != ["sereno"]:
            notes.add(f"its link {each.get('title')!r} to other dashboards is left out: all of ours are linked")
    return tuple(found)


def _since(whole: Json, notes: Notes) -> timedelta:
    text = str((whole.get("time") or {}).get("from") or "now-6h")
    found = _NOW_MINUS.fullmatch(text)
    try:
        since = parse_duration(found[1]) if found else timedelta(0)
    except (ValueError, OverflowError):
        since = timedelta(0)
    if timedelta(minutes=1) <= since <= timedelta(days=400):
        return since
    notes.add(f"it begins 6 hours ago: {text!r} is no range back from now")
    return timedelta(hours=6)


def _refresh(whole: Json, notes: Notes) -> timedelta:
    text = whole.get("refresh")
    try:
        found = parse_duration(text) if isinstance(text, str) and text else timedelta(minutes=1)
    except (ValueError, OverflowError):
        found = timedelta(0)
    if timedelta(seconds=5) <= found <= timedelta(days=1):
        return found
    notes.add(f"it is asked anew every minute: {text!r} is no time")
    return timedelta(minutes=1)

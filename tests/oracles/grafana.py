"""Judges dashboards of Grafana: the pinned SDK decodes them, the linter's rules hold, nothing overlaps, nothing is old.

What is kept as raw JSON is looked at only for its id and its place.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from tests.oracles import grafana_linter
from tests.oracles.grafana_linter import Json

TYPES = {"stat", "timeseries", "gauge", "bargauge", "table", "heatmap", "state-timeline", "text", "row"}
REMOVED = {"graph", "singlestat", "table-old", "grafana-singlestat-panel", "worldmap-panel", "grafana-piechart-panel"}
_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """What is wrong with the dashboards among `files`; their JSON stands below `grafana/dashboards`."""
    found: list[str] = []
    boards = {path: text for path, text in files.items() if path.startswith("grafana/") and path.endswith(".json")}
    excluded = _excluded(files)
    uids: dict[str, str] = {}
    titles: dict[tuple[str, str], str] = {}
    for path, text in sorted(boards.items()):
        try:
            board = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
        except ValueError as error:
            found.append(f"{path}: {error}")
            continue
        for taken, key in ((uids, board.get("uid")), (titles, (path.rpartition("/")[0], board.get("title")))):
            if key in taken:
                found.append(f"{path}: {key!r} is also that of {taken[key]}")
            taken[key] = path
        if "sereno" not in (board.get("tags") or ()):
            continue  # kept whole as raw JSON
        found += [f"{path}: {said}" for said in complaints(board)]
        for rule, panel, said in grafana_linter.findings(_without_raw(board)):
            entry = {"dashboard": board["title"], **({"panel": panel} if panel else {})}
            if not _is_excluded(excluded.get(rule, ()), entry):
                found.append(f"{path}: {rule}: {panel}: {said}")
    provider = files.get("grafana/provisioning/dashboards/sereno.yml")
    if boards and provider is None:
        found.append("nobody tells Grafana where the dashboards are")
    if provider is not None:
        settings = yaml.safe_load(provider)
        if settings["apiVersion"] != 1 or [p["type"] for p in settings["providers"]] != ["file"]:
            found.append("the provider is none of files")
    return found


def complaints(board: Json) -> Iterator[str]:
    """What is wrong with one dashboard, the linter's rules apart."""
    if not _UID.fullmatch(str(board.get("uid"))):
        yield f"the uid is {board.get('uid')!r}"
    if board.get("schemaVersion") != 39:
        yield f"the schema is {board.get('schemaVersion')}"
    if board.get("timezone") != "browser" or not board.get("refresh") or not board.get("tags"):
        yield "no time zone of the browser, no refresh, or no tags"
    every = list(_all(board.get("panels", ())))
    ids = [panel.get("id") for panel in every]
    if sorted(ids) != list(range(1, len(ids) + 1)):
        yield f"the ids are {ids}"
    yield from _overlaps(board.get("panels", ()))
    for panel in every:
        if not _is_raw(panel):
            yield from _panel(panel)
    yield from lost(_without_raw(board))


def _panel(panel: Json) -> Iterator[str]:
    title = panel.get("title")
    if panel["type"] in REMOVED or panel["type"] not in TYPES:
        yield f"{title}: the type {panel['type']}"
    if panel["type"] in ("row", "text"):
        return
    defaults = panel["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"]
    if defaults["thresholds"]["mode"] != "absolute" or steps[0]["value"] is not None:
        yield f"{title}: the thresholds do not begin below everything"
    values = [step["value"] for step in steps[1:]]
    if values != sorted(set(values)):
        yield f"{title}: the thresholds are {values}"
    if panel["type"] in ("timeseries", "state-timeline") and not panel["options"]["legend"]["showLegend"]:
        yield f"{title}: the legend is hidden"
    if len({target["refId"] for target in panel["targets"]}) != len(panel["targets"]):
        yield f"{title}: two questions have one name"
    for target in panel["targets"]:
        if target["instant"] == target["range"]:
            yield f"{title}: {target['refId']} is neither an instant nor a range"
    if not panel.get("description"):
        yield f"{title}: nobody says what it means"


def _all(panels: Any) -> Iterator[Json]:
    for panel in panels:
        yield panel
        yield from _all(panel.get("panels") or ())


def _overlaps(panels: Any) -> Iterator[str]:
    """Panels that share a cell, or stand beside the 24 columns; those of a folded row are for themselves."""
    cells: dict[tuple[int, int], str] = {}
    for panel in panels:
        place, title = panel["gridPos"], str(panel.get("title"))
        if place["x"] < 0 or place["y"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > 24:
            yield f"{title} stands at {place}"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in cells:
                    yield f"{title} lies upon {cells[x, y]}"
                    return
                cells[x, y] = title
        if panel.get("panels"):
            yield from _overlaps(panel["panels"])


def lost(board: Json) -> list[str]:
    """What the SDK's decoder does not keep of `board`: every key of ours it must know, with the value that we gave."""
    _register()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.models import dashboard as sdk

        decoded = json.loads(json.dumps(sdk.Dashboard.from_json(board), cls=JSONEncoder))
    return [said for said in _differences(board, decoded, "") if not _is_known_loss(said)]


@cache
def _register() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from grafana_foundation_sdk.cog.plugins import register_default_plugins

        register_default_plugins()


def _differences(ours: Any, theirs: Any, where: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                if value is not None:
                    yield f"the SDK does not know {where}.{key}"
            else:
                yield from _differences(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(one, other, f"{where}[{index}]")
    elif ours != theirs:
        yield f"the SDK reads {where} as {theirs!r}, not {ours!r}"


_KNOWN_LOSSES = (
    # Grafana reads both since 7; the SDK's types leave them out.
    re.compile(r"the SDK does not know \.templating\.list\[\d+\]\.(definition)"),
)


def _is_known_loss(said: str) -> bool:
    return any(pattern.match(said) for pattern in _KNOWN_LOSSES)


def _is_raw(panel: Json) -> bool:
    return panel["type"] != "row" and panel.get("pluginVersion") != "10.0.0"


def _without_raw(board: Json) -> Json:
    kept = []
    for panel in board.get("panels", ()):
        if panel["type"] == "row":
            kept.append({**panel, "panels": [p for p in panel.get("panels", ()) if not _is_raw(p)]})
        elif not _is_raw(panel):
            kept.append(panel)
    return {**board, "panels": kept}


def _excluded(files: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
    """What the linter's own file says it is to overlook; each with a reason."""
    found: dict[str, list[dict[str, str]]] = {}
    for path, text in files.items():
        if path.endswith("/.lint"):
            for rule, settings in yaml.safe_load(text)["exclusions"].items():
                assert rule in grafana_linter.RULES, rule
                assert settings["reason"], rule
                found[rule] = settings["entries"]
    return found


def _is_excluded(entries: Any, found: dict[str, str]) -> bool:
    return any(all(found.get(key) == value for key, value in entry.items()) for entry in entries)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def schematic(board: Json, *, width: int = 24) -> str:
    """The layout drawn in letters, a line of cells each: what can be seen of it without a Grafana."""
    rows: dict[int, list[str]] = {}
    for index, panel in enumerate(board.get("panels", ())):
        place = panel["gridPos"]
        letter = "=" if panel["type"] == "row" else chr(ord("a") + index % 26)
        for y in range(place["y"], place["y"] + place["h"]):
            line = rows.setdefault(y, ["."] * width)
            line[place["x"] : place["x"] + place["w"]] = [letter] * place["w"]
    return "\n".join("".join(rows.get(y, ["."] * width)) for y in range(max(rows, default=-1) + 1))

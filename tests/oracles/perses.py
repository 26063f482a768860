"""Judges dashboards of Perses by what Perses publishes: its TypeScript types, its plugins' own, and its schemas in zod.

Each dashboard becomes a literal that the compiler must accept as a `DashboardResource`, and each panel, query and
variable one of its plugin's options: unknown keys and wrong values are refused. zod looks at names and queries besides.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from tests.oracles import npm_packages

CORE = ("@perses-dev/core@0.52.0", "typescript@5.9.2")
PLUGINS = (
    "@perses-dev/plugin-system@0.52.0", "@perses-dev/components@0.52.0", "@perses-dev/prometheus-plugin@0.53.4",
    "@perses-dev/timeseries-chart-plugin@0.10.2", "@perses-dev/stat-chart-plugin@0.10.0",
    "@perses-dev/gauge-chart-plugin@0.10.0", "@perses-dev/table-plugin@0.8.1", "@perses-dev/markdown-plugin@0.9.1",
    "@perses-dev/bar-chart-plugin@0.10.0", "@perses-dev/status-history-chart-plugin@0.9.1",
)  # fmt: skip
TYPES = {
    "TimeSeriesChart": ("timeseries-chart-plugin/lib/time-series-chart-model", "TimeSeriesChartOptions"),
    "StatChart": ("stat-chart-plugin/lib/stat-chart-model", "StatChartOptions"),
    "GaugeChart": ("gauge-chart-plugin/lib/gauge-chart-model", "GaugeChartOptions"),
    "Table": ("table-plugin/lib/table-model", "TableOptions"),
    "Markdown": ("markdown-plugin/lib/markdown-panel-model", "MarkdownPanelOptions"),
    "BarChart": ("bar-chart-plugin/lib/bar-chart-model", "BarChartOptions"),
    "StatusHistoryChart": ("status-history-chart-plugin/lib/status-history-model", "StatusHistoryChartOptions"),
    "PrometheusTimeSeriesQuery": (
        "prometheus-plugin/lib/plugins/prometheus-time-series-query/time-series-query-model",
        "PrometheusTimeSeriesQuerySpec",
    ),
    "PrometheusLabelValuesVariable": ("prometheus-plugin/lib/plugins/types", "PrometheusLabelValuesVariableOptions"),
}
_SCHEMAS = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const require = createRequire(process.cwd() + '/');
const { panelDefinitionSchema, variableDefinitionSchema, projectMetadataSchema, durationValidationSchema } =
  require('@perses-dev/core/dist/cjs/schema');
const said = [];
const look = (schema, value, where) => {
  const found = schema.safeParse(value);
  if (!found.success) said.push(where + ': ' + found.error.issues.map((i) => i.path.join('.') + ' ' + i.message));
};
for (const [path, board] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  look(projectMetadataSchema, board.metadata, path + ' metadata');
  look(durationValidationSchema, board.spec.duration, path + ' duration');
  look(durationValidationSchema, board.spec.refreshInterval, path + ' refreshInterval');
  for (const [key, panel] of Object.entries(board.spec.panels)) look(panelDefinitionSchema, panel, path + ' ' + key);
  for (const variable of board.spec.variables) look(variableDefinitionSchema, variable, path + ' variable');
}
console.log(JSON.stringify(said));
"""


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """What is wrong with the dashboards of Perses among `files`. Raises Unreachable without npm's registry."""
    boards = {path: yaml.safe_load(text) for path, text in files.items() if path.startswith("perses/")}
    if not boards:
        return []
    found = [f"{path}: {said}" for path, board in boards.items() for said in _structure(board)]
    names = [board["metadata"]["name"] for board in boards.values()]
    found += [f"the name {name} is given twice" for name in sorted({n for n in names if names.count(n) > 1})]
    return found + _refused_by_types(boards, folder) + _refused_by_schemas(boards)


def _structure(board: Any) -> Iterator[str]:
    """Every panel stands once, none upon another, within the 24 columns."""
    spec = board["spec"]
    placed = [item["content"]["$ref"] for layout in spec["layouts"] for item in layout["spec"]["items"]]
    if sorted(placed) != sorted(f"#/spec/panels/{key}" for key in spec["panels"]):
        yield "a panel stands nowhere, or twice"
    for layout in spec["layouts"]:
        cells: set[tuple[int, int]] = set()
        for item in layout["spec"]["items"]:
            mine = {
                (x, y)
                for x in range(item["x"], item["x"] + item["width"])
                for y in range(item["y"], item["y"] + item["height"])
            }
            if cells & mine or item["x"] + item["width"] > 24 or not mine:
                yield f"{item['content']} stands badly"
            cells |= mine


def _refused_by_types(boards: Mapping[str, Any], folder: Path) -> list[str]:
    home = packages()
    lines = ["import type { DashboardResource, ListVariableDefinition } from '@perses-dev/core';"]
    lines += [
        f"import type {{ {name} as T_{kind} }} from '{home}/node_modules/@perses-dev/{place}';"
        for kind, (place, name) in TYPES.items()
    ]
    for number, (path, board) in enumerate(sorted(boards.items())):
        lines.append(f"const d{number}: DashboardResource = {_literal(board)}; // {path}")
        for index, (kind, spec) in enumerate(_plugins(board)):
            if kind not in TYPES and kind != "StaticListVariable":
                return [f"{path}: the plugin {kind}"]
            if kind in TYPES:
                lines.append(f"const p{number}_{index}: T_{kind} = {_literal(spec)}; // {path}")
    source = folder / "dashboards.ts"
    source.write_text("\n".join([*lines, "export {};", ""]), encoding="utf-8")
    settings = {
        "compilerOptions": {
            "strict": True, "noEmit": True, "skipLibCheck": True, "module": "esnext", "moduleResolution": "bundler",
            "target": "es2022", "baseUrl": str(home), "typeRoots": [], "types": [],
            "paths": {"@perses-dev/core": [f"{home}/node_modules/@perses-dev/core/dist/index.d.ts"]},
        },
        "files": ["dashboards.ts"],
    }  # fmt: skip
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        ["node", str(home / "node_modules/typescript/bin/tsc"), "-p", str(folder), "--pretty", "false"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.strip()]
    paths = source.read_text(encoding="utf-8").splitlines()
    return [_at(line, paths) for line in said if line.startswith("dashboards.ts") or "error" in line]


def _at(line: str, source: list[str]) -> str:
    found = re.match(r"\S*dashboards\.ts\((\d+)", line)
    return f"{source[int(found[1]) - 1].rpartition('// ')[2]}: {line}" if found else line


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _plugins(board: Any) -> Iterator[tuple[str, Any]]:
    for panel in board["spec"]["panels"].values():
        yield panel["spec"]["plugin"]["kind"], panel["spec"]["plugin"]["spec"]
        for query in panel["spec"].get("queries", ()):
            yield query["spec"]["plugin"]["kind"], query["spec"]["plugin"]["spec"]
    for variable in board["spec"]["variables"]:
        yield variable["spec"]["plugin"]["kind"], variable["spec"]["plugin"]["spec"]


def _refused_by_schemas(boards: Mapping[str, Any]) -> list[str]:
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", _SCHEMAS], cwd=packages(), input=json.dumps(boards),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        return [f"Perses's schemas could not be asked: {done.stderr.strip()[-400:]}"]
    found: list[str] = json.loads(done.stdout)
    return found


@cache
def packages() -> Path:
    """Perses's core with what it needs, and the plugins' packages alone (what they are drawn with is not needed)."""
    with _settings():
        home = npm_packages.installed(*CORE)
        with (home / "lock").open("w") as lock:  # other processes of the same run unpack into the same cache
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in PLUGINS:
                place = home / "node_modules" / name.rpartition("@")[0]
                if not (place / "package.json").exists():
                    _unpacked(name, place, home)
    return home


def _unpacked(name: str, place: Path, home: Path) -> None:
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", str(home), name],
            capture_output=True, text=True, timeout=120, cwd=home,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        raise npm_packages.Unreachable("npm's registry does not answer") from None
    if done.returncode:
        raise npm_packages.Unreachable(f"npm could not fetch {name}: {done.stderr.strip()[-300:]}")
    archive = home / done.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            inside = Path(*Path(member.name).parts[1:])
            if member.isfile() and ".." not in inside.parts and inside.suffix in (".ts", ".json"):
                content = opened.extractfile(member)
                assert content is not None
                (place / inside).parent.mkdir(parents=True, exist_ok=True)
                (place / inside).write_bytes(content.read())
    archive.unlink()


@contextmanager
def _settings() -> Iterator[None]:
    """Peers are not installed: they are what draws, not what judges."""
    before = os.environ.get("NPM_CONFIG_LEGACY_PEER_DEPS")
    os.environ["NPM_CONFIG_LEGACY_PEER_DEPS"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["NPM_CONFIG_LEGACY_PEER_DEPS"]
        else:
            os.environ["NPM_CONFIG_LEGACY_PEER_DEPS"] = before

"""Published rules over samples shaped to their selectors: the same answers as the packaged Prometheus.

The rules are read from ../shared/data/rules, or from the folder that PROMQL_RULES names: awesome-prometheus-alerts and
kube-prometheus. Every selector of a rule finds series, which meet those of its other selectors, with values around the
rule's own bounds; so most rules answer at some instant.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.promql.peer_compare import differences, ours, points_of
from tests.promql.prometheus_peer import Series, Store
from tests.promql.remote_writing import written_prometheus
from tests.promql.shaped import COUNT, EVERY_MS, START_MS, marked, series_for

from bench.figure import Figure
from sereno.kernel.errors import QueryError
from sereno.promql import Grid, Matcher, Settings, evaluate, parse
from sereno.promql.printer import text_of

ROOT = Path(__file__).parents[1]
SETTINGS = Settings(dialect=2)
END_MS = START_MS + COUNT * EVERY_MS
GRIDS = (Grid(START_MS + 300_000, END_MS + 400_000, 97_000), Grid.at(END_MS - 1000))


def folder() -> Path:
    """Where the rules are. Raises SystemExit if they are nowhere."""
    found = Path(os.environ.get("PROMQL_RULES", ROOT.parent / "shared" / "data" / "rules"))
    if not found.exists():
        raise SystemExit(f"promql-rules: there are no rules in {found}; name their folder in PROMQL_RULES")
    return found


def _documents(path: Path) -> Iterator[object]:
    text = path.read_text()
    if "{{" in text.split("groups:")[0]:
        return
    try:
        yield from yaml.safe_load_all(text)
    except yaml.YAMLError:
        return


def expressions(rules: Path) -> list[str]:
    """The expressions of all rules in the files below `rules`."""
    found = []
    for path in sorted(rules.rglob("*.y*ml")):
        for document in _documents(path):
            spec = document.get("spec", document) if isinstance(document, dict) else {}
            for group in (spec or {}).get("groups") or []:
                found += [str(rule["expr"]) for rule in group.get("rules") or [] if "expr" in rule]
    return found


def shaped(texts: list[str]) -> tuple[list[str], list[Series]]:
    """Each rule, asking for its own series only, and all those series."""
    asked: list[str] = []
    series: list[Series] = []
    for number, text in enumerate(texts):
        mark = Matcher("rule", "=", str(number))
        tree = parse(text)
        asked.append(text_of(marked(tree, mark)))
        series += series_for(tree, mark, number)
    return asked, series


def measure() -> list[Figure]:
    """How many rules agree with the Prometheus that is installed, and how many of them answer with values."""
    texts = expressions(folder())
    asked, series = shaped(texts)
    store = Store.of(series)
    index: dict[str, list[int]] = {}
    for row, (labels, _, _) in enumerate(series):
        index.setdefault(labels["rule"], []).append(row)
    agreed = valued = 0
    with tempfile.TemporaryDirectory() as scratch, written_prometheus(Path(scratch), series) as peer:
        for number, expr in enumerate(asked):
            mine = Store.of([series[row] for row in index.get(str(number), [])]) if str(number) in index else store
            wrong, answered = "", False
            for grid in GRIDS:
                answer = peer.query(expr, grid)
                try:
                    result = evaluate(expr, grid, mine.select, settings=SETTINGS)
                except QueryError as error:
                    wrong = wrong or ("" if answer["status"] == "error" else f"we refuse: {error.message}")
                    continue
                if answer["status"] == "error":
                    wrong = wrong or f"Prometheus refuses: {answer['error']}"
                    continue
                answered |= bool(answer["data"]["result"])
                wrong = wrong or "; ".join(differences(points_of(answer, grid)[0], ours(result, grid), 1e-9)[:2])
            agreed += not wrong
            valued += answered
            if wrong:
                print(f"{texts[number]}: {wrong}"[:500], file=sys.stderr)
    return [
        Figure(
            "published rules that agree with Prometheus", agreed, "rules", least=len(texts), beside=f"of {len(texts)}"
        ),
        Figure("of them with values in the answer", 100 * valued / max(1, len(texts)), "%", least=60),
    ]

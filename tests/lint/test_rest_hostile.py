"""Dashboards, manifests and texts as they arrive: cut short, mixed up, enormous. Nothing raises, nothing hangs."""

from __future__ import annotations

import json
import random
import time

import pytest

from sereno.lint.codes import CODES
from sereno.lint.documents import read
from sereno.lint.lint import lint
from sereno.lint.model import Finding

MINE = [code for code in CODES.values() if "SER400" <= code.id <= "SER599" or "SER720" <= code.id <= "SER799"]
JUNK = ("null", "[]", "{}", "7", '"text"', "true", "-1e99", '[{"a": [1, {}]}]', '"$x"', '"99.9%"', '""', '"2/0"')


def look(name: str, text: str) -> tuple[Finding, ...]:
    found = read(name, text)
    return (*found.findings, *lint(found.documents))


def spoiled(text: str, dice: random.Random) -> str:
    """`text` with a line lost, doubled, or its value replaced by something else."""
    lines = text.splitlines(keepends=True)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(lines))
        what = dice.randrange(4)
        head, colon, rest = lines[at].partition(": ")
        if what == 0 and len(lines) > 2:
            del lines[at]
        elif what == 1:
            lines.insert(at, lines[dice.randrange(len(lines))])
        elif colon:
            comma = "," if rest.rstrip().endswith(",") else ""
            lines[at] = f"{head}: {dice.choice(JUNK)}{comma}\n"
    return "".join(lines)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_that_is_spoiled_raises(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        code = dice.choice(MINE)
        text = spoiled(dice.choice((code.wrong, code.right)), dice)
        name = code.name or ("manual.md" if code.kind == "prose" else "file.yaml")
        for finding in look(name, text):
            place = finding.diagnostic
            assert 1 <= place.line <= text.count("\n") + 1
            assert place.column >= 1
            assert all(0 <= edit.start <= edit.end <= len(text) for edit in finding.edits)


def within(seconds: float, name: str, text: str) -> tuple[Finding, ...]:
    begin = time.process_time()
    found = look(name, text)
    assert time.process_time() - begin < seconds
    return found


def test_a_query_of_nothing_but_variables_ends() -> None:
    panel = {"type": "stat", "targets": [{"expr": "$a + " * 3000 + "$a"}, {"expr": "[[" * 5000}, {"expr": "${" * 5000}]}
    within(5, "dashboard.json", json.dumps({"title": "x", "panels": [panel]}))


def test_thousands_of_panels_on_one_spot_end() -> None:
    panel = {"type": "text", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 100000}}
    found = within(8, "dashboard.json", json.dumps({"title": "x", "panels": [{**panel, "id": n} for n in range(2000)]}))
    assert sum(f.diagnostic.code == "SER407" for f in found) == 1999


def test_a_thousand_manifests_that_know_each_other_end() -> None:
    one = """\
apiVersion: v1
kind: Service
metadata: {{name: s{n}, labels: {{app: s{n}}}}}
spec: {{selector: {{app: s{n}}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: s{n}}}
spec:
  selector: {{matchLabels: {{app: s{n}}}}}
  template:
    metadata: {{labels: {{app: s{n}}}}}
    spec: {{containers: [{{name: a, image: a:1, resources: {{limits: {{cpu: 1, memory: 1Gi}}}}, securityContext: {{}}}}]}}
---
"""
    assert within(12, "all.yaml", "".join(one.format(n=n) for n in range(500))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "|" * 40_000,
        "| a " * 20_000,
        "99.9% " * 30_000,
        "```yaml\n" * 4_000,
        "Error budget consumed " * 8_000,
        "alert(" * 20_000 + "remaining < 20",
        "if status >= 400:" * 4_000,
        "a:\n" * 20_000,
        "Ã" * 50_000,
        "max(0, " * 30_000,
        "projected " * 20_000,
        "P1 " * 20_000 + "\n- P1: response 5 min\n" * 2_000,
    ],
    ids=range(12),
)
def test_texts_made_to_be_slow_end(text: str) -> None:
    within(6, "manual.md", text)


@pytest.mark.parametrize(
    "text",
    ["# sereno: ignore SER203\n" * 20_000 + "groups: []\n", ("# sereno: ignore\nx:\n---\n" * 5_000)],
    ids=["one after another", "in documents of their own"],
)
def test_comments_that_ask_for_silence_end(text: str) -> None:
    """Each was followed to the end of the file, for each document of it."""
    within(6, "rules.yaml", text)

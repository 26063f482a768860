"""A page for every code that `sereno check` can give: what it means, a wrong and a right example."""

from __future__ import annotations

from collections.abc import Iterator

from sereno.lint.code import Code
from sereno.lint.codes import CODES
from sereno.lint.spec_examples import EXAMPLES
from sereno.spec.codes import CODES as SPEC
from sereno.spec.codes import Code as SpecCode

NOTE = "<!-- Generated: scripts/reference -->"
_ROOMS = (
    ("SER2", "Files, rules and PromQL"),
    ("SER3", "Alertmanager"),
    ("SER4", "Dashboards"),
    ("SER5", "Manifests"),
    ("SER6", "What an alert owes to those it calls"),
    ("SER7", "Prometheus's configuration, Compose, pipelines, prose"),
)
_WHERE = {
    "rules": "Prometheus rules", "alertmanager": "Alertmanager's configuration", "prometheus": "prometheus.yml",
    "dashboard": "Grafana dashboards", "kubernetes": "Kubernetes manifests", "compose": "Compose files",
    "pipeline": "pipelines of logs and traces", "promql": "PromQL wherever it stands", "runbook": "runbooks",
    "prose": "manuals and notes", "spec": "the spec",
}  # fmt: skip
_FENCES = {"dashboard": "json", "promql": "promql", "runbook": "markdown", "prose": "text"}


def pages() -> dict[str, str]:
    """Every page by its name below `docs/reference/`."""
    found = {f"codes/{code.id}.md": _page(code) for code in CODES.values()}
    examples = {example.code: (example.wrong, example.right) for example in EXAMPLES}
    for code in SPEC.values():
        if code.id not in CODES:
            found[f"codes/{code.id}.md"] = _of_spec(code, examples.get(code.id))
    return {"codes/README.md": _index(), **dict(sorted(found.items()))}


def _index() -> str:
    lines = [
        "# Codes", "", NOTE, "",
        "Everything that `sereno check` can find. A code that has been given out keeps its meaning. Errors make it "
        "exit with 1; what is marked *mends* is put right by `--fix`. A comment `# sereno: ignore CODE` leaves one "
        "place alone.",
    ]  # fmt: skip
    lines += ["", "## The spec", "", "| code | level | title |", "| --- | --- | --- |"]
    lines += [f"| [{c.id}]({c.id}.md) | {c.level} | {c.title} |" for c in SPEC.values() if c.id not in CODES]
    for beginning, title in _ROOMS:
        lines += ["", f"## {title}", "", "| code | level | title | mends |", "| --- | --- | --- | --- |"]
        lines += list(_rows(beginning))
    return "\n".join(lines) + "\n"


def _rows(beginning: str) -> Iterator[str]:
    for code in sorted(CODES.values(), key=lambda c: c.id):
        if code.id.startswith(beginning):
            mends = "yes" if code.fixable else ""
            yield f"| [{code.id}]({code.id}.md) | {code.level} | {_cell(code.title)} | {mends} |".replace("|  |", "| |")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _page(code: Code) -> str:
    mends = " `--fix` mends it." if code.fixable else ""
    return "\n".join((
        f"# {code.id}: {code.title}", "", NOTE, "", f"*{code.level}, in {_WHERE[code.kind]}.*{mends}", "", code.why, "",
        "Wrong:", "", *_fence(code.wrong, _FENCES.get(code.kind, "yml")), "",
        "Right:", "", *_fence(code.right, _FENCES.get(code.kind, "yml")), "", "[All codes](README.md)", "",
    ))  # fmt: skip


def _of_spec(code: SpecCode, example: tuple[str, str] | None) -> str:
    shown: tuple[str, ...] = ()
    if example is not None:
        shown = ("Wrong:", "", *_fence(example[0], "text"), "", "Right:", "", *_fence(example[1], "yaml"), "")
    return "\n".join((
        f"# {code.id}: {code.title}", "", NOTE, "", f"*{code.level}, in the spec.*", "", code.meaning, "", *shown,
        "[All codes](README.md)", "",
    ))  # fmt: skip


def _fence(text: str, language: str) -> tuple[str, ...]:
    ticks = "````" if "```" in text else "```"
    return (f"{ticks}{language}", text.rstrip("\n"), ticks)

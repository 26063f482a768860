"""From the text of a file to its documents, each with its kind; what cannot be read is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sereno.lint.ignoring import front_matter_end
from sereno.lint.json_tree import json_document
from sereno.lint.kinds import kind_of
from sereno.lint.model import Document, Edit, Finding
from sereno.lint.promql_lines import LOOKS_LIKE_PROMQL
from sereno.lint.reporting import Report
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence
from sereno.spec.tree import documents as yaml_documents

NODES_MAX = 1_000_000
BYTES_MAX = 10_000_000
YAML = (".yaml", ".yml")
JSON = (".json",)
WITH_COMMENTS = (".jsonc", ".json5")
QUERIES = (".promql", ".sql", ".txt")
MARKDOWN = (".md", ".markdown")
SUFFIXES = (*YAML, *JSON, *WITH_COMMENTS, *QUERIES, *MARKDOWN)
_BLANKED = re.compile(r"[^\r\n]")
_AT_MARGIN = re.compile(r"^[A-Za-z\"'-]", re.MULTILINE)
_RUNBOOK = re.compile(r"runbook|playbook|procedimiento", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Read:
    """What came of reading one file: its documents, what is wrong with it as a file, whether it holds documents of
    Sereno's own spec (which the spec's loader reads), and how many documents are of no known kind."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    spec: bool = False
    unknown: int = 0


def read(name: str, text: str, shown: str | None = None) -> Read:
    """The documents in `text`; never raises.

    Args:
        name: the file's name: its ending says how it is written, and it counts from wherever paths do.
        text: what it holds, decoded.
        shown: what people click on; `name` if left out.
    """
    file = File.of(name, text, shown)
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ""
    report = Report()
    if suffix in MARKDOWN:
        kind: Literal["runbook", "prose"] = "runbook" if _RUNBOOK.search(name) or front_matter_end(text) else "prose"
        return Read((Document(kind, file, None),), ())
    if suffix in QUERIES:
        if suffix != ".promql" and not LOOKS_LIKE_PROMQL.search(text):
            report.complain_at("SER200", file, 0, 1, "there is no PromQL in this: it was not checked")
            return Read((), report.findings(), unknown=1)
        return Read((Document("promql", file, None),), ())
    if suffix in (*JSON, *WITH_COMMENTS):
        nodes = _json(file, report, lenient=suffix in WITH_COMMENTS)
    else:
        nodes = _yaml(file, report)
    return _sorted(file, nodes, report)


def _sorted(file: File, nodes: list[Node], report: Report) -> Read:
    found: list[Document] = []
    spec, unknown = False, 0
    for node in _items(nodes):
        if isinstance(node, Scalar) and (node.kind == "null" or node.broken):
            continue
        kind = kind_of(node, file.name)
        if kind == "spec":
            spec = True
            found.append(Document("spec", file, node))
        elif kind == "tests":
            continue  # `sereno test` runs them
        elif kind is None:
            unknown += 1
            report.complain("SER200", node, "this is of no kind that has checks: it was not checked")
        else:
            found.append(Document(kind, file, node))
    if not nodes and not report.findings():
        unknown = 1
        report.complain_at("SER200", file, 0, 1, "the file is empty: there was nothing to check")
    if not nodes and report.findings():
        found.append(Document("prose", file, None))  # what is no YAML may still be read by people
    return Read(tuple(found), report.findings(), spec, unknown)


def _items(nodes: list[Node]) -> list[Node]:
    """The documents, with each `kind: …List` taken apart."""
    found: list[Node] = []
    for node in nodes:
        kind = node.get("kind") if isinstance(node, Mapping) else None
        items = node.get("items") if isinstance(node, Mapping) else None
        if isinstance(kind, Scalar) and kind.value.endswith("List") and isinstance(items, Sequence):
            found += items.items
        else:
            found.append(node)
    return found


def _json(file: File, report: Report, *, lenient: bool) -> list[Node]:
    def complain(index: int, length: int, message: str, hint: str | None, edits: tuple[Edit, ...]) -> None:
        if not (lenient and edits):
            report.complain_at("SER201", file, index, length, message, hint=hint, edits=edits)

    node = json_document(file, complain, nodes_max=NODES_MAX)
    return [] if node is None else [node]


def _yaml(file: File, report: Report) -> list[Node]:
    """The documents; after a mistake also what stands at the margin below it, read as if it stood alone."""
    wrong: list[int] = []

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        report.complain_at(code, file, index, length, message, hint=hint)
        if code == "SER003":
            wrong.append(index)

    nodes = list(yaml_documents(file, complain, nodes_max=NODES_MAX))
    if len(wrong) == 1:
        nodes += _below(file, wrong[0])
    return nodes


def _below(file: File, index: int) -> list[Node]:
    """What stands at the margin from the line of `index` on, read as if nothing stood before it."""
    line = file.starts[file.place(index)[0] - 1]
    margin = _AT_MARGIN.search(file.text, line)
    if margin is None:
        return []
    blank = _BLANKED.sub(" ", file.text[: margin.start()])
    rest = File(file.name, blank + file.text[margin.start() :], file.shown, file.starts)
    read = yaml_documents(rest, lambda *_: None, nodes_max=NODES_MAX)
    return [node for node in read if isinstance(node, Mapping | Sequence)]

"""What the linter reads and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sereno.kernel.diagnostics import Diagnostic
from sereno.spec.model import Spec
from sereno.spec.source import File, Node

Kind = Literal[
    "rules", "alertmanager", "prometheus", "dashboard", "kubernetes", "compose", "pipeline", "promql", "runbook",
    "prose", "spec",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """One document of one file: what it is, and its tree with places. A file that is no YAML or JSON (Markdown, lines
    of PromQL) has no `node`."""

    kind: Kind
    file: File
    node: Node | None


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` … `end` of the file's text become `text`: a change that cannot make anything worse."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and the edits that put it right where that is safe."""

    diagnostic: Diagnostic
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What else is known: all documents read together, the workspace if there is one, whether a path exists, the
    histogram boundaries and label values of metrics where samples are at hand, and the share of false pages by rule."""

    documents: tuple[Document, ...] = ()
    spec: Spec | None = None
    exists: Callable[[str], bool] | None = None
    boundaries: Mapping[str, frozenset[str]] = field(default_factory=dict)
    label_values: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    precision: Mapping[str, float] = field(default_factory=dict)

"""Manifests as the linter sees them: their kind and name, and the others they stand with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from sereno.lint.model import Context, Document
from sereno.lint.paths import at, entries, items, labels, mappings, text, texts
from sereno.spec.source import Mapping, Node, Scalar

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout")
"""Kinds that keep pods running."""


@dataclass(frozen=True)
class Manifest:
    """One object."""

    root: Mapping

    @cached_property
    def kind(self) -> str:
        """What it is."""
        return text(self.root.get("kind"))

    @cached_property
    def version(self) -> str:
        """Its apiVersion."""
        return text(self.root.get("apiVersion"))

    @cached_property
    def name(self) -> str:
        """Its name."""
        return text(at(self.root, "metadata", "name"))

    @cached_property
    def namespace(self) -> str:
        """Its namespace; empty if it says none."""
        return text(at(self.root, "metadata", "namespace"))

    @cached_property
    def labels(self) -> dict[str, str]:
        """Its own labels."""
        return labels(at(self.root, "metadata", "labels"))

    @cached_property
    def pod(self) -> Mapping | None:
        """The template of its pods, if it runs any."""
        path = {"Job": ("spec", "template"), "CronJob": ("spec", "jobTemplate", "spec", "template"), "Pod": ()}
        found = at(self.root, *path.get(self.kind, ("spec", "template")))
        wanted = self.kind in (*WORKLOADS, "Job", "CronJob", "Pod")
        return found if wanted and isinstance(found, Mapping) else None

    @cached_property
    def pod_labels(self) -> dict[str, str]:
        """The labels its pods wear."""
        return labels(at(self.pod, "metadata", "labels"))

    @cached_property
    def place(self) -> Node:
        """Where complaints about the whole are shown."""
        return at(self.root, "metadata", "name") or self.root

    @cached_property
    def containers(self) -> tuple[Mapping, ...]:
        """The containers that keep running."""
        return mappings(at(self.pod, "spec", "containers"))

    @cached_property
    def all_containers(self) -> tuple[Mapping, ...]:
        """Those, and the ones that run before them."""
        return (*mappings(at(self.pod, "spec", "initContainers")), *self.containers)

    @property
    def called(self) -> str:
        """The object as people call it."""
        return f"{self.kind} {self.name}" if self.name else self.kind

    def same_space(self, other: Manifest) -> bool:
        """Whether both are, or may be, in one namespace."""
        return not self.namespace or not other.namespace or self.namespace == other.namespace


def manifest_of(document: Document) -> Manifest | None:
    """The object in `document`."""
    return Manifest(document.node) if isinstance(document.node, Mapping) else None


def manifests(context: Context, file_of: Document | None = None) -> tuple[Manifest, ...]:
    """All objects among the documents, or those of one file."""
    found = _all(_Same(context.documents))
    if file_of is None:
        return found
    return tuple(m for m in found if m.root.file.shown == file_of.file.shown)


class _Same:
    """Documents that are the same when they are the very same tuple: their texts are not compared."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self.documents = documents

    def __hash__(self) -> int:
        return id(self.documents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.documents is self.documents


@lru_cache(maxsize=4)
def _all(same: _Same) -> tuple[Manifest, ...]:
    nodes = (document.node for document in same.documents)
    return tuple(Manifest(node) for node in nodes if isinstance(node, Mapping) and node.get("kind") is not None)


def selects(selector: Node | None, worn: dict[str, str]) -> bool | None:
    """Whether a label selector chooses what wears `worn`; None if it uses what is not understood."""
    if not isinstance(selector, Mapping):
        return None
    plain = selector.get("matchLabels")
    wanted = labels(plain) if plain is not None else {}
    if plain is None and selector.get("matchExpressions") is None:
        wanted = {key.value: value.value for key, value in entries(selector) if isinstance(value, Scalar)}
    if any(worn.get(name) != value for name, value in wanted.items()):
        return False
    for expression in mappings(selector.get("matchExpressions")):
        name, operator = text(expression.get("key")), text(expression.get("operator"))
        values = texts(expression.get("values"))
        held = {
            "In": worn.get(name) in values, "NotIn": worn.get(name) not in values,
            "Exists": name in worn, "DoesNotExist": name not in worn,
        }.get(operator)  # fmt: skip
        if held is None:
            return None
        if not held:
            return False
    return True


def keys_of(selector: Node | None) -> set[str]:
    """The labels that a selector asks for by value."""
    inner = at(selector, "matchLabels") or selector
    return {key.value for key, value in entries(inner) if isinstance(value, Scalar)}


def argument_lists(node: Node | None) -> tuple[str, ...]:
    """The names in a list of `{name: …}`."""
    return tuple(text(at(item, "name")) for item in items(node))

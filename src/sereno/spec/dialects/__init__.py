"""Objectives in the words of others, read in place: OpenSLO, Sloth and Pyrra documents beside native ones.

This module only tells them apart, so that a workspace without any pays nothing; what they say is read in the others.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from typing import TYPE_CHECKING

from sereno.spec.source import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from sereno.spec.model import Spec
    from sereno.spec.reading import Reading

MARKS = ("openslo", "sloth.slok.dev/", "pyrra.dev/", "prometheus/v1")
"""What stands in every JSON file that holds such a document."""


def dialect_of(node: Node) -> str | None:
    """`openslo`, `sloth` or `pyrra`, if `node` is a document of theirs."""
    if not isinstance(node, Mapping):
        return None
    written, version = node.get("apiVersion"), node.get("version")
    api = written.value if isinstance(written, Scalar) else ""
    if api.startswith("openslo"):
        return "openslo"
    if api.startswith("sloth.slok.dev"):
        return "sloth"
    if api.startswith("pyrra.dev"):
        return "pyrra"
    if not api and isinstance(version, Scalar) and version.value.startswith("prometheus/"):
        return "sloth"
    return None


def foreign_documents(node: Node) -> tuple[Mapping, ...]:
    """The documents of other dialects that `node` is: itself, or those of its list (or `kind: List`) if all are."""
    if dialect_of(node) is not None:
        assert isinstance(node, Mapping)
        kind, items = node.get("kind"), node.get("items")
        if not (isinstance(kind, Scalar) and kind.value.endswith("List") and isinstance(items, Sequence)):
            return (node,)
        node = items
    elif isinstance(node, Mapping):
        kind, items = node.get("kind"), node.get("items")
        if not (isinstance(kind, Scalar) and kind.value == "List" and isinstance(items, Sequence)):
            return ()
        node = items
    found = tuple(item for item in node.items if isinstance(item, Mapping)) if isinstance(node, Sequence) else ()
    known = isinstance(node, Sequence) and found and len(found) == len(node.items)
    return found if known and all(dialect_of(item) for item in found) else ()


def note_names(reading: Reading, documents: Many[Mapping]) -> None:
    """The services that `documents` name are known before anything refers to them."""
    if documents:
        from sereno.spec.dialects.joining import service_names

        for name in service_names(documents):
            reading.names["service"].setdefault(name.value, name)


def joined(reading: Reading, spec: Spec, documents: Many[Mapping]) -> Spec:
    """`spec` with what `documents` promise; what is wrong with them is reported."""
    if not documents:
        return spec
    from sereno.spec.dialects.joining import join

    return join(reading, spec, documents)

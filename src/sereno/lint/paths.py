"""Looking into a tree of values: what stands at a path, as text, number or list; nothing when it is not there."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sereno.lint.model import Edit
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence


def at(node: Node | None, *path: str | int) -> Node | None:
    """The value at `path` below `node`: names lead into mappings, numbers into lists."""
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and -len(node.items) <= step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def items(node: Node | None) -> tuple[Node, ...]:
    """The values of a list; none if `node` is no list."""
    return node.items if isinstance(node, Sequence) else ()


def mappings(node: Node | None) -> tuple[Mapping, ...]:
    """The mappings of a list."""
    return tuple(item for item in items(node) if isinstance(item, Mapping))


def entries(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """Keys and values of a mapping; none if `node` is no mapping."""
    return node.entries if isinstance(node, Mapping) else ()


def key(node: Node | None, name: str) -> Scalar | None:
    """The key `name` of a mapping, where it was written."""
    return next((found for found, _ in entries(node) if found.value == name), None)


def text(node: Node | None) -> str:
    """The text of one value; empty for null, lists and mappings."""
    return node.value if isinstance(node, Scalar) and node.kind != "null" else ""


def texts(node: Node | None) -> tuple[str, ...]:
    """The texts of a list, or the one text that stands in its place."""
    if isinstance(node, Sequence):
        return tuple(text(item) for item in node.items)
    return (text(node),) if text(node) else ()


def number(node: Node | None) -> Fraction | None:
    """The number that a value is, exactly as written; None if it is none."""
    if not isinstance(node, Scalar) or len(node.value) > 40:
        return None
    try:
        return Fraction(node.value)
    except (ValueError, ZeroDivisionError):
        return None


def labels(node: Node | None) -> dict[str, str]:
    """A mapping of texts."""
    return {found.value: text(value) for found, value in entries(node)}


def is_true(node: Node | None) -> bool:
    """Whether the value is written `true`."""
    return text(node).lower() == "true"


def scalars(node: Node | None) -> Iterator[Scalar]:
    """Every single value below `node`, keys left out, in the order written."""
    if isinstance(node, Scalar):
        yield node
    for item in items(node):
        yield from scalars(item)
    for _, value in entries(node):
        yield from scalars(value)


def without_lines(file: File, start: int, end: int) -> Edit:
    """The edit that removes every line on which characters `start` … `end` stand."""
    first, _ = file.place(start)
    last, _ = file.place(max(start, end - 1))
    return Edit(file.starts[first - 1], file.starts[last] if last < len(file.starts) else len(file.text), "")


def masked(file: File, *values: Scalar) -> File:
    """`file` with asterisks in the place of `values`, so that what is reported of it shows no secret."""
    body = file.text
    for value in values:
        hidden = "".join(c if c.isspace() else "*" for c in body[value.start : value.end])
        body = body[: value.start] + hidden + body[value.end :]
    return File(file.name, body, file.shown, file.starts)

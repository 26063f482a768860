"""Runbooks: web addresses, or files inside the spec's folder."""

from __future__ import annotations

from posixpath import dirname, join, normpath

from sereno.spec import values
from sereno.spec.reading import Reading
from sereno.spec.source import Node


def runbook(reading: Reading, node: Node) -> str | None:
    """A web address, or a file's path counted from the spec's folder (in the text it counts from the file)."""
    found = values.text(reading, node)
    if found is None or values.is_url(found):
        return found
    path = normpath(join(dirname(node.file.name), found))
    if "://" in found or "\\" in found or "\0" in found or path.startswith(("/", "..")) or found.startswith("/"):
        reading.complain(
            "SER059",
            node,
            f"`{found[:120]}` is not inside the spec's folder",
            expected="a web address, or a path such as runbooks/api-down.md",
        )
        return None
    if reading.exists is not None and not reading.exists(path):
        reading.complain(
            "SER058",
            node,
            f"there is no file `{path}` in the spec's folder",
            expected="the runbook's file, once written",
        )
        return None
    return path

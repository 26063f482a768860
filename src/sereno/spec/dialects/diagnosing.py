"""One file of another dialect looked at by itself, as its own tools validate it."""

from __future__ import annotations

from sereno.kernel.diagnostics import Diagnostic
from sereno.spec.dialects import foreign_documents
from sereno.spec.dialects.joining import read_all
from sereno.spec.ports import PromqlChecker
from sereno.spec.reading import Reading
from sereno.spec.source import File
from sereno.spec.tree import documents


def diagnose(name: str, text: str, promql: PromqlChecker) -> tuple[Diagnostic, ...]:
    """What is wrong with each OpenSLO, Sloth or Pyrra document in `text`; references may lead to other files.

    Args:
        name: what the file is called in messages.
        text: YAML or JSON.
        promql: knows PromQL.
    """
    reading = Reading(promql)
    reading.partial = True  # what seems to be missing may stand in another file
    file = File.of(name, text)

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        reading.complain_at(code, file, index, length, message, hint=hint)

    found = [node for document in documents(file, complain) for node in foreign_documents(document)]
    if not found and not reading.diagnostics():
        reading.complain_at("SER150", file, 0, 1, "there is no document of OpenSLO, Sloth or Pyrra here")
    read_all(reading, found)
    return reading.diagnostics()

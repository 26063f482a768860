"""The spec read and understood: what its words mean together, not only whether each of them is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sereno.spec.loader import Loaded, load
from sereno.spec.ports import PromqlChecker


def load_meaning(folder: Path, *, promql: PromqlChecker, environment: str = "") -> Loaded:
    """As `spec.loader.load`, with what `slo.checks` has to say of a spec that could be read.

    A mistake among that keeps the spec from being used, as any other does. Raises UsageError if there is no folder.
    """
    loaded = load(folder, promql=promql, environment=environment)
    if loaded.spec is None:
        return loaded
    from sereno.slo.checks import check

    found = check(loaded.spec)
    wrong = any(one.level == "error" for one in found)
    return replace(loaded, spec=None if wrong else loaded.spec, diagnostics=(*loaded.diagnostics, *found))

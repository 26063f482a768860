"""`sereno export openslo|sloth|pyrra`: the spec's objectives in the words of others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sereno.kernel.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sereno.spec.dialects.exporting import Exported
    from sereno.spec.model import Spec


def openslo(
    path: Path = Path("reliability"), *, output: Path | None = None, json: bool = False, force: bool = False
) -> int:
    """Write the services and objectives as OpenSLO v1.

    Exits 1 when there was nothing to write. What OpenSLO cannot say is told on stderr.

    Parameters
    ----------
    path
        The spec's folder.
    output
        The file to write; standard output by default.
    json
        JSON instead of YAML.
    force
        Overwrite the file if it is there.
    """
    from sereno.spec.dialects.exporting_openslo import openslo as write

    return _export(path, write, output, json, force)


def sloth(
    path: Path = Path("reliability"), *, output: Path | None = None, json: bool = False, force: bool = False
) -> int:
    """Write the objectives as Sloth's prometheus/v1, one document a service.

    Exits 1 when there was nothing to write. What Sloth cannot say is told on stderr.

    Parameters
    ----------
    path
        The spec's folder.
    output
        The file to write; standard output by default.
    json
        JSON instead of YAML.
    force
        Overwrite the file if it is there.
    """
    from sereno.spec.dialects.exporting_sloth import sloth as write

    return _export(path, write, output, json, force)


def pyrra(
    path: Path = Path("reliability"), *, output: Path | None = None, json: bool = False, force: bool = False
) -> int:
    """Write the objectives as Pyrra's ServiceLevelObjectives.

    Exits 1 when there was nothing to write. What Pyrra cannot say is told on stderr.

    Parameters
    ----------
    path
        The spec's folder.
    output
        The file to write; standard output by default.
    json
        JSON instead of YAML.
    force
        Overwrite the file if it is there.
    """
    from sereno.spec.dialects.exporting_pyrra import pyrra as write

    return _export(path, write, output, json, force)


def _export(path: Path, write: Callable[[Spec], Exported], output: Path | None, json: bool, force: bool) -> int:
    from sereno.app.importing.writing import write as put
    from sereno.app.promql_checker import Checker
    from sereno.app.settings import load_settings
    from sereno.compiler.text import json_text, yaml
    from sereno.spec.loader import load

    loaded = load(path, promql=Checker(load_settings().promql))
    if loaded.spec is None:
        raise SpecError(loaded.diagnostics)
    found = write(loaded.spec)
    for note in found.notes:
        print(note, file=sys.stderr)
    if not found.documents:
        print("there is no objective that could be written", file=sys.stderr)
        return 1
    text = json_text(found.documents) if json else "---\n".join(yaml(document) for document in found.documents)
    if output is None:
        print(text, end="")
    else:
        put(output.parent, {output.name: text}, force=force)
    return 0

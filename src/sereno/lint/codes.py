"""Every code of the linter, gathered from the modules that define them beside their checks.

A code, once given out, keeps its meaning for ever. SER2xx rules and PromQL, SER3xx Alertmanager, SER4xx dashboards,
SER5xx manifests, SER6xx the quality of alerts, SER7xx Prometheus's own configuration, pipelines and the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sereno.lint.model import Kind


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake. `wrong` is the text of a whole small file of `kind` in which exactly this is found, `right`
    the same file put right, in which nothing is; `why` tells what happens to those who leave it (with what was
    measured), `fixable` whether `--fix` turns `wrong` into `right`."""

    id: str
    title: str
    why: str
    kind: Kind
    wrong: str
    right: str
    level: Literal["error", "warning"] = "warning"
    fixable: bool = False


_TABLES: tuple[tuple[Code, ...], ...] = ()

CODES: dict[str, Code] = {code.id: code for table in _TABLES for code in table}

"""A kind of mistake that the linter finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sereno.lint.model import Kind


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake. `wrong` is the text of a whole small file of `kind` in which exactly this is found, `right`
    the same file put right, in which nothing is; `why` tells what happens to those who leave it (with what was
    measured), `fixable` whether `--fix` turns `wrong` into something in which it is not found any more. `name` is what
    the examples' file is called where that matters; `companions` are codes that `wrong` cannot do without."""

    id: str
    title: str
    why: str
    kind: Kind
    wrong: str
    right: str
    level: Literal["error", "warning"] = "warning"
    fixable: bool = False
    name: str = ""
    companions: tuple[str, ...] = ()

"""The OpenSLO files that its Go SDK publishes, and what the SDK itself makes of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sereno.app.promql_checker import Checker
from sereno.kernel.diagnostics import Diagnostic
from sereno.spec.dialects.diagnosing import diagnose
from sereno.spec.loader import load_text

# The SDK validates each document by itself, and follows references only when it is told to inline them: it does so with
# these files (all of sdk/inline/inputs but one, where the test turns it off).
RESOLVED = "sdk/inline/inputs"
UNRESOLVED = {"custom_config.yaml"}


def files(folder: Path) -> Iterator[tuple[str, bool]]:
    """Each file's name from `folder`, and whether it is right."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".yaml", ".json"):
            name = path.relative_to(folder).as_posix()
            yield name, "invalid" not in name and "v2alpha" not in name


def mistakes(folder: Path, name: str) -> tuple[Diagnostic, ...]:
    """The errors that Sereno finds in a file, its references followed where the SDK follows them."""
    text = (folder / name).read_text()
    if name.startswith(RESOLVED) and Path(name).name not in UNRESOLVED:
        found = load_text({name: text}, promql=Checker()).diagnostics
    else:
        found = diagnose(name, text, Checker())
    return tuple(one for one in found if one.level == "error")

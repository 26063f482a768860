"""`sereno schema`: what editors need to complete and check the spec as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from sereno.kernel.errors import UsageError


def schema(path: Path | None = None, *, out: Path | None = None) -> int:
    """Print the JSON Schema of the spec.

    Editors that speak yaml-language-server take it from a first line `# yaml-language-server: $schema=FILE`, or from
    the setting `yaml.schemas`; see the guide of the spec.

    Args:
        path: a spec whose own names (teams, severities, policies …) are offered, and whose defaults are not asked for.
        out: write it to this file instead.
    """
    from sereno.app.schema import schema as made

    text = json.dumps(_of(path) if path is not None else made(), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return 0
    from sereno.app.files import replace_text

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_text(out, text)
    except OSError as error:
        raise UsageError(f"{out} could not be written: {error.strerror}") from error
    return 0


def _of(path: Path) -> dict[str, object]:
    """The schema for the workspace in the folder `path`; one with mistakes offers no names."""
    from sereno.app.schema import schema as made
    from sereno.app.spec_folder import read_folder

    loaded = read_folder(path)
    return made(loaded.spec, defaults_in(loaded.files))


def defaults_in(files: tuple[Path, ...]) -> dict[str, tuple[str, ...]]:
    """The keys that the workspace's defaults say, by what they are defaults of."""
    from sereno.spec.source import File, Mapping
    from sereno.spec.tree import documents

    found: dict[str, tuple[str, ...]] = {}
    for path in files:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if "defaults" not in text:
            continue
        for node in documents(File.of(path.name, text), lambda *said: None):
            defaults = node.get("defaults") if isinstance(node, Mapping) and node.get("workspace") else None
            if isinstance(defaults, Mapping):
                found |= {
                    key.value: tuple(name.value for name, _ in value.entries)
                    for key, value in defaults.entries
                    if isinstance(value, Mapping) and key.value in ("services", "slos", "alerts")
                }
    return found

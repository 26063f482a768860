"""Everything that is built, judged by whoever reads it: the examples and a workspace that declares everything."""

from __future__ import annotations

import importlib
import inspect
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).parents[1]
Oracle = Callable[[Mapping[str, str], Path], list[str]]
_TIME = timedelta(seconds=15)


def oracles() -> dict[str, Oracle]:
    """Every `check(files, folder)` below tests/oracles, by its module's name."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    found: dict[str, Oracle] = {}
    for path in sorted((ROOT / "tests" / "oracles").glob("*.py")):
        module = importlib.import_module(f"tests.oracles.{path.stem}")
        check = getattr(module, "check", None)
        if check is not None and list(inspect.signature(check).parameters)[:2] == ["files", "folder"]:
            found[path.stem] = check
    return found


def workspaces() -> dict[str, dict[str, str]]:
    """What is built of each workspace for every target that has something to say, by path."""
    from tests.compiler.rich import WHOLE

    from sereno.app.spec_folder import read_folder, read_texts

    loaded = {
        f"examples/{path.parent.name}": read_folder(path) for path in sorted((ROOT / "examples").glob("*/reliability"))
    }
    loaded["rich"] = read_texts({"shop.yaml": WHOLE})
    made: dict[str, dict[str, str]] = {}
    for name, each in loaded.items():
        if each.spec is None:
            raise SystemExit(f"{name}: {each.diagnostics[0].render()}")
        made[name] = _built(each.spec)
    return made


def _built(spec: object) -> dict[str, str]:
    from sereno.app.building import compile_spec
    from sereno.compiler.targets import TARGETS
    from sereno.spec.model import Spec

    assert isinstance(spec, Spec)
    return compile_spec(spec, every=_TIME, language="en", targets=tuple(TARGETS)).files


def measure() -> list[Figure]:
    """Counts of what was checked, and complaints: there must be none."""
    found = oracles()
    from tests.oracles.prometheus import counts

    complaints: list[str] = []
    totals = {"files": 0, "rules": 0, "tests": 0}
    for name, files in workspaces().items():
        totals["files"] += len(files)
        for what, count in counts(files).items():
            totals[what] += count
        for oracle, check in found.items():
            with tempfile.TemporaryDirectory() as folder:
                said = check(files, Path(folder))
            complaints += [f"{name}, {oracle}: {line}" for line in said]
            print(f"{name:<22} {oracle:<14} {len(said)} complaints", file=sys.stderr)
    print("\n".join(line[:2000] for line in complaints), file=sys.stderr)
    return [
        Figure("files built", totals["files"], "", least=1, beside=f"{len(found)} oracles: {', '.join(found)}"),
        Figure("rules checked by promtool", totals["rules"], "", least=1),
        Figure("unit tests passed in promtool", totals["tests"], "", least=1),
        Figure("complaints of the oracles", len(complaints), "", most=0),
    ]

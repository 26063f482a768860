"""`sereno diff`: what would change if the spec were built, and put to work."""

from __future__ import annotations

import json as json_text
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sereno.kernel.errors import SerenoError, SpecError, Unavailable, UsageError
from sereno.kernel.inert import inert_line
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.app.building import Built
    from sereno.app.differing import Change

_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def diff(
    path: Path = Path("reliability"),
    *,
    against: Path | None = None,
    prometheus: str | None = None,
    alertmanager: str | None = None,
    git: str | None = None,
    target: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    every: str = "15s",
    language: Language = "en",
    json: Annotated[bool, Parameter(negative=())] = False,
    environment: str | None = None,
) -> int:
    """Say what would change, rule by rule: on disk, in a Prometheus or Alertmanager that runs, or since a commit.

    Exits 0 when nothing would change, 1 when something would.

    Parameters
    ----------
    path
        The spec's folder.
    against
        What was built before: the folder that `sereno build` wrote; `build` by default.
    prometheus
        The address of a Prometheus whose rules run.
    alertmanager
        The address of an Alertmanager whose configuration is in force.
    git
        A commit, branch or tag: what the spec of then would have been built to.
    target
        What to compare, again for each; by default all that is built.
    every
        How often Prometheus evaluates the rules.
    language
        The language of the texts.
    json
        Print JSON for machines.
    environment
        One of the environments that the workspace declares; by default that of SERENO_ENVIRONMENT.
    """
    from sereno.app.cli.build import compiled, spec_at

    chosen = [one for one in (against, prometheus, alertmanager, git) if one is not None]
    if len(chosen) > 1:
        raise UsageError("one of --against, --prometheus, --alertmanager and --git at a time")
    if prometheus is not None or alertmanager is not None:
        target = ("prometheus",) if prometheus is not None else ("alertmanager",)
    built, _ = compiled(spec_at(path, environment), target=target, every=every, language=language)
    if prometheus is not None:
        found = _of_prometheus(built, prometheus)
    elif alertmanager is not None:
        found = _of_alertmanager(built, alertmanager)
    elif git is not None:
        then, _ = compiled(_spec_of(path, git), target=target, every=every, language=language)
        found = _between(then.files, built)
    else:
        found = _between(_on_disk(against or Path("build"), built), built)
    print(_as_json(found) if json else _as_text(found))
    return 1 if found else 0


def _between(before: dict[str, str], built: Built) -> list[Change]:
    from sereno.app.differing import changes, of_files, rules_in

    after = built.files
    old, new = _rules(before, after), _rules(after, before)
    return [*changes(rules_in(old), rules_in(new)), *of_files(before, after)]


def _rules(files: dict[str, str], others: dict[str, str]) -> dict[str, str]:
    """Those of `files` that hold rules, without those that `others` has just so: in a large workspace nearly all."""
    return {n: text for n, text in files.items() if n.startswith("prometheus/rules/") and others.get(n) != text}


def _on_disk(folder: Path, built: Built) -> dict[str, str]:
    """The files that an earlier build wrote for the targets of `built`."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="`sereno build` writes one; or --prometheus, --git")
    try:
        manifest = json_text.loads((folder / "build.json").read_text(encoding="utf-8"))
        targets = dict(manifest.get("targets", {}))
        names = [n for n in manifest["files"] if targets.get(n) in built.made or n not in targets]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder} is no folder that `sereno build` wrote", hint="--against FOLDER") from error
    root = folder.resolve()
    texts: dict[str, str] = {}
    for name in names:
        file = folder / str(name)
        if file.resolve().is_relative_to(root) and file.is_file():
            texts[str(name)] = file.read_text(encoding="utf-8", errors="replace")
    return texts


def _of_prometheus(built: Built, address: str) -> list[Change]:
    from sereno.app.asking import asked, shown
    from sereno.app.differing import changes, rules_in, rules_running

    try:
        running = rules_running(asked(address, "/api/v1/rules"))
    except ValueError as error:
        raise Unavailable(f"{shown(address)} does not answer as a Prometheus does") from error
    files = {name: text for name, text in built.files.items() if name.startswith("prometheus/rules/")}
    return changes(running, rules_in(files))


def _of_alertmanager(built: Built, address: str) -> list[Change]:
    from sereno.app.asking import asked, shown
    from sereno.app.differing import of_configuration

    name = "alertmanager/alertmanager.yml"
    try:
        running = str(asked(address, "/api/v2/status")["config"]["original"])
        return of_configuration(running, built.files.get(name, "{}"), name)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"{shown(address)} does not answer as an Alertmanager does") from error


def _spec_of(path: Path, reference: str) -> Any:
    """The spec as it was in the commit `reference`. Raises UsageError when git knows none, SpecError for mistakes."""
    from sereno.app.spec_folder import read_texts

    if reference.startswith("-"):
        raise UsageError(f"{reference} is no commit")
    listed = _git(path, "ls-tree", "-r", "--name-only", "-z", reference, ".")
    names = [name for name in listed.split("\0") if name]
    wanted = [name for name in names if name.endswith((".yaml", ".yml")) and not name.startswith(".")]
    files = {name: _git(path, "show", f"{reference}:./{name}") for name in wanted}
    loaded = read_texts(files, exists=set(names).__contains__)
    if loaded.spec is None:
        raise SpecError(loaded.diagnostics)
    return loaded.spec


def _git(path: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 (no shell, and no option from outside)
            ["git", "-C", str(path), *arguments],  # noqa: S607 (whichever git people use)
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SerenoError(f"git cannot be asked: {error}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["git failed"])[-1]
        raise UsageError(inert_line(said), hint="--git takes a commit, branch or tag of the spec's repository")
    return done.stdout


def _as_text(found: list[Change]) -> str:
    if not found:
        return "nothing would change"
    lines = [line for change in found for line in _told(change)]
    counts = {what: sum(change.what == what for change in found) for what in _MARKS}
    lines.append(", ".join(f"{count} {what}" for what, count in counts.items() if count))
    return "\n".join(lines)


def _told(change: Change) -> list[str]:
    lines = [f"{_MARKS[change.what]} {inert_line(change.name)}"]
    for part, (was, becomes) in change.parts.items():
        if change.what == "changed":
            lines.append(f"    {part}")
            lines += [f"      - {inert_line(line)}" for line in was.splitlines()]
            lines += [f"      + {inert_line(line)}" for line in becomes.splitlines()]
    return lines


def _as_json(found: list[Change]) -> str:
    listed = [
        {**asdict(change), "parts": {name: {"was": a, "becomes": b} for name, (a, b) in change.parts.items()}}
        for change in found
    ]
    return json_text.dumps({"changes": listed, "count": len(listed)}, indent=2, ensure_ascii=False)

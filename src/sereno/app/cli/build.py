"""`sereno build`: the spec as files for the tools that run it, each written whole or not at all."""

from __future__ import annotations

import json as json_text
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import SerenoError, SpecError, UsageError
from sereno.kernel.message import Language

_NAMED_MAX = 60
_TOGETHER_MAX = 3

if TYPE_CHECKING:
    from sereno.app.building import Built, Written
    from sereno.spec.model import Spec


def build(
    path: Path = Path("reliability"),
    out: Path = Path("build"),
    *,
    target: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    every: str = "15s",
    language: Language = "en",
    environment: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    listed: Annotated[bool, Parameter(name="--list", negative=())] = False,
) -> int:
    """Write what the spec becomes: rules with their tests, routes, dashboards, manifests.

    Exits 0 when everything that was asked for was written, 1 when the spec has mistakes or there was nothing to write.

    Parameters
    ----------
    path
        The spec's folder.
    out
        Where to write; files that an earlier build wrote there and this one does not are removed.
    target
        What to write, again for each; by default what the workspace names, else Prometheus, Alertmanager, Grafana.
    every
        How often Prometheus evaluates the rules.
    language
        The language of the texts.
    environment
        Which of the environments that the spec declares is built.
    json
        Print JSON for machines.
    listed
        Say what can be written, and write nothing.
    """
    if listed:
        print(_listed(json))
        return 0
    if out.resolve().is_relative_to(path.resolve()):
        raise UsageError(f"{out} is inside the spec's folder, where it would be read as spec", hint="build beside it")
    spec = spec_at(path, environment)
    built, asked = compiled(spec, target=target, every=every, language=language)
    from sereno.app.building import write

    if len(built.files) > _NAMED_MAX and sys.stderr.isatty():
        print(f"writing {len(built.files):,} files below {out} …", file=sys.stderr)
    try:
        done = write(out, built.made, all_targets=not target)
    except OSError as error:
        raise SerenoError(f"nothing was built: {error}") from error
    print(_as_json(built, done) if json else _as_text(built, done, out))
    return 0 if built.files and not set(asked) & set(built.empty) else 1


def spec_at(path: Path, environment: str | None = None) -> Spec:
    """The spec in the folder `path`, as it is in an environment.

    Raises SpecError when it has mistakes, UsageError when there is no such folder.
    """
    from sereno.app.spec_folder import choose_environment, read_folder

    choose_environment(environment)
    loaded = read_folder(path)
    if loaded.spec is None:
        raise SpecError(loaded.diagnostics)
    return loaded.spec


def compiled(
    spec: Spec, *, target: tuple[str, ...], every: str, language: Language
) -> tuple[Built, tuple[str, ...]]:  # fmt: skip
    """What is built of `spec`, and those targets of which nobody would be content with nothing.

    Raises UsageError for an unknown target, or a wrong duration in `every`.
    """
    from sereno.app.building import compile_spec
    from sereno.compiler.targets import wanted_of

    targets = target or wanted_of(spec)
    objectives = sum(len(service.slos) for service in spec.services.values())
    if objectives > _NAMED_MAX and sys.stderr.isatty():
        print(f"compiling {objectives:,} objectives for {', '.join(targets)} …", file=sys.stderr)
    built = compile_spec(spec, every=_interval(every), language=language, targets=targets)
    return built, target or spec.targets or targets[:1]


def _interval(every: str) -> timedelta:
    try:
        interval = parse_duration(every)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not interval:
        raise UsageError("rules cannot be evaluated every 0s", hint="--every 15s")
    return interval


def _listed(json: bool) -> str:
    from sereno.compiler.targets import DEFAULT_TARGETS, TARGETS, described

    texts = {name: described(name) for name in TARGETS}
    if json:
        found = [{"target": name, "default": name in DEFAULT_TARGETS, "writes": text} for name, text in texts.items()]
        return json_text.dumps(found, indent=2, ensure_ascii=False)
    width = max(map(len, texts))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in texts.items())


def _as_text(built: Built, done: Written, out: Path) -> str:
    lines = _wrote(done.changed, out)
    if done.same:
        lines.append(f"{len(done.same)} {'file is' if len(done.same) == 1 else 'files are'} as before")
    lines += [f"removed {out / name}" for name in done.removed]
    lines += [f"left {out / name}: the spec no longer makes it, but someone has changed it" for name in done.kept]
    lines += together(list(dict.fromkeys(note for notes in built.notes.values() for note in notes)))
    lines += [f"nothing to write for {target}" for target in built.empty]
    return "\n".join(lines)


def _wrote(names: Sequence[str], out: Path) -> list[str]:
    """The files that were written; of very many how many there are in each folder."""
    if len(names) <= _NAMED_MAX:
        return [f"wrote {out / name}" for name in names]
    folders = Counter(name.rpartition("/")[0] for name in names)
    return [f"wrote {count:,} file{'s' * (count != 1)} in {out / folder}" for folder, count in folders.items()]


def together(notes: Sequence[str]) -> list[str]:
    """Notes that say the same of several objectives, said once."""
    same: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        head, _, why = note.partition(": ")
        before, _, name = head.rpartition(" ")
        key = (before, why) if why and "/" in name else (note, "")
        same.setdefault(key, []).append(name)
    return [_one(before, why, names) for (before, why), names in same.items()]


def _one(before: str, why: str, names: Sequence[str]) -> str:
    if not why:
        return before
    rest = len(names) - _TOGETHER_MAX
    if rest <= 1:
        return f"{before} {', '.join(names)}: {why}"
    return f"{before} {', '.join(names[:_TOGETHER_MAX])} (+{rest:,}): {why}"


def _as_json(built: Built, done: Written) -> str:
    answer = {
        "files": sorted(built.files),
        "targets": {target: sorted(files) for target, files in built.made.items()},
        "changed": list(done.changed),
        "removed": list(done.removed),
        "kept": list(done.kept),
        "notes": {target: list(notes) for target, notes in built.notes.items()},
        "dropped": [
            {"service": p.service, "slo": p.slo.name, "reason": d.reason, "explanation": d.explanation}
            for p in built.plans
            for d in p.dropped
        ],
    }
    return json_text.dumps(answer, indent=2, ensure_ascii=False)

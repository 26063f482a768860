"""From a spec to files: what each target makes of it, and how that comes to stand on disk, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from sereno.compiler.targets import Request, build
from sereno.kernel.errors import SerenoError
from sereno.kernel.message import Language
from sereno.slo import SloPlan, plans_of
from sereno.spec.model import Spec

MANIFEST = "build.json"


@dataclass(frozen=True)
class Built:
    """Texts by target and by their path below the output folder, and sentences about what was left out, by target."""

    made: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plans: tuple[SloPlan, ...] = ()

    @property
    def files(self) -> dict[str, str]:
        """All texts by path."""
        return {name: text for files in self.made.values() for name, text in files.items()}

    @property
    def empty(self) -> tuple[str, ...]:
        """The targets that made nothing."""
        return tuple(target for target, files in self.made.items() if not files)


def compile_spec(spec: Spec, *, every: timedelta, language: Language, targets: Iterable[str]) -> Built:
    """The texts that `spec` becomes for each of `targets`, rules evaluated every `every`; nothing is written.

    Raises UsageError for an unknown target.
    """
    plans = plans_of(spec, evaluation_interval=every, language=language)
    request = Request(spec, plans, every, language)
    outputs = {name: build(name, request) for name in dict.fromkeys(targets)}
    if "prometheus" in outputs:
        from sereno.app.building_tests import with_alert_tests

        outputs["prometheus"] = with_alert_tests(request, outputs["prometheus"])
    seen: dict[str, tuple[str, str]] = {}
    for target, output in outputs.items():
        for name in output.files:
            if name.casefold() in seen or not _is_inside(name):  # to macOS and Windows `Api.yml` is `api.yml`
                before, other = seen.get(name.casefold(), (target, name))
                raise SerenoError(f"the targets {before} and {target} both write {name}", hint=_same_file(name, other))
            seen[name.casefold()] = target, name
    return Built(
        {name: dict(output.files) for name, output in outputs.items()},
        {name: output.notes for name, output in outputs.items() if output.notes},
        plans,
    )


def _same_file(name: str, other: str) -> str | None:
    return f"{other} is the same file where upper and lower case are one: change a name" if name != other else None


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


@dataclass(frozen=True)
class Written:
    """What came of writing: files new or changed, left as they were, removed, and stale ones that people changed."""

    changed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def write(out: Path, made: Mapping[str, Mapping[str, str]], *, all_targets: bool = True) -> Written:
    """Put the files of each target below `out`, each replaced whole, and remove what only earlier builds wrote there.

    Args:
        out: the folder; it is made.
        made: texts by target and path.
        all_targets: whether files of targets that are not in `made` are stale too.

    All texts are on disk before the first is put in its place. What is stale but was changed since stays.
    Raises OSError; the files of before are then whole.
    """
    files = {name: text for texts in made.values() for name, text in texts.items()}
    _must_stay_inside(out, files)
    sums = {name: sha256(text.encode()).hexdigest() for name, text in files.items()}
    earlier, targets = _earlier(out)
    stale = {
        name for name in earlier if name not in files and (all_targets or targets.get(name) in (None, *made))
    }  # fmt: skip
    changed = {name: text for name, text in files.items() if _sum(out / name) != sums[name]}
    waiting: dict[str, Path] = {}
    try:
        for name, text in changed.items():
            waiting[name] = _prepared(out / name, text)
        # A build that is killed from here on leaves a manifest that knows all its files.
        _replace(out / MANIFEST, _manifest({**earlier, **sums}, {**targets, **_targets(made)}))
        for name in changed:
            waiting.pop(name).replace(out / name)
    finally:
        for path in waiting.values():
            path.unlink(missing_ok=True)
    kept = tuple(sorted(name for name in stale if _sum(out / name) not in (None, earlier[name])))
    removed = tuple(sorted(stale - set(kept)))
    for name in removed:
        _remove(out, out / name)
    left = {name: known for name, known in earlier.items() if name not in stale}
    _replace(out / MANIFEST, _manifest({**left, **sums}, {**targets, **_targets(made)}))
    return Written(tuple(changed), tuple(name for name in files if name not in changed), removed, kept)


def _must_stay_inside(out: Path, names: Iterable[str]) -> None:
    """Raises OSError where a link below `out` leads out of it: what stands there is somebody else's."""
    root = out.resolve()
    for folder in sorted({(out / name).parent for name in names}):
        if not folder.resolve().is_relative_to(root):
            raise OSError(f"{folder} is a link that leads out of {out}")


def _targets(made: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: target for target, texts in made.items() for name in texts}


def _manifest(sums: Mapping[str, str], targets: Mapping[str, str]) -> str:
    names = sorted(sums)
    answer = {
        "files": {name: sums[name] for name in names},
        "targets": {name: targets[name] for name in names if name in targets},
    }
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def _earlier(out: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The sums and the targets of the files that an earlier build wrote and that are still there."""
    try:
        read = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        sums, targets = dict(read["files"]), dict(read.get("targets", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}
    # Only what lies below `out`: a manifest is a file that anyone may have edited.
    root = out.resolve()
    below = {
        name: str(known)
        for name, known in sums.items()
        if (out / name).resolve().is_relative_to(root) and (out / name).is_file()
    }
    return below, {name: str(targets[name]) for name in below if name in targets}


def _sum(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _prepared(path: Path, text: str) -> Path:
    """`text` in a temporary file beside `path`, on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Path(temporary)


def _replace(path: Path, text: str) -> None:
    _prepared(path, text).replace(path)


def _remove(out: Path, path: Path) -> None:
    """Remove the file, and the folders below `out` that are empty without it."""
    path.unlink(missing_ok=True)
    folder = path.parent
    while folder != out and out in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent

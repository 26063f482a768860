"""One run of `sereno check`: the spec by its loader, everything else by the linter, told together."""

from __future__ import annotations

import difflib
import json as json_text
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sereno.app.checking_flags import flag_findings
from sereno.app.checking_folders import around, spec_folders
from sereno.kernel.errors import UsageError
from sereno.kernel.inert import inert, numbered
from sereno.lint.model import Context, Finding

if TYPE_CHECKING:
    from sereno.app.linting import Linted
    from sereno.spec.loader import Loaded


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. `loaded` is the one spec, if that was asked for, and `folder` where it stands; `findings` are
    all, in the order of places."""

    loaded: Loaded | None
    findings: tuple[Finding, ...]
    linted: Linted
    summary: str
    folder: Path | None = None

    def exit_code(self, *, strict: bool) -> int:
        """1 if there is a mistake; with `strict` also for a warning."""
        errors = [f for f in self.findings if strict or f.diagnostic.level == "error"]
        return 1 if errors or (self.loaded is not None and self.loaded.spec is None) else 0

    @property
    def others(self) -> str:
        """What was checked that is no part of a spec, and how much nobody knows."""
        from sereno.app.linting import counted

        kinds: dict[str, int] = {}
        for document in self.linted.documents:
            of_spec = document.kind == "spec" or (document.kind == "runbook" and self._inside(document.file.name))
            if not of_spec:
                kinds[document.kind] = kinds.get(document.kind, 0) + 1
        return counted(kinds, self.linted.unknown)

    def _inside(self, name: str) -> bool:
        """Whether the file stands in the folder of the one spec."""
        return self.folder is not None and Path(name).is_relative_to(self.folder)

    def write(self) -> None:
        """Write the files that were put right. Raises OSError."""
        from sereno.app.linting import write

        for path, mended in self.linted.mended.items():
            write(path, mended.text, marked=path in self.linted.marked)

    def changes(self) -> str:
        """What would be written, as a unified diff."""
        parts = []
        for path, mended in self.linted.mended.items():
            before = self.linted.before[path].splitlines(keepends=True)
            lines = difflib.unified_diff(before, mended.text.splitlines(keepends=True), str(path), str(path))
            parts.append("".join(line if line.endswith("\n") else line + "\n" for line in lines))
        return inert("".join(parts)).rstrip("\n")

    def about_fixes(self, *, dry_run: bool) -> str:
        """How much was put right, or could be."""
        count = sum(len(mended.fixed) for mended in self.linted.mended.values())
        if count:
            files = len(self.linted.mended)
            did = "would be put right" if dry_run else "put right"
            return f"{count} {did} in {files} file{'s' * (files != 1)}"
        fixable = sum(bool(finding.edits) for finding in self.findings)
        return f"{fixable} of these can be put right by --fix (--dry-run shows how)" if fixable else ""

    def as_json(self, of_spec: str | None) -> str:
        """Everything for machines: what `sereno check` says of a spec, and the linter's findings."""
        from sereno.app.sarif import plain

        answer: dict[str, Any] = json_text.loads(of_spec) if of_spec else {}
        answer["ok"] = self.exit_code(strict=False) == 0
        answer["files"] = sorted({*answer.get("files", ()), *map(str, self.linted.files)})
        answer["diagnostics"] = plain(self.findings)
        answer["kinds"] = self.linted.kinds
        answer["unknown"] = self.linted.unknown
        answer["fixed"] = {str(path): len(mended.fixed) for path, mended in self.linted.mended.items()}
        return numbered(json_text.dumps(answer, indent=2, ensure_ascii=False))


def checked(
    paths: Sequence[Path], *, select: Sequence[str] = (), ignore: Sequence[str] = (), fix: bool = False,
    history: Path | None = None, incidents: Path | None = None,
) -> Checked:  # fmt: skip
    """Check what `paths` mean.

    Args:
        paths: folders, files and patterns; a folder that holds a spec is read as such, and what else is in it linted.
        select: beginnings of the codes that are wanted; all if there is none.
        ignore: beginnings of the codes that are not.
        fix: put right what safely can be, without writing.
        history: samples over which rules are replayed.
        incidents: when people really suffered, for `history`.

    Raises UsageError for paths that are not there and words that are no codes.
    """
    from sereno.app.linting import chosen_by, run, summary

    chosen = chosen_by(select, ignore)
    _must_be_there(paths)
    folders = list(dict.fromkeys(folder for path in paths if path.is_dir() for folder in spec_folders(path)))
    loads = {folder: _load(folder) for folder in (*folders, *around(paths, folders))}
    specs = [loaded.spec for loaded in loads.values() if loaded.spec is not None] or _nearby(loads)
    context = Context(spec=specs[0] if specs else None, exists=_exists(paths, loads))
    if history is not None:
        from sereno.app.linting_history import recalled

        context = recalled(context, paths, history, incidents)
    linted = run(paths, context=context, fix=fix, chosen=chosen)
    loads = {folder: _without_judged(loaded, linted) for folder, loaded in loads.items()}
    told = _told(loads, folders, linted)
    beside = tuple(f for f in linted.findings if not _said_by_loader(f, loads))
    beside += tuple(f for f in _outside(linted, loads) if chosen(f.diagnostic.code))
    beside += tuple(f for f in flag_findings([loads[folder] for folder in folders]) if chosen(f.diagnostic.code))
    findings = tuple(sorted((*filter(lambda f: chosen(f.diagnostic.code), told), *beside), key=_place))
    only = loads[folders[0]] if len(paths) == 1 and len(folders) == 1 else None
    return Checked(
        only, findings, linted, summary(linted, [f.diagnostic for f in findings]), folders[0] if only else None
    )


def _must_be_there(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists() and not any(c in str(path) for c in "*?["):
            what = "file or folder" if path.suffix else "folder"
            raise UsageError(f"there is no {what} {path}", hint="`sereno init` writes a first spec")


def _load(folder: Path) -> Loaded:
    from sereno.app.spec_folder import read_everywhere

    return read_everywhere(folder)


def _nearby(loads: dict[Path, Loaded]) -> list[Any]:
    """The spec of the working directory, for its severities, objectives and runbooks."""
    folder = Path("reliability")
    if loads or not folder.is_dir():
        return []
    spec = _load(folder).spec
    return [spec] if spec is not None else []


def _exists(paths: Sequence[Path], loads: dict[Path, Loaded]) -> Any:
    """Whether a file that a rule names is there: counted from the working directory, or from a folder that is read."""
    roots = [Path(), Path("reliability"), *loads, *(path if path.is_dir() else path.parent for path in paths)]

    def exists(name: str) -> bool:
        try:
            return any((root / name).is_file() for root in roots)
        except OSError:
            return False

    return exists


def _told(loads: dict[Path, Loaded], folders: Sequence[Path], linted: Linted) -> list[Finding]:
    """What the loader says: of whole folders, and of single files that were named."""
    named = {str(path) for path in linted.files}
    return [
        Finding(d) for folder, loaded in loads.items() for d in loaded.diagnostics
        if folder in folders or d.file in named
    ]  # fmt: skip


def _said_by_loader(finding: Finding, loads: dict[Path, Loaded]) -> bool:
    """Whether the loader has judged the same file: its grammar, and what is of no kind."""
    d = finding.diagnostic
    if d.code > "SER099" and d.code != "SER200":
        return False
    return any(str(path) == d.file for loaded in loads.values() for path in loaded.files)


def _without_judged(loaded: Loaded, linted: Linted) -> Loaded:
    """What the loader said, but for what it skipped and the linter has judged."""
    judged = {str(document.file.shown) for document in linted.documents if document.kind != "spec"}
    kept = tuple(
        one for one in loaded.diagnostics
        if one.code != "SER011" or one.file not in judged or "is not read yet; it is skipped" not in one.message
    )  # fmt: skip
    return replace(loaded, diagnostics=kept)


def _outside(linted: Linted, loads: dict[Path, Loaded]) -> list[Finding]:
    """What is written as a spec and stands in none of those that were read."""
    from sereno.lint.reporting import Report

    read = {path.resolve() for loaded in loads.values() for path in loaded.files}
    report = Report()
    for document in linted.documents:
        if document.kind == "spec" and document.node is not None and Path(document.file.name).resolve() not in read:
            message = "this is written as a spec but stands in the folder of none: it was not checked"
            report.complain("SER200", document.node, message, hint="name its folder to have it checked")
    return list(report.findings())


def _place(finding: Finding) -> tuple[str, int, int, str]:
    d = finding.diagnostic
    return d.file, d.line, d.column, d.code

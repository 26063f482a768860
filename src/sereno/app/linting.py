"""Files as the linter sees them: gathered, read, checked, mended and written back."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import UsageError
from sereno.lint.documents import BYTES_MAX, SUFFIXES, Read, read
from sereno.lint.fixing import Mended, mend
from sereno.lint.lint import lint, unignored
from sereno.lint.model import Context, Document, Finding
from sereno.lint.reporting import Report
from sereno.spec.source import File

FILES_MAX = 20_000
_SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "vendor"})
_BOM = "\ufeff"
_NAMES: Mapping[str, tuple[str, str]] = {
    "alertmanager": ("Alertmanager configuration", "Alertmanager configurations"),
    "compose": ("Compose file", "Compose files"),
    "dashboard": ("dashboard", "dashboards"),
    "kubernetes": ("Kubernetes object", "Kubernetes objects"),
    "pipeline": ("pipeline", "pipelines"),
    "prometheus": ("Prometheus configuration", "Prometheus configurations"),
    "promql": ("file of PromQL", "files of PromQL"),
    "prose": ("text", "texts"),
    "rules": ("document of rules", "documents of rules"),
    "runbook": ("runbook", "runbooks"),
    "spec": ("document of a spec", "documents of a spec"),
}
Chosen = Callable[[str], bool]
"""Whether a code is wanted."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its text as it is decoded, what could not be decoded, and whether a byte order mark stood first."""

    path: Path
    text: str
    findings: tuple[Finding, ...] = ()
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Linted:
    """What came of linting: findings in the order of places; the kinds of documents and how many; files that are of no
    kind; what was, or would be, written: old and new text by path; which files begin with a byte order mark; and the
    documents themselves."""

    findings: tuple[Finding, ...]
    files: tuple[Path, ...]
    kinds: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    mended: dict[Path, Mended] = field(default_factory=dict)
    before: dict[Path, str] = field(default_factory=dict)
    marked: frozenset[Path] = frozenset()
    documents: tuple[Document, ...] = ()


def gather(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files that `paths` mean: files as they are, folders with all below them that may be checked, patterns.

    Raises UsageError for a path that is not there, and for more files than anyone means to check.
    """
    found: dict[Path, None] = {}
    for path in paths:
        for one in _meant(path):
            found.setdefault(one)
            if len(found) > FILES_MAX:
                raise UsageError(f"more than {FILES_MAX:,} files are meant by this", hint="name a smaller folder")
    return tuple(found)


def _meant(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return _below(path)
    if path.exists():
        return (path,)
    matches = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not matches:
        raise UsageError(f"there is no file or folder {path}")
    return [inner for match in matches for inner in (_below(match) if match.is_dir() else (match,))]


def _below(folder: Path) -> list[Path]:
    """The files below a folder that may be checked, in a fixed order; hidden ones and others' code left out."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        found += [Path(parent, n) for n in sorted(names) if not n.startswith(".") and n.lower().endswith(SUFFIXES)]
    return [path for path in found if path.is_file()]


def load_source(path: Path) -> Source:
    """The text of a file; empty, with the reason among the findings, if it cannot be read."""
    try:
        with path.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
    except OSError as error:
        return _refused(path, "SER001", error.strerror or "it cannot be read")
    if len(content) > BYTES_MAX:
        return _refused(path, "SER002", f"the file is larger than {BYTES_MAX // 1_000_000} MB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _refused(path, "SER001", f"byte 0x{content[error.start]:02X} is not UTF-8", error.start)
    return Source(path, text.removeprefix(_BOM), marked=text.startswith(_BOM))


def _refused(path: Path, code: str, message: str, index: int = 0) -> Source:
    report = Report()
    report.complain_at(code, File.of(str(path), ""), index, 1, message)
    return Source(path, "", report.findings())


def run(
    paths: Sequence[Path], *, context: Context | None = None, fix: bool = False, chosen: Chosen = lambda code: True,
) -> Linted:  # fmt: skip
    """Check the files that `paths` mean, all together.

    Args:
        paths: files, folders and patterns.
        context: the workspace and what else is known.
        fix: put right what safely can be; nothing is written here.
        chosen: whether findings of a code are wanted.

    Raises UsageError as `gather` does.
    """
    sources = [load_source(path) for path in gather(paths)]
    reads = {source.path: read(str(source.path), source.text) for source in sources if not source.findings}
    context = context or Context()
    before = {source.path: source.text for source in sources}
    marked = frozenset(source.path for source in sources if source.marked)
    mended: dict[Path, Mended] = {}
    if fix:
        mended = _mended(sources, reads, context, chosen)
    documents = [document for one in reads.values() for document in one.documents]
    findings = [finding for source in sources for finding in source.findings]
    for one in reads.values():
        findings += unignored(one.findings, one.documents)
    findings += lint(documents, replace(context, documents=tuple(documents)))
    kinds: dict[str, int] = {}
    for document in documents:
        kinds[document.kind] = kinds.get(document.kind, 0) + 1
    wanted = tuple(f for f in _ordered(findings) if chosen(f.diagnostic.code))
    unknown = sum(one.unknown for one in reads.values())
    return Linted(
        wanted, tuple(source.path for source in sources), kinds, unknown, mended, before, marked, tuple(documents)
    )


def _mended(sources: Sequence[Source], reads: dict[Path, Read], context: Context, chosen: Chosen) -> dict[Path, Mended]:
    """Every file put right in turn, beside the others as they then are; `reads` follows."""
    found: dict[Path, Mended] = {}
    for source in sources:
        one = reads.get(source.path)
        if one is None:
            continue
        others = tuple(d for path, other in reads.items() if path != source.path for d in other.documents)
        result = mend(source.text, _look(source.path, others, context, chosen))
        if result.text != source.text:
            found[source.path] = result
            reads[source.path] = read(str(source.path), result.text)
    return found


def _look(
    path: Path, others: tuple[Document, ...], context: Context, chosen: Chosen
) -> Callable[[str], tuple[Finding, ...]]:
    def look(text: str) -> tuple[Finding, ...]:
        one = read(str(path), text)
        beside = replace(context, documents=(*others, *one.documents))
        found = (*unignored(one.findings, one.documents), *lint(one.documents, beside))
        return tuple(finding for finding in found if chosen(finding.diagnostic.code))

    return look


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    def place(finding: Finding) -> tuple[str, int, int, str]:
        d = finding.diagnostic
        return d.file, d.line, d.column, d.code

    return sorted(findings, key=place)


def write(path: Path, text: str, *, marked: bool = False) -> None:
    """Put `text` into the file in one move, with the rights that it had. Raises OSError."""
    held = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=held.parent, prefix=f".{held.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(((_BOM if marked else "") + text).encode())
            opened.flush()
            os.fsync(opened.fileno())
        os.chmod(name, held.stat().st_mode & 0o7777)
        os.replace(name, held)
    except BaseException:
        os.unlink(name)
        raise


def chosen_by(select: Sequence[str], ignore: Sequence[str]) -> Chosen:
    """Whether a code begins with one of `select` (all, if there is none) and with none of `ignore`.

    Raises UsageError for what is no beginning of a code.
    """
    for word in (*select, *ignore):
        if re.fullmatch(r"SER[0-9]{0,3}", word) is None:
            raise UsageError(f"`{word}` is no code, nor the beginning of one", hint="such as SER2 or SER213")

    def wanted(code: str) -> bool:
        return (not select or code.startswith(tuple(select))) and not code.startswith(tuple(ignore))

    return wanted


def summary(linted: Linted, diagnostics: Sequence[Diagnostic]) -> str:
    """One line: what was found, in how much of what."""
    errors = sum(d.level == "error" for d in diagnostics)
    documents = counted(linted.kinds, linted.unknown) or "nothing"
    return f"{_many(errors, 'mistake')}, {_many(len(diagnostics) - errors, 'warning')}; checked: {documents}"


def counted(kinds: Mapping[str, int], unknown: int) -> str:
    """How many documents there are of each kind, and of none; "" if there are none at all."""
    known = ", ".join(f"{count} {_NAMES[kind][count != 1]}" for kind, count in sorted(kinds.items()))
    return "; ".join(filter(None, (known, f"{_many(unknown, 'document')} of no known kind" if unknown else "")))


def _many(number: int, name: str) -> str:
    return f"{number or 'no'} {name}{'' if number == 1 else 's'}"

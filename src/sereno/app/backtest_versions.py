"""The spec as it is, as it was at a git ref, or as it stands in another folder; and rule files in its place."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sereno.kernel.errors import SpecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sereno.insight.model import Case, Incident, Question
    from sereno.kernel.diagnostics import Diagnostic
    from sereno.kernel.message import Language
    from sereno.promql import Settings
    from sereno.spec.model import Spec
    from sereno.spec.rule_groups import RuleGroup

ARCHIVE_BYTES_MAX = 200_000_000
REF_CHARS_MAX = 4000


@dataclass(frozen=True)
class Version:
    """What is judged: a spec, and if `groups` is given, rule files instead of the spec's own rules.

    `diagnostics` are what the rule files' readers have to say: rules that are wrong are left out and told of.
    """

    spec: Spec
    groups: tuple[RuleGroup, ...] | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    folder: Path | None = None

    def cases(
        self,
        question: Question,
        *,
        language: Language,
        incidents: Sequence[Incident] | None,
        services: Sequence[str] | None = None,
    ) -> tuple[Case, ...]:
        """The cases of this version."""
        from sereno.insight.cases import case_of_files, cases_of

        if self.groups is not None:
            return (case_of_files(self.groups, incidents=incidents),)
        return cases_of(
            self.spec, interval=question.interval, language=language, incidents=incidents, services=services
        )


def read_version(path: Path, spec_folder: Path, promql: Settings | None = None) -> Version:
    """What `path` holds: a spec's folder, or a file or folder of Prometheus rules, judged with the spec's people.

    Raises SpecError with every mistake of a spec, or of rule files that hold no good rule; UsageError when there is
    nothing at `path`.
    """
    files = _rule_files(path)
    if files is None:
        return Version(_spec(path, promql), folder=path)
    from sereno.app.promql_checker import Checker
    from sereno.spec.model import Spec
    from sereno.spec.rule_files import read_rules

    read = [read_rules(str(file), file.read_bytes(), promql=Checker(promql)) for file in files]
    groups = tuple(group for one in read for group in one.groups if group.rules)
    found = tuple(diagnostic for one in read for diagnostic in one.diagnostics)
    if not groups:
        if found:
            raise SpecError(found)
        raise UsageError(f"{path} holds no rule")
    spec = _spec(spec_folder, promql) if spec_folder.is_dir() else Spec()
    return Version(spec, groups, found)


@contextmanager
def version_at(
    ref: str, path: Path, spec_folder: Path, promql: Settings | None = None
) -> Iterator[Version]:  # fmt: skip
    """What `path` held at the git ref `ref`; or, if `ref` is a folder or file itself, what that holds."""
    if not ref.strip() or len(ref) > REF_CHARS_MAX:
        raise UsageError("that is no git ref", hint="--compare takes a git ref, or a folder")
    other = Path(ref)
    if _exists(other):
        yield read_version(other, spec_folder, promql)
        return
    with tempfile.TemporaryDirectory(prefix="sereno-") as made:
        root = _top(path)
        _extract(root, ref, [path.resolve(), *([spec_folder.resolve()] if spec_folder.is_dir() else [])], Path(made))
        moved = Path(made) / path.resolve().relative_to(root)
        folder = spec_folder.resolve()
        inside = Path(made) / folder.relative_to(root) if folder.is_relative_to(root) else folder
        if not moved.exists():
            raise UsageError(f"{path} did not exist at {ref}", hint="name a ref at which it did")
        yield read_version(moved, inside, promql)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for a file may still be a ref
        return False


def _rule_files(path: Path) -> list[Path] | None:
    """The rule files at `path`; None if it is a spec."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"there is nothing at {path}", hint="`sereno init` writes a first spec")
    files = sorted(
        one for one in path.rglob("*") if one.suffix.lower() in (".yaml", ".yml", ".rules") and one.is_file()
    )
    holding = [one for one in files if _holds_groups(one)]
    return holding if holding and len(holding) == len(files) else None


def _holds_groups(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return any(line.startswith(("groups:", "kind: PrometheusRule")) for line in lines)
    except OSError:
        return False


def _spec(folder: Path, promql: Settings | None) -> Spec:
    from sereno.app.spec_folder import read_folder

    loaded = read_folder(folder, promql=promql)
    if loaded.spec is None:
        raise SpecError(loaded.diagnostics)
    return loaded.spec


def _top(path: Path) -> Path:
    where = path if path.is_dir() else path.parent
    return Path(_git(where, "rev-parse", "--show-toplevel").decode().strip())


def _extract(root: Path, ref: str, paths: Sequence[Path], into: Path) -> None:
    """The files below `paths` as they were at `ref`, into `into`. Raises UsageError when git does not know the ref."""
    names = sorted({path.relative_to(root).as_posix() for path in paths if path.is_relative_to(root)})
    if ref.startswith("-"):
        raise UsageError(f"{ref} is no git ref")
    commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    there = [name for name in names if _git(root, "ls-tree", "--name-only", commit, "--", name)]
    if not there:
        return
    packed = _git(root, "archive", "--format=tar", commit, "--", *there)
    if len(packed) > ARCHIVE_BYTES_MAX:
        raise UsageError(f"what stands there at {ref} is more than {ARCHIVE_BYTES_MAX:,} bytes")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            _unpack(archive, member, into.resolve())


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """Write the member if it lies, and leads, below `into`; links that lead elsewhere are left out.

    By hand: the filters of tarfile came with Python 3.11.4, later than Debian 12's.
    """
    target = into / member.name
    if not target.parent.resolve().is_relative_to(into) or not target.resolve().is_relative_to(into):
        return
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member) if member.isfile() else None
    if content is not None:
        target.write_bytes(content.read())
    elif member.issym() and (target.parent / member.linkname).resolve().is_relative_to(into):
        target.symlink_to(member.linkname)


def _git(where: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - git, with arguments that are not options
            ["git", "--literal-pathspecs", "-C", str(where), *arguments],  # noqa: S607
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"git cannot be run: {error}", hint="--compare also takes a folder") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"]
        raise UsageError(f"git says: {said[-1][:200]}", hint="--compare takes a git ref, or a folder")
    return done.stdout

"""The rule files that an installation names: found, read, and read again when they change."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sereno.alerts.groups import LiveGroup, prepare
from sereno.kernel.diagnostics import Diagnostic
from sereno.promql import Settings
from sereno.spec.rule_files import RULE_FILE_BYTES_MAX, RuleFile, read_rules
from sereno.spec.rule_groups import RuleGroup

Seen = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class RuleFiles:
    """The groups in force. `seen` are the files as they were when they were last read.

    At the first reading every rule that is right is run. Afterwards a file with a mistake leaves what it held before
    in force: a slip of the pen must not resolve the alerts of a rule that is still meant.
    """

    patterns: tuple[str, ...]
    folder: Path
    groups: tuple[LiveGroup, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    seen: Seen = ()
    promql: Settings | None = None
    _good: dict[str, RuleFile] = field(default_factory=dict)
    _prepared: dict[RuleGroup, LiveGroup] = field(default_factory=dict)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The files that have mistakes: what else they mean to say is not known."""
        return tuple(name for name, file in self._good.items() if not file.good)

    def find(self) -> tuple[Path, ...]:
        """The files that the patterns name now, in order, each once; patterns count from the spec's folder."""
        return found_files(self.patterns, self.folder)

    def look(self) -> bool:
        """Read what has changed since the last time. True if the groups in force are others now."""
        paths = self.find()
        seen = tuple(stamp for path in paths if (stamp := _stamp(path)) is not None)
        if seen == self.seen and self.groups:
            return False
        changed = {stamp[0] for stamp in set(seen) - set(self.seen)}
        known, self._good = self._good, {}
        diagnostics: list[Diagnostic] = []
        for path in paths:
            name = str(path)
            fresh = read_file(path, promql=self.promql) if name in changed or name not in known else known[name]
            diagnostics += fresh.diagnostics
            kept = fresh if fresh.good or name not in known else RuleFile(known[name].groups, fresh.diagnostics)
            self._good[name] = kept
        self.seen, self.diagnostics = seen, tuple(diagnostics)
        return self._adopt([group for file in self._good.values() for group in file.groups])

    def _adopt(self, groups: Sequence[RuleGroup]) -> bool:
        self._prepared = {group: self._prepared.get(group) or prepare(group, self.promql) for group in groups}
        before, self.groups = self.groups, tuple(self._prepared.values())
        return before != self.groups


def found_files(patterns: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """The files that `patterns` (globs; `**` goes into folders) name, counted from `folder`; in order, each once."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        for path in sorted(set(_globbed(pattern, folder))):
            if path.is_file():
                found[path] = None
    return tuple(found)


def _globbed(pattern: str, folder: Path) -> Iterator[Path]:
    """What `pattern` names. `**` goes into folders but not through links to folders, which may lead in circles; links
    to files, and patterns that leave `folder`, are the operator's own will."""
    parts = Path(pattern).parts
    if "**" not in parts:
        yield from (folder / path for path in glob.glob(pattern, root_dir=folder))
        return
    place = parts.index("**")
    rest = parts[place + 1 :]
    while rest[:1] == ("**",):
        rest = rest[1:]
    bases = _globbed(str(Path(*parts[:place])), folder) if place else iter((folder,))
    for base in bases:
        for here, inside, _ in os.walk(base):
            inside[:] = [name for name in inside if not name.startswith(".")]
            yield from _globbed(str(Path(*rest)) if rest else "*", Path(here))


def read_file(path: Path, *, strict: bool = True, promql: Settings | None = None) -> RuleFile:
    """The rules of one file. One that cannot be opened has a diagnostic and no groups; unless `strict`, keys that
    mean nothing are overlooked. Expressions must be such as are computed under `promql`."""
    from sereno.app.promql_checker import Checker

    try:
        with path.open("rb") as opened:
            content = opened.read(RULE_FILE_BYTES_MAX + 1)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        return RuleFile((), (Diagnostic("SER001", why, str(path), 1, 1),))
    return read_rules(str(path), content, promql=Checker(promql), strict=strict)


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return str(path), told.st_mtime_ns, told.st_size

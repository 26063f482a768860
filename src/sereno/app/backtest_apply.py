"""A variant put into the spec's own text: shown first, written whole, read again."""

from __future__ import annotations

import difflib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sereno.app.backtest import Answer
from sereno.insight.model import Tried
from sereno.kernel.errors import SpecError, UsageError
from sereno.promql import Settings
from sereno.slo import SloPlan, plans_of


@dataclass(frozen=True)
class Change:
    """One file of the spec as it is and as it would be."""

    file: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """What changes, as `diff -u` writes it."""
        name = str(self.file)
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), name, name
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def change_for(answer: Answer, number: int, name: str | None) -> Change:
    """What variant `number` changes. `name` (service/objective) says of which objective when several were tried.

    Raises UsageError for a number or a name that there is not; SpecError if the changed spec would be wrong.
    """
    plan, one = _chosen(answer, number, name)
    folder = answer.version.folder
    source = plan.slo.source
    if folder is None or source is None:
        raise UsageError("only a spec's own objectives can be changed")
    from sereno.insight.editing import edited

    file = folder / source.file
    before = file.read_bytes().decode("utf-8")
    after = edited(source.file, before, plan, one.variant)
    _check(folder, source.file, after, answer.question.settings)
    return Change(file, before, after)


def write(change: Change) -> None:
    """Replace the file, whole or not at all. Raises UsageError if somebody has changed it meanwhile."""
    if change.file.read_bytes().decode("utf-8") != change.before:
        raise UsageError(f"{change.file} has changed meanwhile", hint="run it again")
    mode = change.file.stat().st_mode
    target = change.file.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(change.after.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode & 0o777)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _chosen(answer: Answer, number: int, name: str | None) -> tuple[SloPlan, Tried]:
    tried = {f"{one.service}/{one.slo}": one for case in answer.report.cases for one in case.explored}
    if not tried:
        raise UsageError("no variant was tried", hint="--what-if tries some")
    if name is None and len(tried) > 1:
        raise UsageError("several objectives were tried", hint=f"say which: --slo {' | '.join(tried)}")
    key = name or next(iter(tried))
    if key not in tried:
        raise UsageError(f"{key} was not tried", hint=f"--slo {' | '.join(tried)}")
    variants = {one.number: one for one in tried[key].tried}
    if number not in variants:
        raise UsageError(f"there is no variant {number} of {key}", hint=f"0 to {max(variants)}")
    question = answer.question
    plans = plans_of(answer.version.spec, evaluation_interval=question.interval, language=question.language)
    return next(plan for plan in plans if f"{plan.service}/{plan.slo.name}" == key), variants[number]


def _check(folder: Path, name: str, text: str, promql: Settings | None) -> None:
    """Raise SpecError if the spec in `folder`, with `name` holding `text`, has mistakes."""
    from sereno.app.spec_folder import read_texts

    found = sorted(one for one in folder.rglob("*") if one.suffix.lower() in (".yaml", ".yml") and one.is_file())
    visible = [one for one in found if not any(part.startswith(".") for part in one.relative_to(folder).parts)]
    texts = {one.relative_to(folder).as_posix(): one.read_text(encoding="utf-8-sig") for one in visible}
    loaded = read_texts({**texts, name: text}, promql=promql, exists=lambda path: (folder / path).is_file())
    if loaded.spec is None:
        raise SpecError(loaded.diagnostics)

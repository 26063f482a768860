"""`sereno test --generate`: unit tests for rules that have none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno.promql import Settings


def write_tests(rule_files: Sequence[Path], target: Path, settings: Settings) -> int:
    """Write to `target` a test for each rule of `rule_files` for which series can be made up; says which it is not.

    Returns 0 if every rule has one, 1 otherwise. Raises UsageError if `target` is there already, or a file is not.
    """
    from sereno.alerts.generate import generated
    from sereno.app.rule_files import read_file
    from sereno.kernel.errors import UsageError

    if target.exists():
        raise UsageError(f"{target} is there already", hint="tests that people have looked through are not overwritten")
    loaded = [(path, read_file(path, promql=settings)) for path in rule_files]
    for _, file in loaded:
        for diagnostic in file.diagnostics:
            print(diagnostic.render())
    names = [os.path.relpath(path, target.parent) for path, _ in loaded]
    groups = [group for _, file in loaded for group in file.groups]
    text, missing = generated(names, groups, settings)
    target.write_text(text, encoding="utf-8")
    total = sum(len(group.rules) for group in groups)
    print(f"{target}: tests of {total - len(missing)} of {total} rules; look through what they expect")
    for rule in missing:
        print(
            f"  no series found that make {rule.name} (line {rule.line}) {'fire' if rule.kind == 'alert' else 'exist'}"
        )
    return 1 if missing else 0

"""Unit tests of rules from files: found, read, run."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sereno.alerts.unit_tests import Failure, UnitTest, UnitTestFile, Verdict
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.duration import to_ms

if TYPE_CHECKING:
    from sereno.promql import Limits, Settings
    from sereno.spec.rule_groups import GroupRule, RuleGroup

_cpu = time.process_time

DIFFED_MAX = 100


@dataclass(frozen=True, slots=True)
class TestedFile:
    """How the tests of one file ended. `mistakes` keep it from being run; `warnings` do not."""

    path: str
    verdicts: tuple[Verdict, ...] = ()
    seconds: tuple[float, ...] = ()
    mistakes: tuple[Diagnostic, ...] = ()
    warnings: tuple[str, ...] = ()
    groups: tuple[RuleGroup, ...] = ()
    touched: frozenset[tuple[str, int]] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether promtool would say SUCCESS."""
        return not self.mistakes and all(verdict.passed for verdict in self.verdicts)


Chosen = Callable[[UnitTest], bool]


def judge_file(
    path: Path,
    chosen: Chosen,
    *,
    settings: Settings | None = None,
    limits: Limits | None = None,
    dump: bool = False,
    strict: bool = True,
) -> TestedFile:
    """Run the tests of one file that are `chosen`. What cannot be read is told in the result; unless `strict`, keys of
    the rule files that mean nothing are overlooked."""
    from sereno.alerts.replay_plan import arrange
    from sereno.alerts.unit_test_files import read_unit_tests
    from sereno.alerts.unit_test_run import ordered, run_test
    from sereno.app.rule_files import read_file

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return TestedFile(str(path), mistakes=(_unreadable(path, error.strerror or "it cannot be read"),))
    except UnicodeDecodeError:
        return TestedFile(str(path), mistakes=(_unreadable(path, "it is not UTF-8"),))
    read = read_unit_tests(str(path), text)
    if read.file is None:
        return TestedFile(str(path), mistakes=tuple(d for d in read.diagnostics if d.level == "error"))
    files, warnings = _rule_files(read.file, path.parent)
    loaded = [read_file(file, strict=strict, promql=settings) for file in files]
    mistakes = tuple(d for one in loaded for d in one.diagnostics if d.level == "error")
    groups = ordered([group for one in loaded for group in one.groups], read.file)
    if mistakes:
        return TestedFile(str(path), mistakes=mistakes, warnings=warnings, groups=groups)
    verdicts, seconds = [], []
    every = to_ms(read.file.evaluation_interval)
    arrangements = {
        start: arrange(groups, start, every, settings) for start in {test.start_ms for test in read.file.tests}
    }
    for test in read.file.tests:
        if chosen(test):
            began = _cpu()
            verdicts.append(
                run_test(test, read.file, groups, settings=settings, limits=limits, dump=dump,
                         arrangement=arrangements[test.start_ms])
            )  # fmt: skip
            seconds.append(_cpu() - began)
    places = [(group.file, rule.line) for group in groups for rule in group.rules]
    touched = frozenset(places[order] for verdict in verdicts for order in verdict.touched)
    return TestedFile(str(path), tuple(verdicts), tuple(seconds), (), warnings, groups, touched)


def named(test: UnitTest, number: int) -> str:
    """What a test is called: its name, or as promtool calls those that have none."""
    return test.name or f"unnamed#{number}"


def _rule_files(file: UnitTestFile, folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The rule files that the patterns name, seen from the test's folder; a pattern without any is a warning."""
    found: list[Path] = []
    warnings: list[str] = []
    for pattern in file.rule_files:
        named = [Path(path) for path in sorted(glob.glob(str(folder / pattern) if pattern else ""))]
        paths = [path for path in named if path.is_file()]  # a pipe would be waited for without end
        if not paths:
            warnings.append(f"no file match pattern {folder / pattern}")
        found += paths
    return found, tuple(warnings)


def _unreadable(path: Path, why: str) -> Diagnostic:
    return Diagnostic("SER001", why, str(path), 1, 1)


# Coverage ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which rules the tests say something about: of all, those `covered`, and those that are not."""

    covered: int
    missing: tuple[tuple[RuleGroup, GroupRule], ...]

    @property
    def total(self) -> int:
        """How many rules there are."""
        return self.covered + len(self.missing)

    @property
    def percent(self) -> float:
        """Covered rules in a hundred; 100 when there are none."""
        return 100 * self.covered / self.total if self.total else 100.0


def coverage_of(tested: Sequence[TestedFile]) -> Coverage:
    """The coverage of the rules of all files by the tests of all."""
    import os

    rules: dict[tuple[str, int], tuple[RuleGroup, GroupRule]] = {}
    touched: set[tuple[str, int]] = set()
    for one in tested:
        rules |= {
            (os.path.realpath(group.file), rule.line): (group, rule) for group in one.groups for rule in group.rules
        }
        touched |= {(os.path.realpath(file), line) for file, line in one.touched}
    missing = tuple(rule for place, rule in sorted(rules.items(), key=lambda item: item[0]) if place not in touched)
    return Coverage(len(rules) - len(missing), missing)


def _apart(expected: Sequence[str], got: Sequence[str]) -> list[str]:
    """The lines that only one of the two has, with marks, in order."""
    missing, more = set(expected) - set(got), set(got) - set(expected)
    return [f"- {line}" for line in expected if line in missing] + [f"+ {line}" for line in got if line in more]


def failure_lines(failure: Failure) -> list[str]:
    """The difference between what was expected and what was got, for people: a line each, with marks."""
    if not failure.expected:
        return [f"  got {line}" for line in failure.got]
    from difflib import ndiff

    if len(failure.expected) + len(failure.got) > DIFFED_MAX:  # ndiff compares each line with each, and its letters
        return _apart(failure.expected, failure.got)
    return [line.rstrip("\n") for line in ndiff(list(failure.expected), list(failure.got))]

# ruff: noqa: PT028 - the command is called test; it is none of pytest's
"""`sereno test`: unit tests of Prometheus rules, as promtool judges them."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sereno.alerts.unit_tests import Failure, UnitTest
    from sereno.app.rule_tests import Coverage, TestedFile

_COLOURS = {"-": "\033[31m", "+": "\033[32m", "?": "\033[33m"}


def test(
    *files: Path,
    run: str = "",
    junit: Path | None = None,
    json: bool = False,
    coverage: bool = False,
    fail_under: float | None = None,
    generate: Path | None = None,
    debug: bool = False,
    diff: bool = True,
    ignore_unknown_fields: bool = False,
    prometheus: Literal[2, 3] = 3,
) -> int:
    """Run promtool's unit-test files, with promtool's verdicts.

    Parameters
    ----------
    files
        The unit-test files, or folders of them; with --generate, rule files.
    run
        Run only the tests in whose name this regular expression is found.
    junit
        Write the results as JUnit XML to this file.
    json
        Print for machines.
    coverage
        Say which rules no test says anything about.
    fail_under
        Fail when fewer rules than this, in a hundred, are covered.
    generate
        Write to this file tests of the rules in the rule files FILES, for you to look through.
    debug
        Show all series at the end of each test.
    diff
        Show what was expected (-) and what was got (+) side by side; --no-diff shows one after the other.
    ignore_unknown_fields
        Overlook keys in rule files that Prometheus does not know.
    prometheus
        The major version whose arithmetic is followed.

    Returns 0 if all passed, 1 if anything failed or cannot be read.
    """
    from sereno.app.rule_tests import coverage_of, judge_file
    from sereno.kernel.errors import UsageError
    from sereno.promql.plan import Settings

    if not files:
        raise UsageError("name at least one file", hint="`sereno test tests/*.yml`")
    files = tuple(file for path in files for file in _files_of(path))
    settings = Settings(dialect=prometheus)
    if generate is not None:
        from sereno.app.rule_test_writing import write_tests

        return write_tests(files, generate, settings)
    chosen = _chooser(run)
    tested = [
        judge_file(path, chosen, settings=settings, dump=debug, strict=not ignore_unknown_fields) for path in files
    ]
    covered = coverage_of(tested) if coverage or fail_under is not None else None
    if junit is not None:
        from sereno.app.junit import junit_text

        junit.write_text(junit_text(tested), encoding="utf-8")
    print(_as_json(tested, covered) if json else _as_text(tested, covered, diff=diff))
    passed = all(one.passed for one in tested)
    if covered is not None and fail_under is not None and covered.percent < fail_under:
        print(f"coverage {covered.percent:.1f} % is below {fail_under:g} %", file=sys.stderr)
        passed = False
    return 0 if passed else 1


def _files_of(path: Path) -> list[Path]:
    """The file itself, or the YAML files of a folder. Raises UsageError for a folder without any."""
    from sereno.kernel.errors import UsageError

    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix in (".yml", ".yaml") and one.is_file())
    if not found:
        raise UsageError(f"there are no .yml or .yaml files in {path}")
    return found


def _chooser(run: str) -> Callable[[UnitTest], bool]:
    if not run:
        return lambda test: True
    from sereno.kernel.errors import QueryError, UsageError
    from sereno.promql.regex import compile_regex

    try:
        regex = compile_regex(f"(?s:.*)(?:{run})(?s:.*)")
    except QueryError as error:
        raise UsageError(f"--run: {error.message}") from None
    return lambda test: regex.matches(test.name)


# For people --------------------------------------------------------------------------------------------------------


def _as_text(tested: Sequence[TestedFile], covered: Coverage | None, *, diff: bool) -> str:
    lines: list[str] = []
    for one in tested:
        lines += _file_lines(one, diff=diff)
    tests = [verdict for one in tested for verdict in one.verdicts]
    failed = sum(not verdict.passed for verdict in tests)
    broken = sum(bool(one.mistakes) for one in tested)
    told = f"{len(tests)} tests, {sum(v.checks for v in tests)} checks: "
    told += "all as expected" if not failed and not broken else f"{failed} failed"
    lines.append(told + (f", {broken} files cannot be run" if broken else ""))
    if covered is not None:
        lines += ["", f"{covered.covered} of {covered.total} rules are tested ({covered.percent:.1f} %)"]
        lines += [f"  {group.file}:{rule.line}:{rule.column} {rule.name}" for group, rule in covered.missing]
    return "\n".join(lines)


def _file_lines(one: TestedFile, *, diff: bool) -> list[str]:
    from sereno.app.rule_tests import named

    seconds = sum(one.seconds)
    lines = [f"{_mark(one.passed)} {one.path}" + (f"  {seconds:.2f} s" if one.seconds else "")]
    lines += [f"  warning: {warning}" for warning in one.warnings]
    lines += ["  " + line for mistake in one.mistakes for line in mistake.render().split("\n")]
    for number, verdict in enumerate(one.verdicts):
        if not verdict.passed:
            lines.append(f"  {_mark(False)} {named(verdict.test, number)}")
        for failure in verdict.failures:
            lines += [f"    {one.path}:{failure.line}: {failure.title}"]
            lines += ["      " + line for line in _difference(failure, diff=diff)]
        lines += ["  " + line for line in verdict.dump]
    return [*lines, ""] if not one.passed else lines


def _difference(failure: Failure, *, diff: bool) -> list[str]:
    from sereno.app.rule_tests import failure_lines

    if not failure.expected and not failure.got:
        return []
    if diff:
        return [_coloured(line) for line in failure_lines(failure)]
    return ["expected:", *(f"  {line}" for line in failure.expected), "got:", *(f"  {line}" for line in failure.got)]


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1]) if sys.stdout.isatty() else None
    return f"{colour}{line}\033[0m" if colour else line


def _mark(passed: bool) -> str:
    return "ok  " if passed else "FAIL"


# For machines ------------------------------------------------------------------------------------------------------


def _as_json(tested: Sequence[TestedFile], covered: Coverage | None) -> str:
    from dataclasses import asdict

    from sereno.app.rule_tests import named

    answer: dict[str, object] = {
        "passed": all(one.passed for one in tested),
        "files": [
            {
                "file": one.path, "passed": one.passed, "warnings": one.warnings,
                "mistakes": [asdict(mistake) for mistake in one.mistakes],
                "tests": [
                    {
                        "name": named(verdict.test, number), "line": verdict.test.line, "passed": verdict.passed,
                        "checks": verdict.checks, "seconds": round(seconds, 4),
                        "failures": [asdict(failure) for failure in verdict.failures],
                        **({"series": verdict.dump} if verdict.dump else {}),
                    }
                    for number, (verdict, seconds) in enumerate(zip(one.verdicts, one.seconds, strict=True))
                ],
            }
            for one in tested
        ],
    }  # fmt: skip
    if covered is not None:
        missing = [{"file": g.file, "line": r.line, "rule": r.name, "kind": r.kind} for g, r in covered.missing]
        answer["coverage"] = {"covered": covered.covered, "total": covered.total, "missing": missing}
    return json_text.dumps(answer, indent=2, ensure_ascii=False)

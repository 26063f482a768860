"""Results of unit tests as JUnit XML, which every CI reads."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from sereno.alerts.unit_tests import Failure
from sereno.app.rule_tests import TestedFile, failure_lines, named
from sereno.kernel.inert import inert


def junit_text(tested: Sequence[TestedFile]) -> str:
    """One suite a file, one case a test; a file that cannot be read is a case with an error."""
    suites = "".join(map(_suite, tested))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{suites}</testsuites>\n'


def _suite(one: TestedFile) -> str:
    failed = sum(not verdict.passed for verdict in one.verdicts)
    cases = "".join(
        _case(one.path, named(verdict.test, number), seconds, verdict.failures)
        for number, (verdict, seconds) in enumerate(zip(one.verdicts, one.seconds, strict=True))
    )
    if one.mistakes:
        told = [line for mistake in one.mistakes for line in mistake.render().split("\n")]
        message = _attribute(one.mistakes[0].message)
        cases += (
            f"    <testcase name={_attribute(one.path)} classname={_attribute(one.path)}>"
            f"<error message={message}>{_text(told)}</error></testcase>\n"
        )
    counts = f'tests="{len(one.verdicts) + bool(one.mistakes)}" failures="{failed}" errors="{int(bool(one.mistakes))}"'
    return f'  <testsuite name={_attribute(one.path)} {counts} time="{sum(one.seconds):.4f}">\n{cases}  </testsuite>\n'


def _case(path: str, name: str, seconds: float, failures: Sequence[Failure]) -> str:
    told = "".join(
        f"\n      <failure message={_attribute(failure.title)}>{_text(failure_lines(failure))}</failure>\n    "
        for failure in failures
    )
    head = f'    <testcase name={_attribute(name)} classname={_attribute(path)} time="{seconds:.4f}">'
    return f"{head}{told}</testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(inert(text))


def _text(lines: Sequence[str]) -> str:
    return escape(inert("\n".join(lines)))

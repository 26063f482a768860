"""promtool's unit tests of rules: what a file says, as values; judged by `unit_test_run`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from sereno.kernel.labels import Labels

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class InputSeries:
    """A series and its values, in promtool's notation."""

    series: str
    values: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that must fire, told by the labels that its rule gives it, and its annotations."""

    labels: Labels
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertTest:
    """Which alerts of one name fire at an instant: exactly `expected`."""

    eval_time: timedelta
    alertname: str
    expected: tuple[ExpectedAlert, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """A sample that an expression must give; `histogram`, if not empty, in place of `value`."""

    labels: str
    value: float = 0.0
    histogram: str = ""


@dataclass(frozen=True, slots=True)
class ExprTest:
    """What an expression gives at an instant: exactly `expected`."""

    expr: str
    eval_time: timedelta
    expected: tuple[ExpectedSample, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test: series that are fed in, one value every `interval`, and what is asked then."""

    name: str
    interval: timedelta
    series: tuple[InputSeries, ...] = ()
    alerts: tuple[AlertTest, ...] = ()
    exprs: tuple[ExprTest, ...] = ()
    external_labels: Labels = field(default_factory=Labels)
    external_url: str = ""
    start_ms: int = 0
    line: int = 0

    @property
    def length(self) -> timedelta:
        """The latest instant that is asked about."""
        return max([timedelta(0), *(t.eval_time for t in self.alerts), *(t.eval_time for t in self.exprs)])


@dataclass(frozen=True, slots=True)
class UnitTestFile:
    """What one file says."""

    path: str
    rule_files: tuple[str, ...] = ()
    evaluation_interval: timedelta = MINUTE
    group_eval_order: tuple[str, ...] = ()
    fuzzy: bool = False
    tests: tuple[UnitTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that is not as a test expects: what was asked, what was expected and got, each as lines of text."""

    title: str
    expected: tuple[str, ...] = ()
    got: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one test ended. `touched` are the rules it says something about: the orders of their tasks."""

    test: UnitTest
    failures: tuple[Failure, ...] = ()
    checks: int = 0
    touched: frozenset[int] = frozenset()
    dump: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether promtool would pass it."""
        return not self.failures

"""A backtest from the question to the report: versions, samples, processes, the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sereno.app.backtest_sources import Origin, bring, needed, newest, origin_of, told_of
from sereno.app.backtest_versions import Version, read_version, version_at
from sereno.insight.backtest import report
from sereno.insight.compare import Comparison, Failure, compared, failures
from sereno.insight.model import Case, Incident, Knobs, Question, Report
from sereno.kernel.errors import UsageError
from sereno.kernel.moment import from_ms, to_ms

if TYPE_CHECKING:
    from sereno.app.settings import Settings
    from sereno.kernel.message import Language

Progress = Callable[[str, float], None]
EVALUATIONS_MAX = 5_000_000


@dataclass(frozen=True)
class Asked:
    """What the person wants to know; see `sereno backtest --help`."""

    path: Path
    since: timedelta
    until: datetime | None
    source: tuple[str, str] | None
    incidents: str | None
    incident_share: Decimal | None
    services: tuple[str, ...]
    interval: timedelta
    grace: timedelta
    answer_after: timedelta | None
    beta: Decimal
    knobs: Knobs | None
    compare: str | None
    jobs: int | None
    ray: str | None
    zone: str | None
    language: Language


@dataclass(frozen=True)
class Answer:
    """What came of it. `version` is what was judged, `warnings` what should be known of its rules and samples."""

    version: Version
    question: Question
    report: Report
    failures: tuple[Failure, ...]
    before: Report | None
    comparison: Comparison | None
    warnings: tuple[str, ...]


def run(asked: Asked, settings: Settings, now: datetime, progress: Progress = lambda what, done: None) -> Answer:
    """Answer what was asked, as of `now`. Nothing is written but samples that are brought from elsewhere.

    Raises SpecError, UsageError for what cannot be asked, Unavailable when there are no samples.
    """
    from sereno.app.backtest_run import run_cases

    version = read_version(asked.path, settings.spec, settings.promql)
    origin = origin_of(asked.source, settings)
    question = _question(asked, version, _until(asked, origin, now, settings, progress), now, settings)
    incidents = _incidents(asked, settings, question)
    cases = _cases(version, question, asked, incidents)
    if asked.compare is None:
        wanted = needed(cases, question)
        path, warnings = bring(origin, wanted, settings, progress)
        thinned, notes = told_of(path, wanted)
        question, warnings = replace(question, thinned=thinned), (*warnings, *notes)
        outcomes = run_cases(cases, question, path, jobs=asked.jobs, ray=asked.ray, progress=progress)
        found = report(outcomes, question, digest=version.spec.digest)
        return Answer(version, question, found, failures(found, version.spec), None, None, _said(version, warnings))
    with version_at(asked.compare, asked.path, settings.spec, settings.promql) as base:
        old_question = replace(question, spec=base.spec, knobs=None)
        old = _cases(base, old_question, asked, incidents)
        wanted = needed((*cases, *old), question)
        path, warnings = bring(origin, wanted, settings, progress)
        thinned, notes = told_of(path, wanted)
        question, warnings = replace(question, thinned=thinned), (*warnings, *notes)
        old_question = replace(old_question, thinned=thinned)
        earlier = run_cases(old, old_question, path, jobs=asked.jobs, ray=asked.ray, progress=progress)
        before = report(earlier, old_question, digest=base.spec.digest)
        if incidents is None:
            # Both are held against the same truth, and not against one that the change itself has chosen.
            cases = _same_truth(cases, before)
        outcomes = run_cases(cases, question, path, jobs=asked.jobs, ray=asked.ray, progress=progress)
        found = report(outcomes, question, digest=version.spec.digest)
    comparison = compared(before, found, asked.compare)
    wrong = failures(found, version.spec, before)
    return Answer(version, question, found, wrong, before, comparison, _said(version, warnings))


def _question(asked: Asked, version: Version, until: datetime, now: datetime, settings: Settings) -> Question:
    step = asked.interval // timedelta(milliseconds=1)
    end_ms = to_ms(min(until, now)) // step * step
    start_ms = (end_ms - asked.since // timedelta(milliseconds=1)) // step * step
    if asked.until is not None and asked.until > now:
        raise UsageError(f"--until {asked.until.isoformat()} is in the future")
    steps = (end_ms - start_ms) // step
    if steps > EVALUATIONS_MAX:
        raise UsageError(
            f"that is {steps:,} evaluations of every rule, more than {EVALUATIONS_MAX:,}",
            hint="look less far back, or widen --interval",
        )
    zones = sorted({team.zone for team in version.spec.teams.values()})
    return Question(
        spec=version.spec, start_ms=start_ms, end_ms=end_ms, interval=asked.interval, answer_after=asked.answer_after,
        grace=asked.grace, beta=asked.beta, incident_share=asked.incident_share,
        zone=asked.zone or (zones[0] if len(zones) == 1 else "UTC"), language=asked.language, knobs=asked.knobs,
        settings=settings.promql,
    )  # fmt: skip


def _until(asked: Asked, origin: Origin, now: datetime, settings: Settings, progress: Progress) -> datetime:
    """When to end: as asked, or now; of samples that somebody brought along, at the last of them."""
    if asked.until is not None:
        return asked.until
    if asked.source is None or origin.kind == "prometheus":
        return now
    path, _ = bring(origin, (), settings, progress)
    return newest(path) or now


def _cases(
    version: Version, question: Question, asked: Asked, incidents: tuple[Incident, ...] | None
) -> tuple[Case, ...]:
    unknown = sorted(set(asked.services) - set(version.spec.services)) if version.groups is None else []
    if unknown:
        known = ", ".join(sorted(version.spec.services)) or "none"
        raise UsageError(f"there is no service {', '.join(unknown)}", hint=f"declared are: {known}")
    cases = version.cases(
        question, language=asked.language, incidents=incidents, services=asked.services or None
    )  # fmt: skip
    if not cases and asked.compare is None:
        raise UsageError("there is no rule to judge", hint="declare an alert or an objective")
    return cases


def _same_truth(cases: tuple[Case, ...], found: Report) -> tuple[Case, ...]:
    truth = {one.name: one.incidents for one in found.cases}
    return tuple(replace(case, incidents=truth[case.name]) if case.name in truth else case for case in cases)


def _incidents(asked: Asked, settings: Settings, question: Question) -> tuple[Incident, ...] | None:
    """Those of a file; else those that the workspace recorded; None, to be derived, where it recorded none."""
    if asked.incidents == "derived":
        return None
    if asked.incidents in (None, "recorded"):
        from sereno.app.backtest_record import recorded

        found = recorded(settings, from_ms(question.end_ms))
        inside = tuple(one for one in found if one.end_ms >= question.start_ms and one.start_ms <= question.end_ms)
        return inside if inside or asked.incidents else None
    from sereno.insight.declared import read_incidents

    file = Path(asked.incidents)
    try:
        return read_incidents(str(file), file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="--incidents FILE | recorded | derived"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None


def _said(version: Version, warnings: tuple[str, ...]) -> tuple[str, ...]:
    return (*(one.render() for one in version.diagnostics if one.level == "error"), *warnings)

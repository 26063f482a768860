"""What rules would have done over a past: who would have been called, how rightly, how fast, at what cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from sereno.alerts.replay import Replayed, RuleProblem, replay
from sereno.insight import coverage
from sereno.insight.budgets import budget_at
from sereno.insight.burning import burning, burns_of
from sereno.insight.events import events_of, fired_of, waited_of
from sereno.insight.known import Known, Seen, learn, promise_of, see
from sereno.insight.misses import why_missed
from sereno.insight.model import (
    BudgetAt,
    Case,
    Covered,
    Explored,
    Fired,
    Found,
    Incident,
    Missed,
    Outcome,
    Paged,
    Question,
    Report,
    RuleScore,
    Unknown,
    Variant,
    Waited,
)
from sereno.insight.paging import pages_of
from sereno.insight.people import heat_of, loads_of
from sereno.insight.score import Raised, noticed, right, score, summed
from sereno.insight.truth import derived, merged
from sereno.insight.whatif import tiers_needed, tried, variants_of
from sereno.kernel.moment import from_ms
from sereno.promql import Columns, Limits, Select
from sereno.slo import SloPlan
from sereno.slo.exact import ratio
from sereno.slo.exclusions import Exclusions
from sereno.slo.planning import scrape_interval
from sereno.spec.rule_groups import GroupRule, RuleGroup

SCRAPES_LEAST = 4
"""How many scrapes the shortest window of a variant must hold."""
Progress = Callable[[str, float], None]
"""Told what is being done, and how much of the case is (0 … 1)."""


def judge(case: Case, question: Question, select: Select, progress: Progress = lambda what, done: None) -> Outcome:
    """Replay the rules of `case` over the samples of `select`, and hold what they did against when people suffered.

    The same samples, rules and question give the same outcome, to the last bit. A rule that cannot be evaluated is
    among what is unknown. Raises QueryError or QueryLimit when the samples of an objective cannot be had.
    """
    limits = limits_of(question)
    progress("burn", 0.0)
    variants = {plan.slo.name: _variants(plan, question) for plan in case.plans}
    seen = [see(plan, question, select, limits, tiers=tiers_needed(variants[plan.slo.name])) for plan in case.plans]
    progress("rules", 0.3)
    replayed = _replayed(case, seen, question, select, limits)
    fired = fired_of(replayed)
    progress("events", 0.5)
    known = tuple(learn(one, fired, question, select) for one in seen)
    progress("coverage", 0.8)
    covered, unknown = _coverage(case, known, replayed, question, select, limits)
    progress("people", 0.9)
    incidents = incidents_of(case, known, question)
    pages = pages_of(
        events_of(replayed, case.groups), question.spec, from_ms(question.end_ms), answer_after=question.answer_after
    )
    outcome = _judged(case, question, known, fired, waited_of(replayed), pages, incidents)
    progress("variants", 0.95)
    explored = [
        _explored(case, one, variants[one.plan.slo.name], question) for one in known if variants[one.plan.slo.name]
    ]  # fmt: skip
    return replace(
        outcome, covered=covered, unknown=unknown, explored=tuple(explored)
    )  # fmt: skip


def _variants(plan: SloPlan, question: Question) -> tuple[Variant, ...]:
    if question.knobs is None:
        return ()
    service = question.spec.services[plan.service]
    scrape = scrape_interval(question.spec, service, plan.slo, default=question.interval)
    return variants_of(plan, question.knobs, SCRAPES_LEAST * max(scrape, question.interval))


def _explored(case: Case, known: Known, variants: Sequence[Variant], question: Question) -> Explored:
    """Variants are held against the incidents that were given, or those of this very objective."""
    given = None if case.incidents is None else incidents_of(case, (), question)
    incidents = incidents_of(Case(case.name, ()), (known,), question) if given is None else given
    return Explored(known.plan.service, known.plan.slo.name, tried(known, variants, incidents, question))


def _replayed(case: Case, known: Sequence[Seen], question: Question, select: Select, limits: Limits) -> Replayed:
    """What the rules would have done: burn-rate rules by the shares that are known already, all others replayed."""
    own = [(one, group) for one in known if (group := burning(case.groups, one.plan)) is not None]
    mine = {group.name for _, group in own}
    others = [group for group in case.groups if group.name not in mine]
    firings = [one for each, group in own for one in burns_of(each.plan, each.ratios, group)]
    problems: tuple[RuleProblem, ...] = ()
    if others:
        rest = replay(
            others, question.start_ms, question.end_ms, select,
            interval_ms=question.interval_ms, settings=question.settings, limits=limits, keep_recorded=False,
        )  # fmt: skip
        firings += rest.firings
        problems = rest.problems
    return Replayed(tuple(sorted(firings, key=lambda one: one.active_at_ms)), Columns.of([]), problems)


def limits_of(question: Question) -> Limits:
    """As much as a backtest may take: longer grids than a query's."""
    steps = (question.end_ms - question.start_ms) // question.interval_ms + 1
    return Limits(samples_max=question.samples_max, steps_max=max(steps, Limits().steps_max))


def incidents_of(case: Case, known: Iterable[Known], question: Question) -> tuple[Incident, ...]:
    """The incidents of `case` in the time of `question`: those that it was given, or those of its events."""
    start, end = question.start_ms, question.end_ms
    if case.incidents is not None:
        inside = (one for one in case.incidents if one.end_ms >= start and one.start_ms <= end)
        return tuple(sorted(inside, key=lambda i: (i.start_ms, i.end_ms, i.name)))
    share = question.incident_share
    return merged([one for each in known for one in derived(each.plan, each.counts, start, end, share=share)])


def report(outcomes: Sequence[Outcome], question: Question, *, digest: str = "") -> Report:
    """All outcomes together, services by name, with the people's load over all of them."""
    cases = tuple(sorted(outcomes, key=lambda one: one.name))
    pages = [page for case in cases for page in case.pages]
    origins = {one.origin for case in cases for one in case.incidents}
    counted = [case for case in cases if case.score.wrong_per_week is not None]
    score = summed(
        sum(case.score.raised for case in counted),
        sum(case.score.right for case in counted),
        sum(case.score.incidents for case in counted),
        [one for case in counted for one in case.found],
        question,
        judgeable=bool(counted),
        unknown=sum(case.score.unknown for case in counted),
    )
    return Report(
        start_ms=question.start_ms,
        end_ms=question.end_ms,
        interval=question.interval,
        zone=question.zone,
        origin="declared" if "declared" in origins else "recorded" if "recorded" in origins else "derived",
        cases=cases,
        # Pages that nobody can judge are pages all the same.
        score=replace(score, raised=len(pages), per_week=ratio(len(pages) / Fraction(question.weeks))),
        loads=loads_of(pages),
        heat=heat_of(pages),
        digest=digest,
        beta=question.beta,
    )


def _judged(
    case: Case,
    question: Question,
    known: Sequence[Known],
    fired: Sequence[Fired],
    waited: Sequence[Waited],
    pages: Sequence[Paged],
    incidents: tuple[Incident, ...],
) -> Outcome:
    grace = question.grace // (question.grace.resolution * 1000)
    judgeable = case.incidents is not None or bool(case.plans)

    def blind(raised: Raised) -> bool:
        return case.incidents is None and _unseen(raised, known, question)

    def verdict(raised: Raised) -> bool | None:
        about_one = right(raised, incidents, grace)
        return None if not judgeable or (not about_one and blind(raised)) else about_one

    demands = [Raised(page.service, page.opened_ms, page.closed_ms) for page in pages]
    found, missed = _found(incidents, demands, known, fired, waited, grace)
    return Outcome(
        name=case.name,
        incidents=incidents,
        fired=tuple(
            replace(one, right=verdict(_raised(one)), budgets=_budgets(one, known)) for one in fired
        ),
        waited=tuple(waited),
        pages=tuple(
            replace(page, right=verdict(demand)) for page, demand in zip(pages, demands, strict=True)
        ),
        found=found,
        missed=missed,
        score=score(demands, incidents, question, judgeable=judgeable, blind=blind),
        rules=_rule_scores(case, fired, incidents, question, judgeable=judgeable, blind=blind),
        promises=tuple(promise_of(each, question) for each in known),
        covered=(),
        unknown=(),
    )  # fmt: skip


def _found(
    incidents: Sequence[Incident],
    demands: Sequence[Raised],
    known: Sequence[Known],
    fired: Sequence[Fired],
    waited: Sequence[Waited],
    grace: int,
) -> tuple[tuple[Found, ...], tuple[Missed, ...]]:
    found: list[Found] = []
    missed: list[Missed] = []
    for incident in incidents:
        one = noticed(incident, demands, grace)
        if one is None:
            missed.append(why_missed(incident, known, fired, waited, grace))
        else:
            found.append(one)
    return tuple(found), tuple(missed)


def _unseen(raised: Raised, known: Sequence[Known], question: Question) -> bool:
    """Whether less than half of it was seen of any objective: nothing can be derived from what nobody saw."""
    end = question.end_ms if raised.end_ms is None else raised.end_ms
    spans = [one.counts.over(raised.start_ms, max(end, raised.start_ms + 1)) for one in known]
    return all(span.coverage < Fraction(1, 2) for span in spans)


def _rule_scores(
    case: Case,
    fired: Sequence[Fired],
    incidents: Sequence[Incident],
    question: Question,
    *,
    judgeable: bool,
    blind: Callable[[Raised], bool],
) -> tuple[RuleScore, ...]:
    scores = []
    for group in case.groups:
        for rule in group.rules:
            if rule.kind != "alert":
                continue
            name = rule.labels.get("severity", "")
            severity = question.spec.severities.find(name)
            mine = [_raised(one) for one in fired if _is_of(one, group, rule)]
            scores.append(
                RuleScore(
                    alert=rule.name,
                    service=rule.labels.get("service", ""),
                    severity=severity.name if severity else name,
                    pages=severity is None or severity.page != "never",
                    score=score(mine, incidents, question, judgeable=judgeable, blind=blind),
                )
            )
    return tuple(scores)


def _is_of(one: Fired, group: RuleGroup, rule: GroupRule) -> bool:
    """Whether `rule` gave the alert: others of the same name may stand beside it, with other labels."""
    told = {name: text for name, text in rule.labels.items() if text and "{{" not in text}
    named = one.alert == rule.name and one.group in (group.key, group.name)
    return named and all(one.labels.get(name) == text for name, text in told.items())


def _raised(one: Fired) -> Raised:
    return Raised(one.service, one.fired_ms, one.resolved_ms)


def _budgets(fired: Fired, known: Sequence[Known]) -> tuple[BudgetAt, ...]:
    """Where the objectives stood when it fired: its own, for a burn-rate alert, else all of its service."""
    own = fired.labels.get("slo")
    mine = [one for one in known if one.plan.service == fired.service and own in (None, one.plan.slo.name)]
    return tuple(budget_at(one.plan.slo, one.counts, fired.fired_ms) for one in mine)


def _planned(plan: SloPlan, question: Question) -> Iterator[Unknown]:
    """That planned work, which the declared budget leaves out, is in the figures of a backtest like any other time."""
    maintenances = tuple(question.spec.maintenances.values())
    if plan.slo.maintenance == "count" or not maintenances:
        return
    since = question.start_ms - plan.slo.window // timedelta(milliseconds=1)
    left = Exclusions(maintenances).of(plan.service, plan.slo, since, question.end_ms)
    for start, end in (*left.out, *left.good):
        why = "planned maintenance: the declared budget leaves it out, the figures of a backtest do not yet"
        yield Unknown(f"{plan.service}/{plan.slo.name}", start, end, why)


def _coverage(
    case: Case, known: Sequence[Known], replayed: Replayed, question: Question, select: Select, limits: Limits
) -> tuple[tuple[Covered, ...], tuple[Unknown, ...]]:
    covered: list[Covered] = []
    unknown: list[Unknown] = list(coverage.of_replay(replayed))
    for each in known:
        seen, gaps = coverage.of_promise(each.plan, each.counts, question)
        covered.append(seen)
        unknown += gaps
        unknown += _planned(each.plan, question)
    beyond = ((f"{plan.service}/{plan.slo.name}", why) for plan, why in case.beyond)
    unknown += [Unknown(name, question.start_ms, question.end_ms, why) for name, why in beyond]
    burning = {rule.name for plan in case.plans for rule in plan.rules}
    others = [
        replace(group, rules=tuple(rule for rule in group.rules if rule.name not in burning)) for group in case.groups
    ]
    seen_of_rules, gaps_of_rules = coverage.of_rules(others, select, question, limits)
    return (*covered, *seen_of_rules), tuple(sorted((*unknown, *gaps_of_rules), key=lambda u: (u.start_ms, u.what)))

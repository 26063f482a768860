"""Rule files live: every group on its own beat, on whichever replica leads; what they record goes into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import structlog

from sereno.adapters.samples.source import Scrape, SeriesSamples
from sereno.adapters.sql.duties import Fence
from sereno.adapters.sql.unit import Unit
from sereno.alerts import service as alerts
from sereno.alerts.groups import PREFIX, LiveGroup, Looked, from_files, look
from sereno.alerts.model import Alert, Evaluation
from sereno.alerts.restoring import continued, kept_firing, suffered
from sereno.alerts.texts import REGEXES
from sereno.app.evaluate import CLOCK_WENT_BACK, fetch, next_slot
from sereno.app.outlive import outlive, shown
from sereno.app.rule_owners import place_of
from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.kernel.rule import Rule
from sereno.kernel.template import TemplateContext
from sereno.promql import STALE, Grid, Select, evaluate, parse, selections
from sereno.spec.rule_groups import GroupRule

if TYPE_CHECKING:
    from sereno.app.control import Control

log = structlog.get_logger()
DUTY = "rule_groups"
LEASE = timedelta(seconds=30)
BEAT_SECONDS = 2.0
LOOKS_AFTER_OUTAGE = 2
"""As in Prometheus: at the first look there may not yet be enough samples."""
_QUERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RuleState:
    """One rule as it was at its last evaluation. `key` is that of its alerts ("" for a recording rule); `health` is
    unknown before the first, err when it failed and `error` tells why."""

    rule: GroupRule
    key: str = ""
    health: str = "unknown"
    error: str = ""
    warnings: tuple[str, ...] = ()
    evaluated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupState:
    """One group as it was at its last evaluation, which took `seconds`; `missed` evaluations went by undone."""

    key: str
    name: str
    file: str
    interval: timedelta
    limit: int
    query_offset: timedelta
    rules: tuple[RuleState, ...]
    evaluated_at: datetime | None = None
    seconds: float = 0.0
    missed: int = 0


@dataclass(slots=True)
class _Course:
    """What is carried from one look of a group to the next."""

    live: LiveGroup
    interval: timedelta
    there: tuple[frozenset[Labels], ...] = ()
    labels: tuple[Labels, ...] = ()
    restored: bool = False
    before: dict[str, Alert] = field(default_factory=dict)
    looks: int = 0
    state: GroupState | None = None
    due: datetime | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class RuleGroups:
    """Evaluates the groups of the rule files."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.files = control.rule_files
        self.fence: Fence | None = None
        self.courses: dict[str, _Course] = {}
        self._removed = True
        self._gone: dict[str, _Course] = {}

    def state(self) -> tuple[GroupState, ...]:
        """Every group in force and how its rules are, as far as this replica knows."""
        return tuple(
            self.courses[live.group.key].state or self._unseen(live) if live.group.key in self.courses else
            self._unseen(live) for live in self.files.groups
        )  # fmt: skip

    async def run(self) -> None:
        """Go on until cancelled: keep the lead, read files that change, wake groups that are due."""
        try:
            while True:
                with outlive("rule_groups", self.control.metrics):
                    await self.beat(self.control.clock.now())
                await asyncio.sleep(self._pause())
        finally:
            for course in self.courses.values():
                if course.task is not None:
                    course.task.cancel()

    def _pause(self) -> float:
        now = self.control.clock.now()
        dues = [c.due for c in self.courses.values() if c.due is not None] if self.fence else []
        left = min((due - now for due in dues), default=timedelta(seconds=BEAT_SECONDS)).total_seconds()
        return min(max(left, 0.02), BEAT_SECONDS)

    async def beat(self, now: datetime) -> None:
        """One look around. Groups that are due begin, each in a task of its own: a slow one delays nobody."""
        if await asyncio.to_thread(self.files.look) or self.courses.keys() != self._keys():
            self._arrange(now)
            for diagnostic in self.files.diagnostics:
                log.warning("rule_file", code=diagnostic.code, place=diagnostic.place, message=diagnostic.message)
        if not await self._lead(now):
            return
        await self._forget_removed(now)
        for course in self.courses.values():
            if course.due is not None and course.due - now > course.interval:  # the clock has gone back
                course.due = next_slot(now, course.interval)
            if course.due is not None and course.due <= now and (course.task is None or course.task.done()):
                course.task = asyncio.create_task(self._due(course))

    async def once(self, at: datetime) -> None:
        """Evaluate every group at `at`, in order, and wait for it: for tests and demos."""
        await asyncio.to_thread(self.files.look)
        self._arrange(at)
        if await self._lead(at):
            await self._forget_removed(at)
            for course in self.courses.values():
                await self._evaluate(course, at)

    def _keys(self) -> set[str]:
        return {live.group.key for live in self.files.groups}

    def _arrange(self, now: datetime) -> None:
        """A course for every group in force: one whose rules are the same goes on, of another only its series."""
        before, self.courses = dict(self.courses), {}
        for live in self.files.groups:
            interval = live.group.interval or self.control.settings.evaluation_interval
            known = before.pop(live.group.key, None)
            if known is None or known.live is not live:
                known = _changed(known, live, interval) if known else _Course(live, interval)
                known.due = next_slot(now, interval)
            self.courses[live.group.key] = known
        self._gone.update(before)
        self._removed = True

    async def _forget_removed(self, now: datetime) -> None:
        """Resolve the alerts of rules that are in no file any more, and end their groups' series."""
        if not self._removed:
            return
        if await self.control.database.write(partial(self._write, (), now, None, self.fence)) is None:
            return
        self._removed = False
        for key, course in self._gone.items():
            series = tuple(frozenset().union(*course.there))
            if self.control.recorded is not None and series and key not in self.courses:
                ends = np.full(len(series), STALE)
                with outlive("rule_groups", self.control.metrics):
                    await self.control.recorded.record(f"rules:{key}", to_ms(now), series, ends)
        self._gone.clear()

    async def _lead(self, now: datetime) -> bool:
        """Whether this replica evaluates: it holds the duty, and keeps it for as long as it can."""
        if not self.files.groups and not self.courses:
            return self.fence is not None or await self._claim(now)
        if self.fence is not None:
            fence = self.fence
            if await self.control.database.write(lambda unit: unit.duties.renew(fence, now, LEASE)):
                return True
            self.fence = None
        return await self._claim(now)

    async def _claim(self, now: datetime) -> bool:
        def claim(unit: Unit) -> Fence | None:
            unit.duties.ensure(DUTY, now)
            return unit.duties.claim(DUTY, self.control.owner, now, LEASE)

        self.fence = await self.control.database.write(claim)
        for course in self.courses.values():
            course.restored = False
        return self.fence is not None

    async def _due(self, course: _Course) -> None:
        with outlive("rule_groups", self.control.metrics) as failures:
            due = course.due
            assert due is not None
            now = self.control.clock.now()
            at = next_slot(now, course.interval) - course.interval
            missed = max((at - due) // course.interval, 0)
            if missed:
                self.control.metrics.rule_groups_missed.labels(course.live.group.name).inc(missed)
                course.state = replace(course.state or self._unseen(course.live),
                                       missed=(course.state.missed if course.state else 0) + missed)  # fmt: skip
            course.due = at + course.interval
            await self._evaluate(course, at)
        if failures:
            course.state = self._failed(course, shown(failures[0]))

    async def _evaluate(self, course: _Course, at: datetime) -> None:
        """One look of one group, and everything that follows from it."""
        control, live, fence = self.control, course.live, self.fence
        if (targets := control.targets) and all(one.health == "unknown" and one.error is not None for one in targets):
            control.metrics.evaluations.labels("error").inc(len(live.rules))
            course.state = self._failed(course, CLOCK_WENT_BACK)
            return
        began = control.clock.monotonic()
        rules = live.alerting
        active = await control.database.read(partial(self._active, rules))
        if not course.restored:
            gone_by = suffered([a for some in active.values() for a in some], course.interval, at)
            course.before = {alert.fingerprint: alert for alert in gone_by}
            course.looks, course.restored = 0, True
        course.looks += 1
        select = await fetch(control, live.wanted(at, control.settings.promql))
        texts = TemplateContext(
            external_url=control.settings.address, regexes=REGEXES,
            query=partial(self._query, asyncio.get_running_loop()),
        )  # fmt: skip
        place = place_of(control.spec.current, control.settings)
        looked = await asyncio.to_thread(
            look, live, at, select, active, course.there, place, texts=texts, settings=control.settings.promql
        )
        if course.before and course.looks <= LOOKS_AFTER_OUTAGE:
            looked = replace(looked, evaluations=kept_firing(looked.evaluations, course.before))
        unknown = await control.database.write(partial(self._write, looked.evaluations, at, course, fence))
        if unknown is None:  # somebody else leads by now, or the group has changed meanwhile
            return
        course.there = looked.there
        trouble = await self._store(course, looked)
        errors = {**looked.errors, **self._by_index(live, unknown)}
        self._note(course, looked, errors, at, control.clock.monotonic() - began, trouble)

    def _active(self, rules: Mapping[str, Rule], unit: Unit) -> dict[str, list[Alert]]:
        """The alerts of the group's rules that are pending or firing."""
        found: dict[str, list[Alert]] = {key: [] for key in rules}
        for alert in unit.alerts.active():
            if alert.rule in found:
                found[alert.rule].append(alert)
        return found

    def _write(
        self, evaluations: Sequence[Evaluation], at: datetime, course: _Course | None, fence: Fence | None, unit: Unit
    ) -> dict[str, str] | None:
        """Store the states. None if the duty has not been ours all the time since `fence`, or if the group has been
        read anew: what an old rule found late must not undo what the new one has found.
        """
        if fence is None or not unit.duties.renew(fence, self.control.clock.now(), LEASE):
            if self.fence == fence:
                self.fence = None
            return None
        if course is not None and self.courses.get(course.live.group.key) is not course:
            return None
        doubtful = tuple(f"{PREFIX}{name};" for name in self.files.doubtful)
        rules = {key: rule for course in self.courses.values() for key, rule in course.live.alerting.items()}
        recorded = alerts.record_round(
            unit.alerts, rules, evaluations, at,
            mine=lambda key: from_files(key) and not key.startswith(doubtful),
        )  # fmt: skip
        unit.ledger.add(recorded.events)
        if course is not None and course.before and course.looks == LOOKS_AFTER_OUTAGE:
            waits = {key: rule.for_ for key, rule in course.live.alerting.items()}
            changed = continued(unit.alerts.active(), course.before, waits, at)
            if changed:
                unit.alerts.save(changed)
        return recorded.unknown

    async def _store(self, course: _Course, looked: Looked) -> str:
        """Keep what was recorded; what went wrong with that, if anything did."""
        store, samples = self.control.recorded, looked.samples
        if store is None:
            return "there is no store for what is recorded"
        if set(course.labels) == set(samples.labels):
            values = dict(zip(samples.labels, samples.values, strict=True))
            numbers = np.array([values[one] for one in course.labels])
        else:
            course.labels, numbers = samples.labels, np.array(samples.values)
        labels = (*course.labels, *looked.ended) if looked.ended else course.labels
        if looked.ended:
            numbers = np.concatenate([numbers, np.full(len(looked.ended), STALE)])
        stream = f"rules:{course.live.group.key}"
        try:
            if looked.errors:  # what a rule that failed had made goes on until it is too old, as in Prometheus
                kept = await store.append(Scrape(stream, samples.at_ms, labels, numbers))
            else:
                kept = await store.record(stream, samples.at_ms, labels, numbers)
            if not kept:
                return "what it recorded could not be kept: it is not later than what is there"
            if samples.histograms:
                await store.write([_histogram(samples.at_ms, *one) for one in samples.histograms], stream)
        except Exception as error:
            log.error("recording_failed", group=course.live.group.key, error=shown(error))
            return f"what it recorded could not be kept: {shown(error)}"
        return ""

    def _query(self, loop: asyncio.AbstractEventLoop, text: str, at_ms: int) -> list[tuple[Labels, float]]:
        """What a template asks; called in the thread that computes."""
        settings = self.control.settings.promql
        tree = parse(text, settings.language)
        asked = fetch(self.control, selections(tree, Grid.at(at_ms), settings=settings))
        try:
            select: Select = asyncio.run_coroutine_threadsafe(asked, loop).result(_QUERY_SECONDS)
        except TimeoutError:
            raise QueryError(f"no answer to a template's query within {_QUERY_SECONDS:g} s") from None
        return evaluate(tree, Grid.at(at_ms), select, settings=settings).instant()

    # What is told ----------------------------------------------------------------------------------------------

    def _by_index(self, live: LiveGroup, unknown: Mapping[str, str]) -> dict[int, str]:
        return {
            index: unknown[one.alert.key] for index, one in enumerate(live.rules)
            if one.alert is not None and one.alert.key in unknown
        }  # fmt: skip

    def _note(
        self, course: _Course, looked: Looked, errors: Mapping[int, str], at: datetime, seconds: float, trouble: str
    ) -> None:
        metrics, group = self.control.metrics, course.live.group
        rules = tuple(
            RuleState(
                one.rule, one.alert.key if one.alert else "", "err" if index in errors or trouble else "ok",
                errors.get(index, trouble), looked.warnings.get(index, ()), at,
            )
            for index, one in enumerate(course.live.rules)
        )  # fmt: skip
        before = course.state or self._unseen(course.live)
        course.state = replace(before, rules=rules, evaluated_at=at, seconds=seconds)
        metrics.rule_group_seconds.labels(group.name).set(seconds)
        for index in range(len(rules)):
            metrics.evaluations.labels("error" if index in errors else "ok").inc()

    def _unseen(self, live: LiveGroup) -> GroupState:
        group = live.group
        rules = tuple(RuleState(one.rule, one.alert.key if one.alert else "") for one in live.rules)
        return GroupState(
            group.key, group.name, group.file, group.interval or self.control.settings.evaluation_interval,
            group.limit, group.query_offset, rules,
        )  # fmt: skip

    def _failed(self, course: _Course, why: str) -> GroupState:
        before = course.state or self._unseen(course.live)
        return replace(before, rules=tuple(replace(rule, health="err", error=why) for rule in before.rules))


def _histogram(at_ms: int, labels: Labels, histogram: object) -> SeriesSamples:
    objects = np.array([None], dtype=object)
    objects[0] = histogram
    return SeriesSamples(labels, np.array([at_ms], dtype=np.int64), np.zeros(1), objects)


def _changed(before: _Course, live: LiveGroup, interval: timedelta) -> _Course:
    """The course of a group whose rules or beat have changed: its series and what an outage left go on."""
    return _Course(
        live, interval, _carried(before, live), before.labels, before.restored, before.before, before.looks
    )  # fmt: skip


def _carried(before: _Course, live: LiveGroup) -> tuple[frozenset[Labels], ...]:
    """Which series each rule of the new group had: rules are known by name and labels, as in Prometheus."""
    known: dict[tuple[str, Labels], list[frozenset[Labels]]] = {}
    for one, there in zip(before.live.rules, before.there, strict=False):
        known.setdefault((one.rule.name, one.rule.labels), []).append(there)
    found = []
    for one in live.rules:
        series = known.get((one.rule.name, one.rule.labels))
        found.append(series.pop(0) if series else frozenset[Labels]())
    return tuple(found)

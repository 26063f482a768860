"""Anything may happen, in any order, and the promises about pages hold."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.stories.world import World, a_person, a_spec

from sereno.kernel.errors import Conflict
from sereno.kernel.events import MessageFailed, PageAcknowledged, PageClosed, PageOpened, PageStepTaken
from sereno.oncall.model import Page
from sereno.spec.model import Step

PEOPLE = ("ana", "bo", "carla")
CHANNELS = ("slack", "email")
ALERTS = st.sampled_from(("ApiDown", "ErrorRate", "Slow"))
SEVERITIES = st.sampled_from(("SEV1", "P2", "SEV3", "SEV4", "unheard-of"))
SERVICES = st.sampled_from(("checkout", "search", "nowhere"))
MINUTES = st.integers(0, 40).map(lambda n: timedelta(minutes=n))
LONG = timedelta(days=3)


class Paging(RuleBasedStateMachine):
    """Alerts come and go, people answer or do not, carriers and workers fail, clocks jump."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.firing: set[tuple[str, str, str]] = set()
        self.disturbed = False

    @initialize(
        contacts=st.lists(st.sets(st.sampled_from(CHANNELS)), min_size=3, max_size=3),
        minutes=st.lists(st.integers(0, 30), min_size=1, max_size=3, unique=True).map(sorted),
        pairs=st.booleans(),
    )
    def begin(self, contacts: list[set[str]], minutes: list[int], pairs: bool) -> None:
        people = tuple(a_person(n, *sorted(c, reverse=True)) for n, c in zip(PEOPLE, contacts, strict=True))
        roles = ("primary", "secondary", "backup")
        steps = tuple(
            Step((roles[i], "ana") if pairs else (roles[i],), timedelta(minutes=m)) for i, m in enumerate(minutes)
        )
        self.world.spec = a_spec(people, steps=steps)

    @rule(alert=ALERTS, severity=SEVERITIES, service=SERVICES)
    def fires(self, alert: str, severity: str, service: str) -> None:
        if (alert, severity, service) not in self.firing:
            self.firing.add((alert, severity, service))
            self.world.fire(alert, severity, service)

    @precondition(lambda self: self.firing)
    @rule(data=st.data())
    def resolves(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(sorted(self.firing)))
        self.firing.discard(gone)
        self.world.resolve(*gone)

    @rule(by=MINUTES)
    def time_passes(self, by: timedelta) -> None:
        self.world.run_until(self.world.elapsed + by)

    @rule()
    def days_pass(self) -> None:
        self.world.run_until(self.world.elapsed + LONG)

    @precondition(lambda self: self.world.store.pages.rows)
    @rule(data=st.data(), person=st.sampled_from(PEOPLE))
    def someone_answers(self, data: st.DataObject, person: str) -> None:
        page = self._any_page(data)
        try:
            self.world.acknowledge(page.id, person)
        except Conflict:
            assert page.state != "open"
        else:
            assert page.state == "open"

    @precondition(lambda self: self.world.store.pages.rows)
    @rule(data=st.data(), person=st.sampled_from(PEOPLE))
    def someone_closes(self, data: st.DataObject, person: str) -> None:
        page = self._any_page(data)
        try:
            self.world.close(page.id, person)
        except Conflict:
            assert page.state == "closed"

    @rule(person=st.sampled_from(PEOPLE), channel=st.sampled_from(CHANNELS), how=st.sampled_from(("dead", "mute", "")))
    def a_channel_changes(self, person: str, channel: str, how: str) -> None:
        address = f"{person}@{channel}"
        self.world.dead.discard(address)
        self.world.mute.discard(address)
        if how:
            (self.world.dead if how == "dead" else self.world.mute).add(address)

    @rule()
    def workers_stop(self) -> None:
        self.disturbed = True
        self.world.workers = False

    @rule()
    def workers_start(self) -> None:
        self.world.workers = True
        self.world.settle()

    @rule(by=st.integers(-90, 90))
    def clock_jumps(self, by: int) -> None:
        self.disturbed = True
        self.world.clock_error += timedelta(minutes=by)
        self.world.settle()

    @precondition(lambda self: self.world.log)
    @rule(data=st.data())
    def an_event_is_heard_again(self, data: st.DataObject) -> None:
        """At least once means sometimes twice; right after the first time nothing may change."""
        if not self.world.workers or self.world.pending:
            return
        event = self.world.log[-1]
        before = (dict(self.world.store.pages.rows), dict(self.world.store.outbox.rows))
        self.world.hear(event)
        assert (self.world.store.pages.rows, self.world.store.outbox.rows) == before

    def _any_page(self, data: st.DataObject) -> Page:
        return self.world.store.pages.rows[data.draw(st.sampled_from(sorted(self.world.store.pages.rows)))]

    @invariant()
    def an_open_page_has_a_moment_or_a_message(self) -> None:
        for page in self.world.store.pages.rows.values():
            assert (page.due_at is not None) == (page.state == "open")

    @invariant()
    def at_most_one_unclosed_page_a_group(self) -> None:
        groups = [page.group for page in self.world.store.pages.unclosed()]
        assert len(groups) == len(set(groups))

    @invariant()
    def whatever_fires_and_pages_is_in_an_unclosed_page(self) -> None:
        """Unless a person closed it."""
        closed = {
            fingerprint
            for page in self.world.store.pages.rows.values()
            if page.closed_reason == "closed"
            for fingerprint in page.firing
        }
        held = {fingerprint for page in self.world.store.pages.unclosed() for fingerprint in page.firing}
        waiting = {getattr(event, "fingerprint", None) for event in self.world.pending}
        for event in self.world.log:
            key = (getattr(event, "alert", ""), getattr(event, "severity", ""), getattr(event, "service", ""))
            if type(event).__name__ == "AlertFired" and key in self.firing and key[1] != "SEV4":
                assert event.fingerprint in held | closed | waiting  # type: ignore[attr-defined]

    @invariant()
    def nobody_is_paged_after_an_answer_or_the_end(self) -> None:
        answered: set[str] = set()
        for event in self.world.log:
            if isinstance(event, PageAcknowledged | PageClosed):
                answered.add(event.page)
            if isinstance(event, PageStepTaken):
                assert event.page not in answered
        pages = self.world.store.pages.rows
        for message in self.world.store.outbox.rows.values():
            if message.purpose == "page" and message.state == "pending":
                assert pages[message.page or ""].state == "open"

    @invariant()
    def steps_come_in_order(self) -> None:
        taken: dict[str, list[int]] = {}
        for event in self.world.log:
            if isinstance(event, PageOpened):
                taken[event.page] = []
            if isinstance(event, PageStepTaken):
                taken[event.page].append(event.step)
        for page, steps in taken.items():
            count = max(1, len(self.world.store.pages.rows[page].policy.steps))
            assert steps == [n % count for n in range(len(steps))]

    @invariant()
    def nobody_is_paged_before_it_is_due(self) -> None:
        """Those before have had the time that the policy gives them, unless they could not be reached."""
        last: dict[str, PageStepTaken] = {}
        for event in self.world.steps():
            before, policy = last.get(event.page), self.world.store.pages.rows[event.page].policy
            last[event.page] = event
            if before is None or not policy.steps:
                continue
            if event.step == 0:
                assert self.disturbed or event.at - before.at >= policy.repeat_every
            elif event.reason == "not_acknowledged":
                gap = policy.steps[event.step].after - policy.steps[before.step].after
                assert self.disturbed or event.at - before.at >= gap
            elif event.people:
                assert event.reason == "nobody_reachable"
                assert set(before.people) <= self._unreached(event)

    def _unreached(self, step: PageStepTaken) -> set[str]:
        """Those to whom some message of the page had failed before the step."""
        return {
            event.person or ""
            for event in self.world.log
            if isinstance(event, MessageFailed) and event.page == step.page and event.at <= step.at
        }

    @invariant()
    def nobody_gets_the_same_page_twice(self) -> None:
        keys = [delivered.key for delivered in self.world.delivered]
        assert len(keys) == len(set(keys))

    @invariant()
    def only_working_hours_for_what_can_wait(self) -> None:
        for event in self.world.steps():
            if self.world.store.pages.rows[event.page].severity == "SEV3" and event.people:
                assert event.at.weekday() < 5
                assert 9 <= event.at.hour < 18

    def teardown(self) -> None:
        """When everything works again, every page that is open reaches somebody, if anybody has a contact."""
        world = self.world
        world.workers, world.dead, world.mute = True, set(), set()
        world.settle()
        world.run_until(world.elapsed + 2 * LONG)
        for page in world.store.pages.unclosed():
            rings = [step.targets for step in page.policy.steps]
            if page.state == "open" and rings and all(world.spec.people[name].contacts for name in PEOPLE):
                since = world.elapsed - 2 * LONG
                assert any(d.page == page.id and d.at >= since for d in world.delivered), page


TestPaging = Paging.TestCase
TestPaging.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)

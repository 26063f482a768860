"""Anything may happen, in any order, and the promises about pages hold."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.stories.world import World, a_person, a_spec

from sereno.kernel.errors import Conflict
from sereno.kernel.events import MessageFailed, PageAcknowledged, PageClosed, PageStepTaken
from sereno.kernel.labels import Labels
from sereno.oncall.model import Page
from sereno.spec.model import Step

PEOPLE = ("ana", "bo", "carla")
CHANNELS = ("slack", "email", "sms")
ALERTS = st.sampled_from(("ApiDown", "ErrorRate", "Slow"))
SEVERITIES = st.sampled_from(("SEV1", "P2", "SEV3", "SEV4", "unheard-of"))
SERVICES = st.sampled_from(("checkout", "search", "nowhere"))
MINUTES = st.integers(0, 40).map(lambda n: timedelta(minutes=n))
LONG = timedelta(hours=20)


class Paging(RuleBasedStateMachine):
    """Alerts come and go, people answer or do not, carriers and workers fail, clocks jump."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.firing: set[tuple[str, str, str]] = set()
        self.disturbed = False
        self.read = self.counted = 0
        self.answered: set[str] = set()
        self.unreached: dict[str, set[str]] = {}
        self.last: dict[str, PageStepTaken] = {}
        self.keys: set[str] = set()

    @initialize(
        contacts=st.lists(st.sets(st.sampled_from(CHANNELS)), min_size=3, max_size=3),
        minutes=st.lists(st.integers(0, 30), min_size=1, max_size=3, unique=True).map(sorted),
        pairs=st.booleans(),
        via=st.sampled_from(((), ("sms",), ("email", "sms"))),
    )
    def begin(self, contacts: list[set[str]], minutes: list[int], pairs: bool, via: tuple[str, ...]) -> None:
        people = tuple(a_person(n, *sorted(c, reverse=True)) for n, c in zip(PEOPLE, contacts, strict=True))
        roles = ("primary", "secondary", "backup")
        steps = tuple(
            Step((roles[i], "ana") if pairs else (roles[i],), timedelta(minutes=m), via)  # type: ignore[arg-type]
            for i, m in enumerate(minutes)
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
        del self.world.log[-1]
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
        if self.world.pending:
            return
        closed = {
            fingerprint
            for page in self.world.store.pages.rows.values()
            if page.closed_reason == "closed"
            for fingerprint in page.firing
        }
        held = {fingerprint for page in self.world.store.pages.unclosed() for fingerprint in page.firing}
        for alert, severity, service in self.firing:
            labels = Labels(alertname=alert, severity=severity, service=service)
            assert severity == "SEV4" or labels.fingerprint in held | closed

    @invariant()
    def no_message_waits_for_a_page_that_is_over(self) -> None:
        pages = self.world.store.pages.rows
        for message in self.world.store.outbox.rows.values():
            if message.purpose == "page" and message.state == "pending":
                assert pages[message.page or ""].state == "open"

    @invariant()
    def what_happened_keeps_the_promises(self) -> None:
        for event in self.world.log[self.read :]:
            if isinstance(event, PageAcknowledged | PageClosed):
                self.answered.add(event.page)
            if isinstance(event, MessageFailed):
                self.unreached.setdefault(event.page or "", set()).add(event.person or "")
            if isinstance(event, PageStepTaken):
                self._judge(event, self.last.get(event.page))
                self.last[event.page] = event
        self.read = len(self.world.log)

    def _judge(self, step: PageStepTaken, before: PageStepTaken | None) -> None:
        page = self.world.store.pages.rows[step.page]
        policy = page.policy
        assert step.page not in self.answered, "nobody is paged after an answer"
        if page.severity == "SEV3" and step.people:
            assert step.at.weekday() < 5, "what can wait waits for working hours"
            assert 9 <= step.at.hour < 18
        if before is None or not policy.steps:
            assert step.step == 0
            return
        assert step.step == (before.step + 1) % len(policy.steps), "steps come in order"
        if step.step == 0:
            assert self.disturbed or step.at - before.at >= policy.repeat_every
        elif step.reason == "not_acknowledged":
            gap = policy.steps[step.step].after - policy.steps[before.step].after
            assert self.disturbed or step.at - before.at >= gap, "those before have had their time"
        elif step.people:
            assert step.reason == "nobody_reachable"
            assert set(before.people) <= self.unreached.get(step.page, set()), "or could not be reached"

    @invariant()
    def nobody_gets_the_same_page_twice(self) -> None:
        for delivered in self.world.delivered[self.counted :]:
            assert delivered.key not in self.keys
            self.keys.add(delivered.key)
        self.counted = len(self.world.delivered)

    def teardown(self) -> None:
        """When everything works again, every page that is open reaches somebody, if anybody has a contact."""
        world = self.world
        world.workers, world.dead, world.mute = True, set(), set()
        world.settle()
        since = world.elapsed
        waiting = [page for page in world.store.pages.unclosed() if page.state == "open" and page.policy.steps]
        patience = timedelta(days=4) if any(page.severity == "SEV3" for page in waiting) else timedelta(hours=3)
        world.run_until(since + patience)
        for page in waiting:
            if all(world.spec.people[name].contacts for name in PEOPLE):
                assert any(d.page == page.id and d.at >= since for d in world.delivered), page


TestPaging = Paging.TestCase
TestPaging.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)

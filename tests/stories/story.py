"""The language of stories. One line says when, and either what happens or what must have happened.

    schedule ana, bo, carla                  the ring; primary, secondary and backup are its first three
    zone America/Lima                        of the schedule and the team (else UTC)
    begins 2026-03-06 22:30                  the wall clock (UTC) at 0m (else Monday 2026-03-02 12:00)
    contacts ana: slack, email               in the order in which they are tried (else slack); `none`
    steps primary 0m, secondary+bo 5m        whom, and how long after the round began; `primary 0m via sms+phone`
    repeat 15m                               how long after its last step a round begins again
    at 0m    alert ApiDown fires P1          … `of search` for another service than checkout
    at 9m    alert ApiDown resolves
    at 0m    expect page ana because "opened"      … `through email`
    at 9m    expect closed ana
    at 6m    bo acknowledges                 … `but "ana has already"` when it must be refused
    at 6m    bo closes
    at 0m    ana's slack is dead             it refuses; `mute`: it does not answer; `fine` again
    at 0m    workers stop                    … `workers start`
    at 1m    clock jumps 1h                  … or -1h
    until 2h expect no page

Every page and every closing that anyone gets must be expected: one that is not fails the story.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.stories.world import Delivered, World, a_person, a_spec

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import Conflict
from sereno.spec.model import Schedule, Step, Team

REASONS = {
    "opened": "opened",
    "not acknowledged in time": "not_acknowledged",
    "nobody reachable": "nobody_reachable",
    "another round": "repeated",
}


def _step(who: str, after: str, _via: str = "", channels: str = "") -> Step:
    via = tuple(channels.split("+")) if channels else ()
    return Step(tuple(who.split("+")), parse_duration(after), via)  # type: ignore[arg-type]


@dataclass
class Story:
    """A story being told: its world, and the deliveries that no line has expected yet."""

    world: World = field(default_factory=World)
    expected: int = 0

    def tell(self, text: str) -> World:
        """Tell every line. Raises AssertionError at the first that is not so."""
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        for number, line in enumerate(lines, 1):
            if line:
                try:
                    self._line(line)
                except AssertionError as error:
                    raise AssertionError(f"line {number}: {line}\n{error}\n{self._so_far()}") from None
        self._nothing_unexpected()
        return self.world

    def _line(self, line: str) -> None:
        for pattern, act in _LINES:
            if found := re.fullmatch(pattern, line):
                values = found.groupdict()
                moment = values.pop("moment", None)
                if moment is not None:
                    self._pass(parse_duration(moment))
                act(self, **values)
                return
        raise ValueError(f"not a line of a story: {line}")

    def _pass(self, moment: timedelta) -> None:
        assert moment >= self.world.elapsed, f"time does not go back to {moment}"
        self.world.run_until(moment)
        self._nothing_unexpected(before=moment)

    def _nothing_unexpected(self, before: timedelta = timedelta.max) -> None:
        rest = [one for one in self.world.delivered[self.expected :] if one.at < before]
        assert not rest, f"not expected: {rest[0]}"

    def _expect(self, purpose: str, person: str, reason: str | None, channel: str | None) -> None:
        rest = self.world.delivered[self.expected :]
        assert rest, f"no {purpose} for {person}"
        got: Delivered = rest[0]
        assert (got.purpose, got.person, got.at) == (purpose, person, self.world.elapsed), f"instead: {got}"
        assert reason is None or got.reason == REASONS[reason], f"instead: {got}"
        assert channel is None or got.channel == channel, f"instead: {got}"
        self.expected += 1

    def _so_far(self) -> str:
        return "\n".join(f"  {d.at}  {d.purpose} {d.person} {d.channel} {d.reason}" for d in self.world.delivered)

    def schedule(self, names: str) -> None:
        ring = tuple(name.strip() for name in names.split(",") if name.strip())
        people = tuple(a_person(name, "slack") for name in dict.fromkeys(ring))
        self.world.spec = a_spec(people, ring)

    def zone(self, name: str) -> None:
        spec = self.world.spec
        schedule: Schedule = replace(spec.schedules["rota"], zone=name)
        team: Team = replace(spec.teams["team"], zone=name)
        self.world.spec = replace(spec, schedules={"rota": schedule}, teams={"team": team})

    def begins(self, moment: str) -> None:
        self.world.began = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    def contacts(self, person: str, channels: str) -> None:
        self.world.with_contacts(person, *(c.strip() for c in channels.split(",") if c.strip() != "none"))

    def steps(self, steps: str) -> None:
        self._escalation(steps=tuple(_step(*step.split()) for step in steps.split(",")))

    def repeat(self, every: str) -> None:
        self._escalation(repeat_every=parse_duration(every))

    def _escalation(self, **changes: object) -> None:
        escalation = replace(self.world.spec.escalations["default"], **changes)  # type: ignore[arg-type]
        self.world.spec = replace(self.world.spec, escalations={"default": escalation})

    def fires(self, alert: str, severity: str, service: str | None) -> None:
        self.severities = {**getattr(self, "severities", {}), alert: severity}
        self.world.fire(alert, severity, service or "checkout")

    def resolves(self, alert: str, service: str | None) -> None:
        self.world.resolve(alert, self.severities[alert], service or "checkout")

    def expect_page(self, person: str, reason: str | None, channel: str | None) -> None:
        self._expect("page", person, reason, channel)

    def expect_closed(self, person: str) -> None:
        self._expect("closed", person, None, None)

    def quiet(self) -> None:
        self._nothing_unexpected()

    def acknowledges(self, person: str, refusal: str | None) -> None:
        self._answer(lambda page: self.world.acknowledge(page, person), refusal)

    def closes(self, person: str, refusal: str | None) -> None:
        self._answer(lambda page: self.world.close(page, person), refusal)

    def _answer(self, act: Callable[[str], None], refusal: str | None) -> None:
        page = self.world.store.pages.recent(1)[0].id
        refused = ""
        try:
            act(page)
        except Conflict as error:
            refused = str(error)
        assert bool(refused) == (refusal is not None), f"refused: {refused}" if refused else "it was not refused"
        assert (refusal or "") in refused, f"refused with other words: {refused}"

    def channel(self, person: str, channel: str, state: str) -> None:
        address = f"{person}@{channel}"
        self.world.dead.discard(address)
        self.world.mute.discard(address)
        {"dead": self.world.dead, "mute": self.world.mute, "fine": set[str]()}[state].add(address)

    def workers(self, state: str) -> None:
        self.world.workers = state == "start"
        self.world.settle()

    def jumps(self, by: str) -> None:
        size = parse_duration(by.removeprefix("-"))
        self.world.clock_error += -size if by.startswith("-") else size
        self.world.settle()


_AT = r"at (?P<moment>\w+) +"
_LINES: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"schedule (?P<names>.*)", Story.schedule),
    (r"zone (?P<name>\S+)", Story.zone),
    (r"begins (?P<moment_>.+)", lambda story, moment_: story.begins(moment_)),
    (r"contacts (?P<person>\w+): (?P<channels>.+)", Story.contacts),
    (r"steps (?P<steps>.+)", Story.steps),
    (r"repeat (?P<every>\w+)", Story.repeat),
    (_AT + r"alert (?P<alert>\w+) fires (?P<severity>\w+)(?: of (?P<service>\w+))?", Story.fires),
    (_AT + r"alert (?P<alert>\w+) resolves(?: of (?P<service>\w+))?", Story.resolves),
    (_AT + r'expect page (?P<person>\w+)(?: because "(?P<reason>[^"]+)")?(?: through (?P<channel>\w+))?',
     Story.expect_page),
    (_AT + r"expect closed (?P<person>\w+)", Story.expect_closed),
    (_AT + r'(?P<person>\w+) acknowledges(?: but "(?P<refusal>[^"]+)")?', Story.acknowledges),
    (_AT + r'(?P<person>\w+) closes(?: but "(?P<refusal>[^"]+)")?', Story.closes),
    (_AT + r"(?P<person>\w+)'s (?P<channel>\w+) is (?P<state>dead|mute|fine)", Story.channel),
    (_AT + r"workers (?P<state>stop|start)", Story.workers),
    (_AT + r"clock jumps (?P<by>-?\w+)", Story.jumps),
    (r"until (?P<moment>\w+) expect no page", Story.quiet),
)  # fmt: skip


def tell(text: str) -> World:
    """Tell a story from its beginning."""
    return Story().tell(text)

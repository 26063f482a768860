"""A demand on a person put into words: what is wrong, for whom, since when, what to do, who comes next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sereno.kernel.clock import Ids
from sereno.kernel.language import figure, local, say, span
from sereno.kernel.message import Language, Message
from sereno.kernel.moment import iso
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.oncall.model import Page, Signal
from sereno.oncall.ports import Links
from sereno.oncall.rules import Demand, people_of
from sereno.oncall.words import PHRASES
from sereno.spec.model import Contact, Person, Spec

SUBJECT_MAX = 120
TEXT_MAX = 1000
NAMED_MAX = 5
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Writer:
    """What it takes to write messages about a page at an instant."""

    page: Page
    spec: Spec
    now: datetime
    ids: Ids
    links: Links

    def page_message(self, demand: Demand) -> Message:
        """The message that asks `demand.person` to answer. Raises LookupError if the spec lacks person or contact."""
        person = self.spec.people[demand.person]
        contact = person.contacts[demand.contact]
        ack_url = self.links.ack_url(self.page.id, person.name)
        return Message(
            id=self.ids.new("msg"), key=message_key(self.page.id, demand, contact), channel=contact.channel,
            address=contact.address, purpose="page", subject=self._subject("subject_page", person.language),
            text=self._page_text(person, demand, ack_url), due_at=self.now, person=person.name,
            contact=demand.contact, page=self.page.id, ack_url=ack_url, language=person.language,
            data=self._data("page", demand), created_at=self.now,
        )  # fmt: skip

    def closed_message(self, told: Message) -> Message | None:
        """The message that tells whoever got `told` that it is over; None if they are no longer in the spec."""
        person = self.spec.people.get(told.person or "")
        if person is None:
            return None
        return Message(
            id=self.ids.new("msg"), key=f"{self.page.id}/end/{person.name}/{told.contact}-{told.channel}/closed",
            channel=told.channel, address=told.address, purpose="closed",
            subject=self._subject("subject_closed", person.language), text=self._closed_text(person),
            due_at=self.now, person=person.name, contact=told.contact, page=self.page.id,
            language=person.language, data=self._data("closed", None), created_at=self.now,
        )  # fmt: skip

    def _subject(self, phrase: str, language: Language) -> str:
        title = self._service_title()
        line = say(
            PHRASES, phrase, language,
            severity=self.page.severity, service=title, summary=self.page.summary.removeprefix(f"{title}: "),
        )  # fmt: skip
        return clipped(" ".join(clean(line).split()), SUBJECT_MAX)

    def _page_text(self, person: Person, demand: Demand, ack_url: str) -> str:
        to = person.language
        blocks = (
            [clipped(clean(self.page.summary), TEXT_MAX)],
            list(self._facts(person)),
            [clipped(clean(self.page.details.get("description", "")), TEXT_MAX)],
            self._line("runbook", to, runbook=clean(self.page.details.get("runbook", ""))),
            [self._why(person, demand), self._next(person)],
            [say(PHRASES, "acknowledge", to, url=ack_url),
             say(PHRASES, "see", to, url=self.links.page_url(self.page.id))],
        )  # fmt: skip
        return _joined(blocks)

    def _closed_text(self, person: Person) -> str:
        to, page = person.language, self.page
        ended = page.closed_at or self.now
        by = self._person_title(page.details.get("closed_by", ""))
        how = "closed_resolved" if page.closed_reason == "resolved" else "closed_closed"
        lasted = say(
            PHRASES, "lasted", to, opened=local(page.opened_at, person.zone, to),
            closed=local(ended, person.zone, to), length=span(ended - page.opened_at, to),
        )  # fmt: skip
        return _joined((
            [clipped(clean(page.summary), TEXT_MAX)],
            [say(PHRASES, how, to, by=by), lasted, self._answer(to), say(PHRASES, "nothing_to_do", to)],
            [say(PHRASES, "see", to, url=self.links.page_url(page.id))],
        ))  # fmt: skip

    def _answer(self, to: Language) -> str:
        page = self.page
        if page.acknowledged_at is None:
            return say(PHRASES, "unanswered", to)
        delay = span(page.acknowledged_at - page.opened_at, to)
        return say(PHRASES, "answered", to, by=self._person_title(page.acknowledged_by or ""), delay=delay)

    def _facts(self, person: Person) -> list[str]:
        to, signal = person.language, self._first()
        facts = [say(PHRASES, "service", to, service=self._service_title())]
        facts += self._line("component", to, component=", ".join(self._components()))
        facts += self._severity(to)
        if signal is None:
            return facts
        age = span(self.now - signal.since, to)
        facts.append(say(PHRASES, "since", to, since=local(signal.since, person.zone, to), age=age))
        facts.append(say(PHRASES, "value", to, value=figure(signal.value, to)))
        return [clean(fact) for fact in (*facts, *self._budget(signal, to), *self._also(signal, to))]

    def _severity(self, to: Language) -> list[str]:
        """The severity with its description, unless that is ours and so in English only."""
        severity = self.spec.severities.find(self.page.severity)
        description = severity.description if severity else ""
        if to != "en" and severity in DEFAULT_SEVERITIES.scale:
            description = ""
        described = self._line("severity_described", to, severity=self.page.severity, description=description)
        return described or [say(PHRASES, "severity", to, severity=self.page.severity)]

    def _budget(self, signal: Signal, to: Language) -> list[str]:
        labels = signal.labels
        lines = self._line("slo", to, slo=labels.get("slo", ""))
        if "budget_share" in labels and "window_long" in labels:
            lines += self._line("budget", to, share=labels["budget_share"], window=labels["window_long"])
        return lines + self._line("exhausts", to, exhausts=labels.get("exhausts_in", ""))

    def _also(self, first: Signal, to: Language) -> list[str]:
        others = [s.alert for s in self.page.signals if s is not first and s.fingerprint in self.page.firing]
        names = ", ".join(dict.fromkeys(others[:NAMED_MAX]))
        if len(others) > NAMED_MAX:
            names = say(PHRASES, "and_more", to, alerts=names, count=len(others) - NAMED_MAX)
        return self._line("also", to, alerts=names)

    def _why(self, person: Person, demand: Demand) -> str:
        if demand.failed is None:
            return say(PHRASES, f"why_{demand.reason}", person.language)
        failed = say(PHRASES, f"channel_{demand.failed}", person.language)
        return say(PHRASES, "why_contact", person.language, channel=failed)

    def _next(self, person: Person) -> str:
        due_at = self.page.due_at
        if due_at is None:
            return ""
        to = person.language
        people = people_of(self.page, self.page.step, self.spec, due_at)
        moment = self._moment(due_at, person)
        if not people:
            return say(PHRASES, "next_nobody", to, time=moment)
        you = say(PHRASES, "you", to)
        names = ", ".join(you if name == person.name else self._person_title(name) for name in people)
        return say(PHRASES, "next", to, time=moment, people=names)

    def _moment(self, instant: datetime, person: Person) -> str:
        """`instant` on the person's clock, with its date unless it is today's."""
        text = local(instant, person.zone, person.language)
        today = local(self.now, person.zone, person.language).split()[0]
        date, _, time = text.partition(" ")
        if date == today:
            return say(PHRASES, "time_today", person.language, time=time)
        return say(PHRASES, "time_later", person.language, time=text)

    def _data(self, kind: str, demand: Demand | None) -> dict[str, object]:
        page, due_at = self.page, self.page.due_at
        return {
            "event": kind, "page": page.id, "state": page.state, "service": page.service,
            "service_title": self._service_title(), "severity": page.severity, "summary": page.summary,
            "opened_at": iso(page.opened_at), "url": self.links.page_url(page.id),
            "runbook": page.details.get("runbook"), "round": demand.round if demand else None,
            "step": demand.step if demand else None, "reason": demand.reason if demand else page.closed_reason,
            "next_at": iso(due_at) if due_at else None,
            "acknowledged_by": page.acknowledged_by,
            "alerts": [_alert(signal, signal.fingerprint in page.firing) for signal in page.signals],
        }  # fmt: skip

    def _first(self) -> Signal | None:
        """The oldest alert that still fires, or the oldest of all."""
        firing = [s for s in self.page.signals if s.fingerprint in self.page.firing]
        return min(firing or self.page.signals, key=lambda s: s.since, default=None)

    def _components(self) -> list[str]:
        pages = self.spec.status_pages.values()
        return [part.name for page in pages for part in page.components if self.page.service in part.services]

    def _service_title(self) -> str:
        service = self.spec.services.get(self.page.service)
        return (service.title if service else "") or self.page.service

    def _person_title(self, name: str) -> str:
        person = self.spec.people.get(name)
        return clean((person.title if person else "") or name)

    def _line(self, phrase: str, language: Language, **values: str) -> list[str]:
        return [say(PHRASES, phrase, language, **values)] if all(values.values()) else []


def message_key(page_id: str, demand: Demand, contact: Contact) -> str:
    """What makes a page message one and the same, however often decided: page/round/step/person/contact/purpose."""
    return f"{page_id}/{demand.round}/{demand.step}/{demand.person}/{demand.contact}-{contact.channel}/page"


def step_of(message: Message) -> tuple[int, int] | None:
    """The round and step that a page message belongs to, read from its key."""
    parts = message.key.removeprefix(f"{message.page}/").split("/")
    return (int(parts[0]), int(parts[1])) if len(parts) >= 2 and parts[0].isdigit() and parts[1].isdigit() else None


def clean(text: str) -> str:
    """`text` without control characters and without the marks that turn the direction of reading."""
    return _CONTROL.sub(" ", text).strip()


def clipped(text: str, length: int) -> str:
    """At most `length` characters of `text`, an ellipsis showing that there was more."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _alert(signal: Signal, firing: bool) -> dict[str, object]:
    return {
        "fingerprint": signal.fingerprint, "alert": signal.alert, "firing": firing, "since": iso(signal.since),
        "value": signal.value, "labels": signal.labels, "annotations": signal.annotations,
    }  # fmt: skip


def _joined(blocks: tuple[list[str], ...]) -> str:
    return "\n\n".join("\n".join(filter(None, block)) for block in blocks if any(block)) + "\n"

"""What needs a person now, and what nobody knows. Unknown is never shown as calm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from sereno.alerts.model import Alert
from sereno.incidents.model import Incident
from sereno.oncall.model import Page
from sereno.slo.model import Budget
from sereno.spec.model import Spec

Mood = Literal["action", "working", "attention", "unknown", "calm"]
RULES_TOLD = 5
"""Rules that cannot be evaluated are told one by one up to here; then counted."""
LATE_AFTER = timedelta(minutes=5)


class Target(Protocol):
    """A scrape target as the scraper tells of it."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def health(self) -> str:
        """`up`, `down` or `unknown`."""
        ...

    @property
    def error(self) -> str | None:
        """Why it is down."""
        ...


@dataclass(frozen=True, slots=True)
class Missing:
    """Something nobody knows: a phrase's key and what goes into it."""

    phrase: str
    name: str = ""
    detail: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the console's first page says."""

    mood: Mood
    pages: tuple[Page, ...]
    incidents: tuple[Incident, ...]
    firing: tuple[Alert, ...]
    budgets: tuple[Budget, ...]
    missing: tuple[Missing, ...]

    @property
    def unanswered(self) -> int:
        """How many pages wait for an answer."""
        return sum(page.state == "open" for page in self.pages)


def judge(
    pages: Sequence[Page],
    incidents: Sequence[Incident],
    alerts: Sequence[Alert],
    budgets: Iterable[Budget],
    missing: Sequence[Missing],
) -> Situation:
    """The situation, from what is open (`alerts` are pending and firing) and what is missing.

    An unanswered page asks for someone; answered pages and open incidents mean someone is on it; firing alerts and
    spent budgets deserve attention; with none of these, calm only if nothing is missing.
    """
    firing = tuple(alert for alert in alerts if alert.state == "firing")
    worrying = [budget for budget in budgets if budget.state in ("at_risk", "exhausted")]
    worrying.sort(key=lambda budget: budget.remaining if budget.remaining is not None else 1)
    mood: Mood = "calm"
    if any(page.state == "open" for page in pages):
        mood = "action"
    elif pages or incidents:
        mood = "working"
    elif firing or worrying:
        mood = "attention"
    elif missing:
        mood = "unknown"
    return Situation(mood, tuple(pages), tuple(incidents), firing, tuple(worrying), tuple(missing))


def without_userinfo(url: str) -> str:
    """An address less the name and password that may stand in it."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else url


def what_is_missing(
    spec: Spec,
    targets: Sequence[Target],
    budgets: Mapping[tuple[str, str], Budget],
    now: datetime,
    *,
    evaluated_at: datetime | None,
    evaluation_error: str | None,
    rules: Sequence[tuple[str, str]] = (),
    late_after: timedelta = LATE_AFTER,
) -> tuple[Missing, ...]:
    """Everything about which no honest word can be said at `now`."""
    found: list[Missing] = []
    if not spec.services:
        found.append(Missing("missing.nothing"))
    if evaluation_error:
        found.append(Missing("missing.evaluation", detail=evaluation_error))
    found += [Missing("missing.rule", name, why) for name, why in rules[:RULES_TOLD]]
    if len(rules) > RULES_TOLD:
        found.append(Missing("missing.rules", detail=str(len(rules) - RULES_TOLD)))
    if evaluated_at is None and spec.services:
        found.append(Missing("missing.never"))
    elif evaluated_at is not None and now - evaluated_at > late_after:
        found.append(Missing("missing.late", since=evaluated_at))
    for target in targets:
        if target.health == "down":
            found.append(Missing("missing.target", without_userinfo(target.url), target.error or ""))
        elif target.health != "up":
            found.append(Missing("missing.target.unknown", without_userinfo(target.url)))
    for service in spec.services.values():
        for slo in service.slos:
            budget, name = budgets.get((service.name, slo.name)), f"{service.title or service.name} · {slo.name}"
            if budget is None or budget.state == "unknown":
                found.append(Missing("missing.budget", name))
            elif now - budget.at > late_after:
                found.append(Missing("missing.stale", name, since=budget.at))
    return tuple(found)

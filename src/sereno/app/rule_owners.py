"""Whose an alert from a rule file is, and how bad: rule files know nothing of services and teams."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sereno.app.settings import Settings
from sereno.kernel.labels import Labels
from sereno.kernel.severity import Severities
from sereno.spec.model import Spec


def place_of(spec: Spec, settings: Settings) -> Callable[[Labels], tuple[str, str]]:
    """A function from an alert's labels to its service and severity.

    The service is, whichever comes first: what the label `service` names, if it is declared; the service called as
    the label `job`, or that scrapes a job of that name; the first service of the team in the label `team`; the
    setting `rules_service`; the first service of the spec. Somebody is always asked. The severity is what the label
    `severity` (or `priority`) means on the scale; `none` is its mildest; a word that the scale does not know pages at
    once; without a label it is the setting `rules_severity`.
    """
    jobs = {job.job: service.name for service in reversed(spec.services.values()) for job in service.scrape}
    teams: dict[str, str] = {}
    for service in spec.services.values():
        teams.setdefault(service.team, service.name)
    fallback = settings.rules_service or next(iter(spec.services), "")

    @lru_cache(maxsize=1024)
    def place(labels: Labels) -> tuple[str, str]:
        named = labels.get("service", ""), labels.get("job", "")
        service = next((name for name in named if name in spec.services), None)
        service = service or jobs.get(labels.get("job", "")) or teams.get(labels.get("team", "")) or fallback
        return service, _severity(spec.severities, labels, settings.rules_severity)

    return place


def _severity(scale: Severities, labels: Labels, otherwise: str) -> str:
    word = labels.get("severity") or labels.get("priority") or otherwise
    found = scale.find(word)
    if found is not None:
        return found.name
    return scale.scale[-1].name if word.lower() == "none" and scale.scale else word

"""The target `alertmanager`: who hears of what, when, how often, and what is kept quiet by what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from sereno.compiler.alertmanager_receivers import SWITCH, receiver, smtp
from sereno.compiler.alertmanager_times import Unexpressed, intervals_of, working_hours
from sereno.compiler.prometheus_rules import NOTICE, WATCHDOG, alerts_of
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.kernel.rule import Rule
from sereno.kernel.severity import Severity
from sereno.spec.model import Spec
from sereno.spec.model_monitoring import NotificationRoute, Notifications

NOBODY = "no one"
_UNKNOWN_PAGES = "# sereno: ignore-file SER313 a severity that nobody declared goes where the worst goes, on purpose\n"
_PATIENCE = {
    "always": (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1)),
    "working_hours": (timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=12)),
    "never": (timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)),
}
"""How long a new group waits, how long more of it, and when it is said again: by whether the severity wakes people."""


@dataclass(frozen=True, slots=True)
class _Quiet:
    """Time intervals by name, those that mute each service, and sentences about what has no form."""

    intervals: dict[str, list[Value]]
    by_service: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


def build(request: Request) -> Output:
    """Alertmanager's configuration: routes, receivers, time intervals, inhibition and the watchdog's way."""
    spec = request.spec
    alerts = alerts_of(request)
    if not alerts:
        return Output({}, ("the spec declares no alert and no objective: there is nothing to route",))
    notes: list[str] = []
    notifications = spec.notifications
    if notifications is None:
        notes.append("the workspace declares no `notifications`: Alertmanager tells nobody of anything")
    elif not notifications.watchdog:
        notes.append("`notifications` names no `watchdog`: nobody would notice that Prometheus or Alertmanager is down")
    if spec.raw.alertmanager:
        notes.append("what the workspace keeps `raw` of an Alertmanager file is not written: it is kept for people")
    quiet = _quiet(spec)
    routes, used = _routes(spec, notifications, quiet, alerts)
    wanted = [(NOBODY,), *used]
    receivers = [receiver(to, notifications, spec.severities) for to in dict.fromkeys(wanted)]
    times = {**_hours(spec), **quiet.intervals}
    named = _mentioned(routes)
    document: dict[str, Value] = {
        "global": {"resolve_timeout": "5m", **(smtp(notifications) if notifications else {})},
        "route": routes,
        "inhibit_rules": list(_inhibitions(spec, alerts)),
        "receivers": receivers,
        "time_intervals": [
            {"name": name, "time_intervals": found} for name, found in sorted(times.items()) if name in named
        ],
    }
    written = {key: value for key, value in document.items() if value}
    return Output({"alertmanager/alertmanager.yml": NOTICE + _UNKNOWN_PAGES + yaml(written)}, (*notes, *quiet.notes))


def _hours(spec: Spec) -> dict[str, list[Value]]:
    return {_hours_name(zone): [working_hours(zone)] for zone in sorted({team.zone for team in spec.teams.values()})}


def _hours_name(zone: str) -> str:
    return f"working hours {zone}"


def _quiet(spec: Spec) -> _Quiet:
    intervals: dict[str, list[Value]] = {}
    by_service: dict[str, list[str]] = {name: [] for name in spec.services}
    notes: list[str] = []
    for name in sorted(spec.maintenances):
        maintenance = spec.maintenances[name]
        found = intervals_of(maintenance)
        if isinstance(found, Unexpressed):
            notes.append(f"Alertmanager is not quiet during the maintenance {name}: {found.reason}")
            continue
        if maintenance.rrule and (maintenance.start.month, maintenance.start.day) > (1, 7):
            year = maintenance.start.year
            notes.append(f"Alertmanager keeps quiet during the maintenance {name} from the beginning of {year} on")
        intervals[f"maintenance {name}"] = found
        for service in maintenance.services or spec.services:
            by_service[service].append(f"maintenance {name}")
    return _Quiet(intervals, {name: tuple(found) for name, found in by_service.items()}, tuple(notes))


def _routes(
    spec: Spec, notifications: Notifications | None, quiet: _Quiet, alerts: Iterable[Rule]
) -> tuple[dict[str, Value], list[tuple[str, ...]]]:
    """The tree of routes, and the sets of receivers that it names."""
    everyone = tuple(one.name for one in notifications.receivers) if notifications else ()
    declared = notifications.routes if notifications else ()
    fallback = _woken(spec, declared, everyone)
    services = sorted({alert.service for alert in alerts} & set(spec.services))
    used: list[tuple[str, ...]] = [fallback]
    watchdog = (notifications.watchdog,) if notifications and notifications.watchdog else (NOBODY,)
    used.append((SWITCH, *watchdog))
    children: list[Value] = [
        {
            "matchers": [f'alertname="{WATCHDOG}"'],
            "receiver": _name((SWITCH, *watchdog)),
            "group_wait": "0s",
            "group_interval": "1m",
            "repeat_interval": "5m",
        }
    ]
    for severity in spec.severities:
        for to, teams, all_left in _told(spec, severity, declared, fallback):
            used.append(to)
            children += _leaves(spec, severity, to, teams, quiet, services, all_left=all_left)
    wait, more, again = _PATIENCE["always"]
    root: dict[str, Value] = {
        # A severity that nobody declared pages at once, as Sereno itself has it.
        "receiver": _name(fallback),
        # Each severity has a route of its own below, and with it groups of its own.
        "group_by": ["service"],
        "group_wait": format_duration(wait),
        "group_interval": format_duration(more),
        "repeat_interval": format_duration(again),
        "routes": children,
    }
    return root, used


def _woken(spec: Spec, declared: tuple[NotificationRoute, ...], everyone: tuple[str, ...]) -> tuple[str, ...]:
    """Who hears of the worst."""
    worst = next(iter(spec.severities)).name
    for route in declared:
        if not route.teams and (not route.severities or worst in route.severities):
            return route.to
    return everyone or (NOBODY,)


def _told(
    spec: Spec, severity: Severity, declared: tuple[NotificationRoute, ...], fallback: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], bool]]:
    """Who is told of a severity, of which teams' services, and whether these are all that are left; no route is
    beyond reach.

    What never pages goes to no one unless a route names its severity; of the rest those hear who hear of the worst.
    """
    left = set(spec.teams)
    for route in declared:
        wanted = severity.name in route.severities or (not route.severities and severity.page != "never")
        if not wanted:
            continue
        if not route.teams:
            yield route.to, tuple(sorted(left)), True
            return
        teams = tuple(sorted(left.intersection(route.teams)))
        left -= set(teams)
        if teams:
            yield route.to, teams, False
    yield (NOBODY,) if severity.page == "never" else fallback, tuple(sorted(left)), True


def _leaves(
    spec: Spec, severity: Severity, to: tuple[str, ...], teams: tuple[str, ...], quiet: _Quiet, services: list[str],
    *, all_left: bool,
) -> list[Value]:  # fmt: skip
    """The routes of one severity and `teams`: one for each zone of working hours, and one for each maintenance."""
    wait, more, again = _PATIENCE[severity.page]
    base: dict[str, Value] = {
        "receiver": _name(to),
        "group_wait": format_duration(wait),
        "group_interval": format_duration(more),
        "repeat_interval": format_duration(again),
    }
    spelled = "|".join(_escaped(name) for name in (severity.name, *severity.aliases))
    zones = sorted({spec.teams[team].zone for team in teams})
    by_zone = severity.page == "working_hours"
    groups = [(zone, [team for team in teams if spec.teams[team].zone == zone]) for zone in zones] if by_zone else []
    leaves: list[Value] = []
    for zone, members in groups or [("", list(teams))]:
        matchers = [f'severity=~"(?i:{spelled})"']
        if not all_left or len(groups) > 1:
            matchers.append(f'team=~"{"|".join(map(_escaped, members))}"')
        active: dict[str, Value] = {"active_time_intervals": [_hours_name(zone)]} if zone else {}
        split = _by_maintenance(quiet, [s for s in services if spec.services[s].team in members])
        inner: list[Value] = [
            {
                "matchers": [f'service=~"{"|".join(map(_escaped, names))}"'],
                **active,
                "mute_time_intervals": list(muted),
            }
            for muted, names in split.items()
            if muted
        ]
        leaves.append({"matchers": matchers, **base, **active, **({"routes": inner} if inner else {})})
    return leaves


def _by_maintenance(quiet: _Quiet, services: list[str]) -> dict[tuple[str, ...], list[str]]:
    split: dict[tuple[str, ...], list[str]] = {}
    for service in services:
        split.setdefault(quiet.by_service.get(service, ()), []).append(service)
    return split


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(".", "\\\\.")


def _name(to: tuple[str, ...]) -> str:
    return ", ".join(to)


def _mentioned(value: Value) -> set[str]:
    """The names of time intervals that the routes use."""
    if isinstance(value, dict):
        own = {str(name) for key in ("active_time_intervals", "mute_time_intervals") for name in value.get(key, ())}
        return own.union(*map(_mentioned, value.get("routes", ())))
    return set()


def _inhibitions(spec: Spec, alerts: Iterable[Rule]) -> Iterable[Value]:
    """A worse alert keeps the milder ones about the same thing quiet; causes keep their effects quiet."""
    scale = [(severity.name, *severity.aliases) for severity in spec.severities]
    about = {label for alert in alerts for label in alert.labels}
    for index, (names, _) in enumerate(pairwise(scale)):
        milder = [name for later in scale[index + 1 :] for name in later]
        worse, less = ("|".join(map(_escaped, each)) for each in (names, milder))
        for label in ("slo", "saturation", "probe"):
            if label in about:
                yield {
                    "source_matchers": _as_alertmanager_sorts(f'severity=~"(?i:{worse})"', f'{label}!=""'),
                    "target_matchers": _as_alertmanager_sorts(f'severity=~"(?i:{less})"', f'{label}!=""'),
                    "equal": ["service", label],
                }
        yield {
            "source_matchers": [f'severity=~"(?i:{worse})"'],
            "target_matchers": [f'severity=~"(?i:{less})"'],
            "equal": ["alertname", "service"],
        }
    for cause in ("cluster", "node"):
        if any(alert.labels.get("scope") == cause for alert in alerts):
            # An alert that says of itself that it is about a whole cluster (node) explains all that is on it.
            yield {
                "source_matchers": _as_alertmanager_sorts(f'scope="{cause}"', f'{cause}!=""'),
                "target_matchers": _as_alertmanager_sorts(
                    f'scope!="{cause}"', f'{cause}!=""', f'alertname!="{WATCHDOG}"'
                ),
                "equal": [cause],
            }


def _as_alertmanager_sorts(*matchers: str) -> list[Value]:
    """Matchers in the order in which Alertmanager tells its configuration, so that `sereno diff` finds them alike."""
    return [*sorted(matchers)]

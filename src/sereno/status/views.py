"""A board as its readers see it: every text, number and bar ready for the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from sereno.kernel.language import local, percent, say, span
from sereno.kernel.message import Language
from sereno.kernel.moment import iso
from sereno.kernel.severity import ComponentState
from sereno.status.model import STATES, Board, ComponentBoard, Day, PublicIncident
from sereno.status.rules import DAYS, WEIGHTS, floor_ratio, shown, worst
from sereno.status.statuspage import public_id
from sereno.status.words import BANNER, PAGE, STATE

PAST_DAYS = 14
NARROW_DAYS = 30
NOTABLE_COVERAGE = Fraction(99, 100)
LEGEND: tuple[ComponentState, ...] = (
    "operational", "degraded", "partial_outage", "major_outage", "maintenance", "unknown",
)  # fmt: skip
DAY_WIDTH = 8
HEIGHT = 32
# The worse the day, the taller its bar: colour is never the only sign.
BAR_HEIGHTS: dict[ComponentState, int] = {
    "operational": 12,
    "maintenance": 12,
    "unknown": 12,
    "degraded": 18,
    "partial_outage": 25,
    "major_outage": 32,
}


@dataclass(frozen=True, slots=True)
class Time:
    """An instant for people and for machines."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class Bars:
    """All bars of one state: the path of an SVG, one horizontal stroke a run of days, dashed into days by CSS."""

    state: ComponentState
    path: str


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day worth telling, as a row of a table."""

    day: str
    state: ComponentState
    state_text: str
    availability: str
    coverage: str


@dataclass(frozen=True, slots=True)
class ComponentView:
    """One component."""

    name: str
    description: str
    state: ComponentState
    state_text: str
    uptime: str
    coverage: str
    label: str
    bars: tuple[Bars, ...]
    rows: tuple[DayRow, ...]
    rows_title: str


@dataclass(frozen=True, slots=True)
class UpdateView:
    """Something the public was told."""

    time: Time
    phase: str
    text: str
    next: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident."""

    anchor: str
    title: str
    state: ComponentState
    affects: str
    when: Time
    lasted: str
    updates: tuple[UpdateView, ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """The whole page."""

    language: Language
    other: Language
    name: str
    title: str
    page_title: str
    description: str
    state: ComponentState
    banner: str
    checked: Time
    zone: str
    generated: bool
    components: tuple[ComponentView, ...]
    open: tuple[IncidentView, ...]
    past: tuple[IncidentView, ...]
    legend: tuple[tuple[ComponentState, str], ...]
    words: dict[str, str]
    width: int = DAYS * DAY_WIDTH
    height: int = HEIGHT


def page_view(board: Board, language: Language) -> PageView:
    """`board` in `language`."""
    page = board.page
    speak = _Speaker(language, page.zone, board.at)
    overall = worst(c.state for c in board.components)
    recent = board.at - timedelta(days=PAST_DAYS)
    banner = _banner(board, overall, language)
    return PageView(
        language=language,
        other="en" if language == "es" else "es",
        name=page.name,
        title=speak.page("title", state=banner, page=page.title),
        page_title=page.title,
        description=page.description,
        state=overall,
        banner=banner,
        checked=speak.time(board.at, seconds=True),
        zone=speak.page("zone", zone=page.zone, offset=_offset(board.at, page.zone)),
        generated=any(c.generated for c in board.components),
        components=tuple(_component(c, speak) for c in board.components),
        open=tuple(_incident(i, speak) for i in board.incidents if i.resolved_at is None),
        past=tuple(_incident(i, speak) for i in board.incidents if i.resolved_at and i.resolved_at >= recent),
        legend=tuple((state, say(STATE, state, language)) for state in LEGEND),
        words={key: said[language] for key, said in PAGE.items() if "{" not in said["en"]}
        | {
            "past_incidents": speak.page("past_incidents", days=PAST_DAYS),
            "ago": speak.page("days_ago", days=DAYS),
            "ago_narrow": speak.page("days_ago", days=NARROW_DAYS),
            "status_of": speak.page("status_of", page=page.title),
        },
    )


def bars(days: Sequence[Day]) -> tuple[Bars, ...]:
    """One path a state, from the left: `M x y h width` for each run of days in that state."""
    runs: dict[ComponentState, list[str]] = {}
    start = 0
    for at, day in enumerate(days):
        if at + 1 == len(days) or days[at + 1].worst != day.worst:
            y = HEIGHT - BAR_HEIGHTS[day.worst] / 2
            runs.setdefault(day.worst, []).append(f"M{start * DAY_WIDTH} {y:g}h{(at + 1 - start) * DAY_WIDTH - 2}")
            start = at + 1
    return tuple(Bars(state, "".join(runs[state])) for state in STATES if state in runs)


@dataclass(frozen=True, slots=True)
class _Speaker:
    language: Language
    zone: str
    now: datetime

    def page(self, key: str, **values: object) -> str:
        return say(PAGE, key, self.language, **values)

    def state(self, state: ComponentState) -> str:
        return say(STATE, state, self.language)

    def time(self, instant: datetime, *, seconds: bool = False) -> Time:
        text = local(instant, self.zone, self.language, seconds=seconds)
        return Time(text.rsplit(" ", 1)[0], iso(instant))

    def clock(self, instant: datetime) -> str:
        there, today = instant.astimezone(ZoneInfo(self.zone)), self.now.astimezone(ZoneInfo(self.zone))
        return there.strftime("%H:%M") if there.date() == today.date() else self.time(instant).text

    def day(self, day: date) -> str:
        return day.strftime("%d/%m/%Y" if self.language == "es" else "%Y-%m-%d")


def _banner(board: Board, overall: ComponentState, language: Language) -> str:
    if overall == "operational":
        return say(BANNER, overall, language)
    such = [c.name for c in board.components if c.state == overall]
    if overall == "unknown" and len(such) == len(board.components):
        return say(BANNER, "unknown_all", language)
    return say(BANNER, f"{overall}_one", language, what=such[0]) if len(such) == 1 else say(BANNER, overall, language)


def _component(component: ComponentBoard, speak: _Speaker) -> ComponentView:
    uptime = _uptime(component, speak)
    troubled = sum(day.worst in WEIGHTS for day in component.days)
    notable = [day for day in component.days if _notable(day, component, speak.zone)]
    return ComponentView(
        name=component.name,
        description=component.description,
        state=component.state,
        state_text=speak.state(component.state),
        uptime=uptime,
        coverage=_coverage(component, speak),
        label=speak.page(
            "bars_label", what=component.name, days=len(component.days), uptime=uptime,
            trouble=_count("trouble", troubled, speak),
        ),
        bars=bars(component.days),
        rows=tuple(_row(day, speak) for day in reversed(notable)),
        rows_title=_count("notable", len(notable), speak),
    )  # fmt: skip


def _count(what: str, count: int, speak: _Speaker) -> str:
    if count == 0:
        return speak.page("trouble_none")
    return speak.page(f"{what}_one" if count == 1 else f"{what}_some", count=count)


def _notable(day: Day, component: ComponentBoard, zone: str) -> bool:
    """Days with trouble, and days since it is known at all of which a noticeable part is not."""
    if day.worst in WEIGHTS or day.worst == "maintenance":
        return True
    born = component.known_since
    unborn = (
        component.uptime.availability is None if born is None else day.day <= born.astimezone(ZoneInfo(zone)).date()
    )
    return not unborn and day.coverage < NOTABLE_COVERAGE


def _row(day: Day, speak: _Speaker) -> DayRow:
    available = shown(day)
    return DayRow(
        day=speak.day(day.day),
        state=day.worst,
        state_text=speak.state(day.worst),
        availability="—" if available is None else _percent(available, 2, speak),
        coverage=percent(floor_ratio(day.coverage, 0), speak.language, 0),
    )


def _uptime(component: ComponentBoard, speak: _Speaker) -> str:
    found = shown(component.uptime)
    if found is None:
        return speak.page("no_uptime")
    text = _percent(found, 3, speak)
    if component.known_since is None:
        return speak.page("available", percent=text, days=DAYS)
    born = component.known_since.astimezone(ZoneInfo(speak.zone)).date()
    return speak.page("available_since", percent=text, day=speak.day(born))


def _percent(ratio: Fraction, decimals: int, speak: _Speaker) -> str:
    """Rounded down; a whole 100 % is written without decimals, so that it is not taken for a rounded one."""
    return percent(floor_ratio(ratio, decimals), speak.language, 0 if ratio == 1 else decimals)


def _coverage(component: ComponentBoard, speak: _Speaker) -> str:
    covered = floor_ratio(component.uptime.coverage, 1)
    return "" if covered in (0, 1) else speak.page("covered", percent=percent(covered, speak.language, 1))


def _incident(incident: PublicIncident, speak: _Speaker) -> IncidentView:
    end = incident.resolved_at
    return IncidentView(
        anchor=f"i-{public_id(incident.id)}",
        title=incident.title,
        state=incident.impact,
        affects=speak.page("affects", what=", ".join(incident.components)),
        when=speak.time(incident.started_at),
        lasted=speak.page("lasted", duration=span(end - incident.started_at, speak.language)) if end else "",
        updates=tuple(
            UpdateView(
                time=speak.time(update.at),
                phase=speak.page(f"phase_{update.status}"),
                text=update.text,
                next=_next(update.next_at, newest=index == 0 and end is None, speak=speak),
            )
            for index, update in enumerate(incident.updates)
        ),
    )


def _next(next_at: datetime | None, *, newest: bool, speak: _Speaker) -> str:
    # A promise that has passed is not repeated; only the newest one stands.
    if next_at is None or not newest or next_at <= speak.now:
        return ""
    return speak.page("next", at=speak.clock(next_at))


def _offset(instant: datetime, zone: str) -> str:
    shift = instant.astimezone(ZoneInfo(zone)).strftime("%z")
    hours = shift[:3].replace("-", "−") + (f":{shift[3:]}" if shift[3:] != "00" else "")
    return "UTC" + hours.replace("+00", "")

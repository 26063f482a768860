"""How HTML is made: language, theme, formats for people, and the one function that renders a template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sereno.app.http.charts import meter, sparkline
from sereno.app.http.errors import Problem
from sereno.app.http.icons import LANTERN, icon
from sereno.app.words import PHRASES
from sereno.kernel.duration import format_duration
from sereno.kernel.inert import inert
from sereno.kernel.language import LANGUAGES, local, number, percent, say, span
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.app.control import Control
    from sereno.spec.model import Objective, Spec

_HERE = Path(__file__).resolve().parent.parent
STATIC = _HERE / "static"
THEMES = ("auto", "light", "dark")
PREFERENCE_SECONDS = 365 * 86400
DONE = ("acknowledged", "closed", "declared", "noted", "updated", "phase", "role", "severity", "resolved", "reloaded",
        "not_reloaded", "corrected", "withdrawn", "flag_set", "flag_reset")  # fmt: skip


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates" / "console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    environment.globals.update(icon=icon, lantern=LANTERN, meter=meter, sparkline=sparkline)
    return environment


def shown(value: object) -> object:
    """What a template shows of `value`: texts made inert, so that no label or title turns the line around it."""
    if isinstance(value, Markup):
        return Markup(inert(value))  # noqa: S704 - it was markup before
    return inert(value) if isinstance(value, str) else value


def language_of(request: Request, default: Language) -> Language:
    """The reader's language: `?lang=`, else the cookie, else the browser's wish, else the installation's."""
    for wish in (request.query_params.get("lang"), request.cookies.get("lang")):
        for language in LANGUAGES:
            if wish == language:
                return language
    return accepted(request.headers.get("accept-language", ""), default)


def accepted(header: str, default: Language) -> Language:
    """The language of ours that an Accept-Language header likes best; `default` if it likes none."""
    best, liked = default, 0.0
    for part in header.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        for language in LANGUAGES:
            if tag.split("-")[0].lower() == language and quality > liked:
                best, liked = language, quality
    return best


def theme_of(request: Request) -> str:
    """The reader's theme: `?theme=`, else the cookie, else as the system has it."""
    for wish in (request.query_params.get("theme"), request.cookies.get("theme")):
        if wish in THEMES:
            return str(wish)
    return "auto"


def zone_of(spec: Spec, service: str | None = None) -> str:
    """The zone in which times are shown: the service's team's, else the one all teams share, else UTC."""
    if service is not None and service in spec.services:
        return spec.teams[spec.services[service].team].zone
    zones = {team.zone for team in spec.teams.values()}
    return zones.pop() if len(zones) == 1 else "UTC"


@dataclass(frozen=True, slots=True)
class Speech:
    """How one reader is spoken to at one moment: phrases, numbers and times in their language and zone."""

    language: Language
    now: datetime
    zone: str

    def t(self, key: str, **values: object) -> str:
        """The phrase."""
        return say(PHRASES, key, self.language, **values)

    def word(self, group: str, name: str) -> str:
        """The phrase `group.name`, or the bare name if there is no phrase for it (names people invent)."""
        key = f"{group}.{name}"
        return self.t(key) if key in PHRASES else name

    def count(self, what: str, count: int) -> str:
        """`1 page`, `3 pages`."""
        return self.t(f"count.{what}.one" if count == 1 else f"count.{what}", count=count)

    def number(self, value: Decimal | float | int | None, decimals: int = 0) -> str:
        """A number, or the word for unknown."""
        return self.t("unknown") if value is None else number(value, self.language, decimals)

    def percent(self, ratio: Decimal | float | None, decimals: int = 2) -> str:
        """A share, rounded down, with a true minus sign, or the word for unknown."""
        if ratio is None:
            return self.t("unknown")
        exact = ratio if isinstance(ratio, Decimal) else Decimal(repr(ratio))
        return percent(exact, self.language, decimals).replace("-", "\u2212")

    def target(self, objective: Objective) -> str:
        """An objective, with the digits that its author wrote."""
        text = objective.text.strip()
        return text.replace(".", ",").replace("%", "\u00a0%") if self.language == "es" else text

    def rate(self, rate: Decimal | float | None) -> str:
        """A burn rate in about three digits, `14.4×`, or the word for unknown."""
        if rate is None:
            return self.t("unknown")
        size = abs(float(rate))
        return number(rate, self.language, 2 if size < 10 else 1 if size < 100 else 0) + "×"

    def span(self, duration: timedelta) -> str:
        """A duration."""
        return span(duration, self.language)

    def ago(self, at: datetime) -> str:
        """How long before or after now."""
        if at <= self.now:
            return self.t("ago", span=self.span(self.now - at))
        return self.t("in", span=self.span(at - self.now))

    def when(self, at: datetime, zone: str | None = None, *, seconds: bool = False) -> str:
        """Date and time on the wall clock of `zone`."""
        return local(at, zone or self.zone, self.language, seconds=seconds)

    def day(self, at: date) -> str:
        """A date alone, in the reader's order."""
        return f"{at:%d/%m/%Y}" if self.language == "es" else at.isoformat()

    def moment(self, at: datetime, zone: str | None = None) -> Markup:
        """A `<time>`: how long ago, with the date and time at hand."""
        stamp = at.isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, self.when(at, zone), self.ago(at))

    def date(self, at: datetime, zone: str | None = None, *, seconds: bool = False) -> Markup:
        """A `<time>`: date and time."""
        stamp = at.isoformat(timespec="seconds")
        return Markup('<time datetime="{}">{}</time>').format(stamp, self.when(at, zone, seconds=seconds))


def speech_of(request: Request, zone: str | None = None) -> Speech:
    """How to speak to the reader of this request."""
    control: Control = request.app.state.control
    shown = zone or zone_of(control.spec.current)
    return Speech(language_of(request, control.settings.language), control.clock.now(), shown)


def render(request: Request, template: str, *, status: int = 200, zone: str | None = None, **values: Any) -> Response:
    """The page: `template` with `values` and the speech of its reader. Remembers `?lang=` and `?theme=`."""
    control: Control = request.app.state.control
    speech = speech_of(request, zone)
    done = request.query_params.get("done")
    html = _templates().get_template(template).render(
        s=speech, t=speech.t, language=speech.language, theme=theme_of(request), path=request.url.path,
        me=getattr(request.state, "principal", None), switch=_switch(request), now=speech.now,
        spec_holder=control.spec, generated_until=control.generated_until,
        damaged_samples=control.damaged_samples, duration=format_duration,
        status_pages=tuple(control.spec.current.status_pages),
        done=done if done in DONE else None, **values,
    )  # fmt: skip
    response = HTMLResponse(html, status, {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"})
    _remember(request, response, speech.language)
    return response


def _switch(request: Request) -> Callable[..., str]:
    def link(**change: str) -> str:
        keep = {k: v for k, v in request.query_params.items() if k not in ("done", *change)}
        return "?" + urlencode({**keep, **change})

    return link


def _remember(request: Request, response: Response, language: Language) -> None:
    from sereno.app.http.auth import is_https

    secure = is_https(request.app.state.control)
    if request.query_params.get("lang") == language:
        response.set_cookie("lang", language, max_age=PREFERENCE_SECONDS, samesite="lax", secure=secure)
    theme = request.query_params.get("theme")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=PREFERENCE_SECONDS, samesite="lax", secure=secure)


def error_page(request: Request, told: Problem) -> Response:
    """An error told to a person: what happened, what to do, and the number to quote."""
    speech = speech_of(request)
    family = f"error.{told.status}"
    if family not in PHRASES:
        family = "error.5xx" if told.status >= 500 else "error.4xx"
    response = render(
        request, "error.html", status=told.status, title=speech.t(family), lead=speech.t(family + ".lead"),
        message=told.message if told.status < 500 else None, told=told,
        request_id=request.scope.get("state", {}).get("request_id", ""),
    )  # fmt: skip
    response.headers.update(told.headers)
    return response

"""Figures and sentences of a backtest as people read them; the terminal and the report say the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sereno.insight.compare import Failure
from sereno.insight.model import LowTraffic, Missed, Promise, Report, Tried
from sereno.insight.words import PHRASES
from sereno.kernel.duration import format_duration
from sereno.kernel.language import local, number, percent, say, span
from sereno.kernel.message import Language
from sereno.kernel.moment import from_ms

_ENOUGH = Decimal("0.99")


@dataclass(frozen=True, slots=True)
class Voice:
    """Says phrases in one language, with the times of one zone."""

    language: Language
    zone: str

    def __call__(self, key: str, **values: object) -> str:
        """The phrase `key`."""
        return say(PHRASES, key, self.language, **values)

    def share(self, value: Decimal | None, decimals: int = 0) -> str:
        """A share as a percentage, rounded down; — for nothing."""
        return self("nothing") if value is None else percent(value, self.language, decimals)

    def span(self, value: timedelta | None) -> str:
        """A duration; — for nothing."""
        if value is None:
            return self("nothing")
        return f"−{span(-value, self.language)}" if value < timedelta(0) else span(value, self.language)

    def reset(self, value: timedelta | None) -> str:
        """How long after its incident an alert was quiet; in words where it already was before."""
        if value is not None and value < timedelta(0):
            return self("reset.before", span=span(-value, self.language))
        return self.span(value)

    def count(self, key: str, count: int, /, **values: object) -> str:
        """The phrase `key` for `count` things: its own wording for one."""
        return self(f"{key}.one" if count == 1 and f"{key}.one" in PHRASES else key, **values)

    def number(self, value: Decimal | int, decimals: int = 1) -> str:
        """A number."""
        return number(value, self.language, decimals)

    def at(self, at_ms: int) -> str:
        """An instant on the wall clock of the zone."""
        return local(from_ms(at_ms), self.zone, self.language)

    def between(self, start_ms: int, end_ms: int | None) -> str:
        """How long something lasted."""
        return self("still") if end_ms is None else self.span(timedelta(milliseconds=end_ms - start_ms))

    def objective(self, ratio: Decimal) -> str:
        """A target with all its digits."""
        shown = f"{(ratio * 100).normalize():f}"
        return f"{shown.replace('.', ',')} %" if self.language == "es" else f"{shown}%"


def verdict(report: Report, say_: Voice) -> list[str]:
    """What it comes to, in a few sentences; what is unknown among them."""
    score = report.score
    weeks = say_.number(Decimal(report.end_ms - report.start_ms) / (7 * 86_400_000))
    pages = sum(len(case.pages) for case in report.cases)
    lines = [say_("verdict.none", weeks=weeks)]
    if pages:
        told = say_.count(f"right.{_extent(score.right, pages)}", pages, right=score.right)
        lines = [say_.count("verdict.pages", pages, pages=pages, weeks=weeks) + (told if score.incidents else ".")]
    if score.incidents:
        extent = _extent(score.found, score.incidents)
        lines.append(say_.count(f"found.{extent}", score.incidents, incidents=score.incidents, found=score.found))
    else:
        lines.append(say_("verdict.no_incidents"))
    if nights := sum(load.nights_broken for load in report.loads):
        lines.append(say_.count("verdict.nights", nights, nights=nights))
    return lines


def _extent(some: int, of: int) -> str:
    return "all" if some == of else "some" if some else "none"


def blind_spots(report: Report, say_: Voice) -> list[str]:
    """What is not known well enough for its quiet to mean anything."""
    return [
        say_(
            "verdict.unknown" if one.coverage else "verdict.unknown.all",
            what=one.what,
            share=say_.share(1 - one.coverage, 1),
        )
        for case in report.cases
        for one in case.covered
        if one.coverage < _ENOUGH
    ]


def why(missed: Missed, say_: Voice) -> str:
    """Why an incident was missed."""
    if missed.why == "silent":
        return say_("missed.silent", alerts=", ".join(missed.alerts))
    if missed.why == "waiting" and missed.waited is not None:
        waited = missed.waited
        held = say_.between(waited.active_ms, waited.resolved_ms)
        return say_("missed.waiting", alert=waited.alert, for_=format_duration(waited.for_), held=held)
    if missed.why == "below" and missed.closest is not None:
        return say_("missed.below", alert=missed.closest.alert, share=say_.share(missed.closest.share))
    return say_(f"missed.{missed.why}")


def failure(one: Failure, base: str, say_: Voice) -> str:
    """A demand that is not met, in a sentence."""

    def shown(value: Decimal | None) -> str:
        return say_.number(value, 2) if one.measure == "pages_per_week" and value is not None else say_.share(value, 1)

    return say_(
        f"gate.{one.by}", service=one.service, measure=say_(f"measure.{one.measure}"), limit=shown(one.limit),
        found=shown(one.found), base=base,
    )  # fmt: skip


def suggestion(promise: Promise, say_: Voice) -> list[str]:
    """What history says of an objective."""
    found = promise.suggestion
    if found.missing is not None:
        return [say_("suggest.wait", days=found.days, missing=found.missing.days)]
    lines = []
    if found.kept is not None:
        kept = say_.objective(found.kept)
        lines.append(
            say_("kept", service=f"{promise.service}/{promise.slo}", kept=kept, days=found.kept_days, all=found.days)
        )
    broken = next((one.windows_broken for one in found.candidates if one.objective == promise.objective), 0)
    if found.objective is None:
        kind = "none" if broken else "same"
    elif broken:
        kind = "looser"
    else:
        kind = "stricter" if found.objective > promise.objective else "same"
    values = {"suggested": "" if found.objective is None else say_.objective(found.objective)}
    values |= {"objective": say_.objective(promise.objective), "window": say_.span(promise.window)}
    lines.append(say_(f"suggest.{kind}", broken=broken, windows=found.windows, **values))
    return lines


def thin(low: LowTraffic, say_: Voice) -> str:
    """When one failure alone pages."""
    worst = sorted(low.hours, key=lambda hour: (-hour[1], hour[0]))[:6]
    hours = ", ".join(
        say_("low.hour", hour=f"{hour:02d}", share=_some(share, say_), events=events)
        for hour, share, events in sorted(worst)
    )
    return say_(
        "low", alert=low.alert, long=say_.span(low.long), needed=low.needed, share=_some(low.share, say_), hours=hours
    )


def _some(share: Decimal, say_: Voice) -> str:
    """A share that is not nothing: less than one in a hundred is told as such."""
    return say_.share(share) if share >= Decimal("0.01") else f"<{say_.share(Decimal('0.01'))}"


def tiers(one: Tried) -> str:
    """The windows and factors of a variant, as one writes them."""
    return " · ".join(
        f"{format_duration(tier.long)}/{format_duration(tier.short)} {tier.factor.normalize():f}×"
        for tier in one.variant.tiers
    )

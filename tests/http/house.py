"""A furnished house: a real Control on SQLite with a month of samples, alerts, pages and incidents of a small shop."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tests.http.badday import BURN, CLOSED, DISK, DOWN, LIVE, OLD, OPEN, PAST, TAKEN, messages, timeline
from tests.http.shop import NOW, shop

from sereno.adapters.clock import RandomIds
from sereno.adapters.sql.accounts import User
from sereno.adapters.sql.database import connect
from sereno.app.control import Control, SpecHolder
from sereno.app.http.passwords import Passwords
from sereno.app.settings import Settings
from sereno.incidents.model import Entry
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql.columns import Columns, Matcher, Selection
from sereno.slo import budget, budget_selections
from sereno.slo.model import Budget

SECRET = b"a secret that only tests know"
PASSWORD = "luz de farol 1842"
Mood = Literal["calm", "busy", "unknown", "broken"]
EVERY = timedelta(seconds=15)


class Clock:
    """A clock that stands still until it is told to go."""

    def __init__(self, now: datetime = NOW) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass(frozen=True)
class Target:
    """A scrape target as the scraper tells of it."""

    url: str
    job: str
    health: str = "up"
    error: str | None = None
    last_scrape: datetime | None = NOW - timedelta(seconds=6)


@dataclass
class Scraper:
    """Tells of targets; reads none."""

    known: list[Target] = field(default_factory=list)

    def states(self) -> Sequence[Any]:
        return self.known


class Samples:
    """A source that answers from memory, as the embedded store would."""

    def __init__(self, series: Sequence[tuple[Labels, Any, Any]]) -> None:
        self.series = series

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        return {selection: self.select(selection) for selection in selections}

    def select(self, selection: Selection) -> Columns:
        found = []
        for labels, times, values in self.series:
            if all(_matches(matcher, labels) for matcher in selection.matchers):
                part = (times >= selection.start_ms) & (times <= selection.end_ms)
                if part.any():
                    found.append((labels, times[part], values[part]))
        return Columns.of(found)


def _matches(matcher: Matcher, labels: Labels) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return re.fullmatch(matcher.value, value) is not None
        case _:
            return re.fullmatch(matcher.value, value) is None


@cache
def month_of_samples(mood: Mood) -> Samples:
    """Thirty days, a sample each two minutes; payments had two bad days, and nobody watched the cart's first days."""
    times = np.arange(to_ms(NOW - timedelta(days=30, minutes=10)), to_ms(NOW) + 1, 120_000, dtype=np.int64)
    series: list[tuple[Labels, Any, Any]] = []
    for job, rate, ratio in (("pagos", 90.0, 0.0001), ("catalogo", 400.0, 0.0002), ("carrito", 60.0, 0.001)):
        if mood == "unknown" and job == "carrito":
            continue
        keep = np.ones(len(times), dtype=bool)
        if job == "carrito":
            keep = times > times[-1] - 5 * 86_400_000
        day = (times / 86_400_000) % 1
        total = np.floor(rate * (1 + 0.7 * np.sin(2 * np.pi * (day - 0.45))))
        bad_ratio = np.full(len(times), ratio)
        if job == "pagos" and mood in ("busy", "broken"):
            bad_ratio[-6500:-6440] = 0.4
            bad_ratio[-25:-4] = 0.62
        if job == "catalogo" and mood in ("busy", "broken"):
            bad_ratio[9000:9060] = 0.5
        bad = np.floor(np.cumsum(total * bad_ratio))
        good = np.cumsum(total) - bad
        slow = np.floor(np.cumsum(total * (0.06 if job == "pagos" and mood in ("busy", "broken") else 0.02)))
        base = {"job": job, "instance": f"{job}:9100"}
        for name, more, values in (
            ("http_requests_total", {"status": "200"}, good),
            ("http_requests_total", {"status": "500"}, bad),
            ("http_request_duration_seconds_count", {}, np.cumsum(total)),
            ("http_request_duration_seconds_bucket", {"le": "0.5"}, np.cumsum(total) - slow),
        ):
            series.append((Labels({"__name__": name, **base, **more}), times[keep], values[keep]))
    return Samples(series)


def rooms(mood: Mood) -> list[Target]:
    """The scrape targets in that mood."""
    known = [Target(f"http://{job}:9100/metrics", job) for job in ("pagos", "catalogo", "carrito")]
    if mood == "unknown":
        known[2] = replace(known[2], health="down", error="connection refused")
    if mood in ("busy", "broken"):
        known.append(Target("http://envios:9100/metrics", "envios", "unknown", None, None))
    return known


async def furnish(folder: Path, mood: Mood = "busy", *, clock: Clock | None = None, **settings: Any) -> Control:
    """A Control in that mood, its database in `folder`; users vera (viewer), rita (responder) and alba (admin)."""
    if mood not in _SEEDS:
        _SEEDS[mood] = Path(tempfile.mkdtemp(prefix="sereno-house-")) / "state.db"
        first = bare(_SEEDS[mood].parent, mood)
        await _seed(first, mood)
        await asyncio.to_thread(first.database.close)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_SEEDS[mood], folder / "state.db")
    control = bare(folder, mood, clock=clock, **settings)
    await _count(control)
    return control


async def _seed(control: Control, mood: Mood) -> None:
    encoded = await Passwords().hash(PASSWORD)

    def write(unit: Any) -> None:
        for name, role in (("vera", "viewer"), ("rita", "responder"), ("alba", "admin")):
            unit.accounts.add_user(User(name, encoded, role, NOW - timedelta(days=40)))
        if mood in ("busy", "broken"):
            unit.alerts.save([DOWN, BURN, DISK, OLD])
            for page in (CLOSED, OPEN, TAKEN):
                unit.pages.add(page)
            unit.outbox.add(messages())
            unit.incidents.add(PAST)
            unit.incidents.add(LIVE)
            unit.incidents.append(timeline())
            unit.incidents.append(
                [
                    Entry(
                        PAST.id,
                        PAST.opened_at,
                        "declared",
                        "declared",
                        "ana",
                        "incident_declared",
                        {"number": "11", "severity": "P2", "title": PAST.title},
                    )
                ]
            )

    await control.database.write(write)


def bare(folder: Path, mood: Mood = "calm", *, clock: Clock | None = None, **settings: Any) -> Control:
    """A Control with the shop's spec and samples and an empty state."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"data_dir": folder, "language": "es", "public_url": "http://sereno.test", **settings}
    holder = SpecHolder(
        Path("reliability"),
        shop(),
        NOW - timedelta(hours=5),
        (),
        (Path("reliability/tienda.yaml"), Path("reliability/equipo.yaml")),
    )
    if mood == "broken":
        holder.good = False
        holder.diagnostics = (
            Diagnostic(
                "SER014",
                "objective is not below 100%",
                "reliability/tienda.yaml",
                12,
                16,
                4,
                "    objective: 100%",
                "a percentage below 100%, such as 99.9%",
                "a promise of 100% leaves no budget",
            ),
            Diagnostic(
                "SER021",
                "there is no person 'pedro'",
                "reliability/equipo.yaml",
                31,
                15,
                5,
                "    people: [pedro, ana]",
                "one of ana, juan, sofia",
                level="warning",
            ),
        )
    control = Control(
        settings=Settings(**values),
        clock=clock or Clock(),
        ids=RandomIds(),
        secret=SECRET,
        owner="wk_test",
        database=connect(folder / "state.db", owner="wk_test", synchronous="OFF"),
        spec=holder,
        source=month_of_samples(mood),
        scraper=Scraper(rooms(mood)),  # type: ignore[arg-type]
        evaluated_at=NOW - timedelta(seconds=4),
        generated_until=NOW - timedelta(hours=2) if mood == "busy" else None,
    )
    from sereno.slo import plans_of, rules_of

    control.plans = {
        (p.service, p.slo.name): p for p in plans_of(holder.current, evaluation_interval=EVERY, language="es")
    }
    control.rules = rules_of(holder.current, evaluation_interval=EVERY, language="es")
    return control


_SEEDS: dict[str, Path] = {}
_BUDGETS: dict[int, dict[tuple[str, str], Budget]] = {}


async def _count(control: Control) -> None:
    known = _BUDGETS.setdefault(id(control.source), {})  # the same samples, the same budgets: counted once a session
    if known:
        control.budgets = dict(known)
        return
    for key, plan in control.plans.items():
        columns = await control.source.fetch(budget_selections(plan.slo, NOW))
        control.budgets[key] = budget(plan.service, plan.slo, columns.__getitem__, NOW)
    known.update(control.budgets)

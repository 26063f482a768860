"""The control plane: everything one process holds, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from sereno.adapters.clock import RandomIds, SystemClock
from sereno.app.metrics import Metrics
from sereno.app.settings import Settings
from sereno.kernel.clock import Clock, Ids
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import Conflict, SpecError, UsageError
from sereno.spec.model import Spec

if TYPE_CHECKING:
    from sereno.adapters.kit_admin import KitAdmins
    from sereno.adapters.notify.egress import Policy
    from sereno.adapters.samples.scraper import Scraper
    from sereno.adapters.samples.source import SampleSource
    from sereno.adapters.samples.store import SampleStore
    from sereno.adapters.samples.target import TargetState
    from sereno.adapters.sql.database import Database
    from sereno.app.flag_board import FlagBoard
    from sereno.app.http.prometheus_run import Engine
    from sereno.app.rule_files import RuleFiles
    from sereno.app.rule_groups import GroupState, RuleGroups
    from sereno.kernel.rule import Rule
    from sereno.promql.plan import Settings as PromqlSettings
    from sereno.slo.model import Budget, BurnChart, SloPlan

SECRET_FILE = "secret.key"  # noqa: S105 - a file's name, not a secret


Fingerprint = tuple[tuple[str, int, int], ...]


def fingerprint(folder: Path) -> Fingerprint:
    """What changes when a file of the spec does: names, times and sizes. Raises OSError if one goes meanwhile."""
    found = sorted(path for pattern in ("*.yaml", "*.yml", "*.md") for path in folder.rglob(pattern))
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in found)


@dataclass
class SpecHolder:
    """The spec in force. A reload that fails keeps the last good one and its diagnostics say why.

    `seen` are the files as they were just before they were last read, for good or bad.
    """

    folder: Path
    current: Spec
    loaded_at: datetime
    diagnostics: tuple[Diagnostic, ...] = ()
    files: tuple[Path, ...] = ()
    good: bool = True
    seen: Fingerprint = ()
    promql: PromqlSettings | None = None
    environment: str = ""

    @staticmethod
    def load(
        folder: Path, now: datetime, promql: PromqlSettings | None = None, environment: str = ""
    ) -> SpecHolder:  # fmt: skip
        """The spec of `folder`. Raises SpecError with every diagnostic if it has mistakes."""
        from sereno.app.meaning import load_meaning
        from sereno.app.promql_checker import Checker

        seen = _seen(folder)
        loaded = load_meaning(folder, promql=Checker(promql), environment=environment)
        if loaded.spec is None:
            raise SpecError(loaded.diagnostics)
        return SpecHolder(
            folder, loaded.spec, now, loaded.diagnostics, loaded.files, seen=seen, promql=promql,
            environment=environment,
        )  # fmt: skip

    def again(self, now: datetime) -> SpecHolder:
        """The folder read again: what it says, or, if that is broken, this spec with the diagnostics that say why.

        A folder that is gone is a mistake too.
        """
        seen = _seen(self.folder)
        try:
            return SpecHolder.load(self.folder, now, self.promql, self.environment)
        except SpecError as error:
            return replace(self, diagnostics=error.diagnostics, good=False, seen=seen)
        except (UsageError, OSError) as error:
            return replace(self, diagnostics=(_unreadable(self.folder, error),), good=False, seen=seen)


def _seen(folder: Path) -> Fingerprint:
    """The fingerprint; empty, so that the next look finds a change, if a file goes at this very moment."""
    with contextlib.suppress(OSError):
        return fingerprint(folder)
    return ()


def _unreadable(folder: Path, error: UsageError | OSError) -> Diagnostic:
    """What is wrong when the folder itself cannot be read."""
    said = error.message if isinstance(error, UsageError) else (error.strerror or "it cannot be read")
    return Diagnostic("SER001", said, str(folder), 1, 1, expected="the folder that holds the spec")


@dataclass
class Control:
    """One running control plane. `budgets` and `plans` are keyed by (service, objective)."""

    settings: Settings
    clock: Clock
    ids: Ids
    secret: bytes
    owner: str
    database: Database
    spec: SpecHolder
    source: SampleSource
    metrics: Metrics = field(default_factory=Metrics)
    store: SampleStore | None = None
    scraper: Scraper | None = None
    http: httpx.AsyncClient | None = None
    rules: tuple[Rule, ...] = ()
    plans: dict[tuple[str, str], SloPlan] = field(default_factory=dict)
    budgets: dict[tuple[str, str], Budget] = field(default_factory=dict)
    status_version: int = 0
    generated_until: datetime | None = None
    evaluated_at: datetime | None = None
    evaluation_error: str | None = None
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    damaged_samples: int = 0
    """How many chunks and rows of samples were found damaged."""
    queries: Engine | None = None
    recorded: SampleStore | None = None
    """Where recording rules write: the store, or beside a Prometheus one of their own."""

    @property
    def samples(self) -> SampleSource:
        """The source as rules see it: with what they have recorded themselves."""
        if self.recorded is None or self.recorded is self.store:
            return self.source
        from sereno.app.recorded import WithRecorded

        return WithRecorded(self.source, self.recorded)

    @cached_property
    def flags(self) -> FlagBoard:
        """The switches, as they are handed out."""
        from sereno.app.flag_board import FlagBoard

        return FlagBoard(self)

    @cached_property
    def kits(self) -> KitAdmins:
        """What asks the admin endpoints of kits."""
        from sereno.adapters.kit_admin import KitAdmins

        return KitAdmins(self.settings.allowed_hosts)

    @cached_property
    def rule_files(self) -> RuleFiles:
        """The rule files that the settings name."""
        from sereno.app.rule_files import RuleFiles

        return RuleFiles(self.settings.rule_files, self.settings.spec, promql=self.settings.promql)

    @cached_property
    def rule_groups(self) -> RuleGroups:
        """What evaluates them."""
        from sereno.app.rule_groups import RuleGroups

        return RuleGroups(self)

    def rule_groups_state(self) -> tuple[GroupState, ...]:
        """The groups of the rule files in force, and how each of their rules was at its last evaluation."""
        return self.rule_groups.state() if self.settings.rule_files else ()

    @property
    def rule_trouble(self) -> tuple[tuple[str, str], ...]:
        """The rules of files that cannot be evaluated just now: which, and why."""
        failing = [
            (f"{group.name}/{rule.rule.name}", rule.error) for group in self.rule_groups_state()
            for rule in group.rules if rule.health == "err"
        ]  # fmt: skip
        return (*failing, *((one.place, one.message) for one in self.rule_diagnostics if one.level == "error"))

    @property
    def rule_diagnostics(self) -> Sequence[Diagnostic]:
        """What was found in the rule files when they were last read."""
        return self.rule_files.diagnostics if self.settings.rule_files else ()

    @property
    def targets(self) -> Sequence[TargetState]:
        """The scrape targets and how they are; empty when a Prometheus scrapes."""
        return self.scraper.states() if self.scraper else ()

    async def close(self) -> None:
        """Finish what was accepted and let go of the stores, each of them whatever happens to the others."""
        async with contextlib.AsyncExitStack() as last_first:
            last_first.callback(self.database.close)
            if self.queries:
                last_first.callback(self.queries.close)
            if self.store:
                last_first.callback(self.store.close)
            if self.recorded and self.recorded is not self.store:
                last_first.callback(self.recorded.close)
            if "kits" in self.__dict__:
                last_first.push_async_callback(self.kits.aclose)
            if self.http:
                last_first.push_async_callback(self.http.aclose)
            if self.scraper:
                last_first.push_async_callback(self.scraper.close)

    async def watch_targets(self) -> None:
        """Scrape exactly the targets of the spec in force from now on."""
        if self.scraper:
            await self.scraper.update(job for service in self.spec.current.services.values() for job in service.scrape)

    async def chart(self, service: str, slo: str) -> BurnChart:
        """How the budget of one objective was spent over its window."""
        from sereno.adapters.samples.source import thinned_of
        from sereno.app.budgeting import exclusions_of
        from sereno.app.evaluate import fetch
        from sereno.slo import budget_selections, burn_chart

        declared, now = self.plans[service, slo].slo, self.clock.now()
        thinned = await asyncio.to_thread(thinned_of, self.samples)
        select = await fetch(self, budget_selections(declared, now, thinned))
        exclusions = await exclusions_of(self)
        return await asyncio.to_thread(
            burn_chart, service, declared, select, now, thinned=thinned, exclusions=exclusions
        )

    def adopt(self, spec: SpecHolder) -> None:
        """Put `spec` in force with the rules and tiers that follow from it: all of it, or, if that fails, nothing.

        Budgets stay known only where the objective is what it was.
        """
        from sereno.slo import plans_of, rules_of

        interval, language = self.settings.evaluation_interval, self.settings.language
        found = plans_of(spec.current, evaluation_interval=interval, language=language)
        plans = {(plan.service, plan.slo.name): plan for plan in found}
        rules = rules_of(spec.current, evaluation_interval=interval, language=language)
        same = {key for key, plan in plans.items() if key in self.plans and self.plans[key].slo == plan.slo}
        self.budgets = {key: budget for key, budget in self.budgets.items() if key in same}
        self.metrics.forget_budgets(self.plans.keys() - same)
        self.spec, self.plans, self.rules = spec, plans, rules


def secret_of(data_dir: Path) -> bytes:
    """The installation's secret key, made at first start in a file that only its owner may read."""
    path = data_dir / SECRET_FILE
    secret = path.read_bytes().strip() if path.exists() else b""
    if not secret:  # a file that a dying disk left empty would sign nothing
        secret = RandomIds().secret().encode()
        data_dir.mkdir(parents=True, exist_ok=True)
        _write_whole(path, secret)
    return secret


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    made, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # of mode 0600
    with open(made, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)


async def _agreed_secret(settings: Settings, database: Database, now: datetime) -> bytes:
    """The secret key. Replicas on one PostgreSQL need the same, or a link signed by one would not open at another.

    The database knows only a digest of it, so that a dump opens nothing. Raises Conflict for a replica whose key is
    another than the first one's.
    """
    own = settings.secret.get_secret_value().encode() if settings.secret else secret_of(settings.data_dir)
    if settings.database is None:
        return own
    digest = hmac.new(own, b"which key is this", "sha256").hexdigest()
    if await database.write(lambda unit: unit.facts.agree("secret_digest", digest, now)) != digest:
        raise Conflict(
            "this replica's secret key is not the one that the other replicas have",
            hint="set SERENO_SECRET to the same text for all, or copy the first one's secret.key into this data folder",
        )
    return own


async def open_control(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Control:
    """Open stores and read the spec; nothing runs yet.

    Raises SpecError (every diagnostic) before anything is touched, Conflict when another process holds the state.
    """
    from sereno.adapters.sql.database import open_database

    clock, ids = clock or SystemClock(), ids or RandomIds()
    spec = SpecHolder.load(settings.spec, clock.now(), settings.promql, settings.environment)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = ids.new("wk")
    url = settings.database.get_secret_value() if settings.database else settings.data_dir / "state.db"
    async with contextlib.AsyncExitStack() as undo:
        database = await open_database(url, owner=owner)
        undo.callback(database.close)
        secret = await _agreed_secret(settings, database, clock.now())
        source, store, scraper, http = await _open_samples(settings, clock)
        recorded = store or await _open_recorded(settings)
        control = Control(
            settings=settings, clock=clock, ids=ids, secret=secret, owner=owner,
            database=database, spec=spec, source=source, store=store, scraper=scraper, http=http,
            recorded=recorded,
        )  # fmt: skip
        undo.pop_all()
        undo.push_async_callback(control.close)
        generated = await database.read(lambda unit: unit.facts.get("generated"))
        control.generated_until = datetime.fromisoformat(generated["until"]) if generated else None
        control.adopt(spec)
        control.metrics.spec_good.set(1)
        undo.pop_all()
    return control


Samples = tuple["SampleSource", "SampleStore | None", "Scraper | None", httpx.AsyncClient]


async def _open_samples(settings: Settings, clock: Clock) -> Samples:
    """The embedded store with its scraper, or the reader of a Prometheus if one is named."""
    from sereno.adapters.notify.egress import Policy
    from sereno.adapters.samples.fetching import client

    policy = Policy.of(settings.allowed_hosts, allow_private=True)
    http, allowed = client(policy), may_call(policy)
    if settings.prometheus:
        from sereno.adapters.samples.prometheus import PrometheusReader
        from sereno.adapters.samples.prometheus_api import PrometheusApi

        token = settings.prometheus_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        api = PrometheusApi(settings.prometheus, http, allowed=allowed, headers=headers)
        return PrometheusReader(api), None, None, http
    from sereno.adapters.samples.scraper import Scraper
    from sereno.adapters.samples.store import SampleStore

    store = await asyncio.to_thread(lambda: SampleStore(settings.data_dir / "samples.db", **_kept(settings)))
    scraper = Scraper(store, http, clock, allowed=allowed, honor_timestamps=settings.honor_timestamps)
    return store, store, scraper, http


async def _open_recorded(settings: Settings) -> SampleStore | None:
    """Where rule files record beside a Prometheus: in a store of their own."""
    if not settings.rule_files:
        return None
    from sereno.adapters.samples.store import SampleStore

    return await asyncio.to_thread(lambda: SampleStore(settings.data_dir / "recorded.db", **_kept(settings)))


def _kept(settings: Settings) -> dict[str, Any]:
    """What an embedded store keeps, as it is told when it is opened."""
    from sereno.adapters.samples.tiers import Tier

    return {
        "retention": settings.retention,
        "retention_bytes": settings.retention_bytes or None,
        "tiers": (
            Tier(timedelta(minutes=5), settings.retention_5m),
            Tier(timedelta(hours=1), settings.retention_1h),
        ),
        "out_of_order_window": settings.out_of_order_window,
    }


def may_call(policy: Policy) -> Callable[[str], bool]:
    """Whether `policy` lets us call a URL, as far as one can tell before its name is resolved.

    Targets and the Prometheus are the operator's own and usually private; where clouds keep their metadata they are
    not. What a name or another spelling leads to is judged when the connection is made.
    """

    def allowed(url: str) -> bool:
        with contextlib.suppress(ValueError, httpx.InvalidURL):
            host = httpx.URL(url).host
            return policy.allows(host, str(ipaddress.ip_address(host.partition("%")[0])))
        return True

    return allowed

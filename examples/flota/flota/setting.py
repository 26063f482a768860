"""What a service is told when it starts, and what all three have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from sereno_kit import Drain, Flags, Kit, Logs, Metrics, Problems, Sentry, Traces, instrument
from sereno_kit.options import Admin

from .days import REAL, Days
from .store import Store, connect

FLAGS = Path(__file__).parents[1] / "reliability" / "banderas.yaml"
VERSION = "2.8.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How one process runs.

    Args:
        database: a file for SQLite, or an address that SQLAlchemy knows.
        peers: providers and neighbours, by name.
        day_seconds: how long a day of the business takes.
        flags: a file of flags, or the address of a Sereno.
        metrics_port: a port of its own for the metrics; the service's own, if 0.
        drain_seconds: how long the load balancer has to see that we go.
    """

    database: str = ":memory:"
    peers: Mapping[str, str] = field(default_factory=dict)
    day_seconds: float = REAL
    flags: str = str(FLAGS)
    environment: str = "local"
    metrics_port: int = 0
    drain_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Base:
    """What every service stands on."""

    kit: Kit
    store: Store
    days: Days
    peers: Mapping[str, str]


def base(app: FastAPI, name: str, setting: Setting) -> Base:
    """The one line, its options, the database and its readiness.

    Traces, Sentry and the admin address are there where the environment says where to: OTEL_EXPORTER_OTLP_ENDPOINT,
    SENTRY_DSN, SERENO_KIT_TOKEN.
    """
    dsn = os.environ.get("SENTRY_DSN")
    kit = instrument(
        app,
        service=f"flota-{name}",
        environment=setting.environment,
        version=VERSION,
        slo_latency=[0.3, 1.0],
        logs=Logs(levels={"httpx": "WARNING", "httpcore": "WARNING"}),
        metrics=Metrics(path=None if setting.metrics_port else "/metrics"),
        traces=Traces(share=0.05) if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else None,
        sentry=Sentry(dsn=dsn) if dsn else None,
        drain=Drain(delay_seconds=setting.drain_seconds),
        admin=Admin(),
        problems=Problems(framework=True),
        flags=_flags(setting.flags, name),
        deadline_header="X-Request-Timeout",
    )
    if setting.metrics_port:
        kit.serve_metrics(setting.metrics_port, host="127.0.0.1" if setting.environment == "local" else "0.0.0.0")
    store = Store(kit.watch(connect(setting.database)))

    @kit.readiness("db", timeout=1.0, cache=2.0)
    def db_ready() -> bool:
        return store.answers()

    return Base(kit, store, Days(setting.day_seconds), setting.peers)


def _flags(where: str, service: str) -> Flags:
    if where.startswith(("http://", "https://")):
        return Flags.sereno(where, token=os.environ.get("SERENO_TOKEN", ""), service=service)
    return Flags.file(where)

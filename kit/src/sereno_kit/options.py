"""What `instrument` may be told. Every field has a default that is right for most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TextIO

FieldSet = Literal["otel", "elastic", "cloudwatch", "azure"]
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds of durations: those that OpenTelemetry advises for `http.server.request.duration`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """How the program logs."""

    level: str = "INFO"
    levels: Mapping[str, str] = field(default_factory=dict)
    """Of single loggers, by name: `{"httpx": "WARNING"}`."""
    form: Literal["json", "console"] = "json"
    fields: FieldSet = "otel"
    access: bool = True
    """One line a request."""
    quiet: tuple[str, ...] | None = None
    """Paths whose lines are written only when they fail; those of health and metrics, if not given."""
    sample: Mapping[str, float] = field(default_factory=dict)
    """By event or route, the share of lines below WARNING that are kept; each kept line says the share."""
    queue_lines_max: int = 0
    """Above 0, a thread writes and at most so many lines wait; what finds no place is dropped and counted."""
    stream: TextIO | None = None
    """Where lines go; standard output, if not given."""

    def __post_init__(self) -> None:
        if self.form not in ("json", "console"):
            raise ValueError(f"Logs: form is 'json' or 'console', not {self.form!r}")
        if isinstance(self.quiet, str):
            raise TypeError(f"Logs: quiet takes several paths: ({self.quiet!r},)")
        for name, share in self.sample.items():
            _share(f"Logs: sample of {name!r}", share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What is counted, and how it is exposed."""

    path: str | None = "/metrics"
    """Where it is exposed; None for nowhere (a port of its own: `Kit.serve_metrics`)."""
    bounds_seconds: tuple[float, ...] = SECONDS
    native: bool = False
    """Native histograms beside the classic ones, for a scraper that asks for protobuf."""
    exemplars: bool = True
    process: bool = True
    loop_lag: bool = True
    series_max: int = 2_000
    """Label combinations of one metric; what comes after is counted as `__other__`."""
    token: str | None = field(default=None, repr=False)
    """What scrapers must send as a bearer; anybody who reaches the address may read, if not given."""

    def __post_init__(self) -> None:
        if self.path is not None:
            _path("Metrics: path", self.path)
        if self.series_max < 1:
            raise ValueError(f"Metrics: series_max is at least 1, not {self.series_max}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """OpenTelemetry, of the extra `otel`."""

    share: float = 0.1
    """Of the traces that begin here; one that the caller began follows the caller."""
    endpoint: str | None = None
    """Where OTLP over HTTP is taken; `OTEL_EXPORTER_OTLP_ENDPOINT`, if not given."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    operations: bool = False
    """FastAPI's own spans of dependencies, endpoint and serialisation besides the one of the request."""

    def __post_init__(self) -> None:
        _share("the share of traces", self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentry:
    """Sentry, of the extra `sentry`. Everything sent passes the redactor."""

    dsn: str = field(repr=False)
    share: float = 1.0
    """Of the errors."""
    traces_share: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.dsn, str):
            raise TypeError("Sentry: dsn is a text; where there is none, leave Sentry out: sentry=None")
        _share("Sentry: share", self.share)
        _share("Sentry: traces_share", self.traces_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Where the orchestrator asks."""

    live: str = "/health/live"
    ready: str = "/health/ready"
    timeout_seconds: float = 2.0
    cache_seconds: float = 1.0
    messages: bool = False
    """Whether the messages of failed checks are shown, redacted; otherwise only the classes of exceptions."""
    stall_seconds_max: float = 30.0
    """An event loop that was later than this lately is not alive any more; less is told, and forgiven."""

    def __post_init__(self) -> None:
        _path("Health: live", self.live)
        _path("Health: ready", self.ready)
        if self.live == self.ready:
            raise ValueError(f"Health: live and ready are two questions, and cannot both be at {self.live!r}")
        if not self.timeout_seconds > 0 or not self.cache_seconds >= 0:
            raise ValueError("Health: timeout_seconds is above 0, cache_seconds not below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """At SIGTERM readiness says 503, the load balancer has `delay_seconds` to see it, then the server stops."""

    delay_seconds: float = 5.0
    timeout_seconds: float = 25.0
    """After the delay, for what is under way; then the process is told to end."""
    file: str | None = None
    """While this file exists readiness says 503: for servers that close before the kit hears of SIGTERM."""

    def __post_init__(self) -> None:
        if not self.delay_seconds >= 0 or not self.timeout_seconds >= 0:
            raise ValueError("Drain: delay_seconds and timeout_seconds are not below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Where operators look at pipelines, features and flags, and override them. Without a token it does not exist."""

    path: str = "/-/kit"
    token: str | None = field(default=None, repr=False)
    """What callers send as a bearer; `SERENO_KIT_TOKEN`, if not given."""
    chaos: bool = False
    """Whether faults may be injected from here; `SERENO_KIT_CHAOS=1` says so too. Never where customers are."""

    def __post_init__(self) -> None:
        _path("Admin: path", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """What callers read of errors: problem details (RFC 9457), in Spanish or English."""

    types: str = ""
    """What types begin with, such as `https://api.example/problems/`; `about:blank` without it."""
    framework: bool = False
    """Whether the framework's own HTTP and validation errors take this shape too; otherwise they keep theirs."""


def _path(what: str, path: str) -> None:
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"{what} begins with '/', as in {f'/{path}'!r}")


def _share(what: str, share: float) -> None:
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise ValueError(f"{what} is a number from 0 to 1, not {share!r}")

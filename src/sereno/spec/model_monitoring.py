"""How targets are found, what is asked from outside, and where Alertmanager sends: values that the loader builds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sereno.spec.model import Source


@dataclass(frozen=True, slots=True)
class KubernetesTargets:
    """Targets that Kubernetes knows: pods, or the endpoints of services, in `namespaces` (none named: all) that the
    label selector `selector` chooses, at the port called `port` (or with that number).

    With `annotations` pods say themselves whether, where and at which port they are scraped (prometheus.io/…).
    """

    role: Literal["pod", "endpointslice"] = "pod"
    namespaces: tuple[str, ...] = ()
    selector: str = ""
    port: str = ""
    path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    annotations: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where Prometheus finds a job's targets: in `files` (JSON or YAML lists, read again when they change), or by
    asking Kubernetes."""

    files: tuple[str, ...] = ()
    kubernetes: KubernetesTargets | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a probe takes for an answer. `certificate` is how long it must still be good for."""

    status: tuple[int, ...] = ()
    within: timedelta | None = None
    body: str = ""
    body_not: str = ""
    certificate: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A question asked of a service from outside, every `every`; it alerts once it has failed for `for_`."""

    name: str
    kind: Literal["http", "tcp", "tls", "dns", "icmp"]
    target: str
    every: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=10)
    expected: Expected = field(default_factory=Expected)
    server: str = ""
    record: str = "A"
    severity: str = ""
    ticket_severity: str = ""
    for_: timedelta = timedelta(minutes=2)
    runbook: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that takes Alertmanager's mail. The password stands in a file of its own."""

    host: str
    sender: str
    user: str = ""
    password_file: str = ""
    tls: bool = True


@dataclass(frozen=True, slots=True)
class Receiver:
    """One place that Alertmanager tells. `secret_file` holds what nobody else may know: an address, a key."""

    name: str
    kind: Literal["slack", "pagerduty", "opsgenie", "email", "webhook"]
    secret_file: str = ""
    url: str = ""
    channel: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotificationRoute:
    """Alerts of `teams` (none named: all) with one of `severities` (none: all) go to all of `to`. The first that
    matches counts."""

    to: tuple[str, ...]
    teams: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notifications:
    """Where Alertmanager sends. Without `routes` all receivers hear of all that pages; `watchdog` is the one that
    must never stop hearing."""

    receivers: tuple[Receiver, ...]
    routes: tuple[NotificationRoute, ...] = ()
    smtp: Smtp | None = None
    watchdog: str = ""
    source: Source | None = None

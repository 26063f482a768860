"""How a service is run and released, tried by experiments, and what is kept of its logs and traces, as declared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sereno.spec.model import Source


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the container listens on."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class HealthPaths:
    """HTTP paths that say three different things: it has started; it is not stuck; it can take work now."""

    startup: str
    live: str
    ready: str
    port: str


@dataclass(frozen=True, slots=True)
class Resources:
    """What one replica asks for and may not exceed, as Kubernetes quantities; "" is not limited."""

    cpu: str
    memory: str
    cpu_limit: str = ""
    memory_limit: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment: a plain `value`, or the `key` of a Secret."""

    name: str
    value: str = ""
    secret: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many run. With `most` above `least` their number follows the CPU (a share of what is requested) and, when
    `events_per_replica` is set, the events per second of the service's first objective."""

    least: int
    most: int
    cpu: Decimal | None = None
    events_per_replica: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may talk to the service, or whom it may talk to: another `service` of the workspace, a whole `namespace`,
    or the addresses of a `cidr`. Without `ports` (numbers or names) every port."""

    service: str = ""
    namespace: str = ""
    cidr: str = ""
    ports: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """What the network lets through; everything else is refused."""

    incoming: tuple[Peer, ...] = ()
    outgoing: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsPort:
    """Where Prometheus reads the service."""

    port: str
    path: str = "/metrics"
    every: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Route:
    """How requests come in. With `secret` (a TLS certificate's) a gateway is made; `gateway` names one that is there;
    with neither the route is for the mesh alone. `retries` are tried only on `retry_on`."""

    hosts: tuple[str, ...]
    gateway: str = ""
    secret: str = ""
    timeout: timedelta = timedelta(seconds=15)
    retries: int = 0
    retry_within: timedelta = timedelta(seconds=2)
    retry_on: tuple[str, ...] = ("connect-failure", "refused-stream", "unavailable")


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """A share of the traffic (percent), and how long it flows before it is judged; None waits for a person."""

    weight: int
    wait: timedelta | None


@dataclass(frozen=True, slots=True)
class Canary:
    """How a new version goes out.

    At each step the canary's own pods are judged by `slos` every `every`, `checks` times: more than `burn` times the
    budget over `over` is a failure; fewer than `events_min` events in it is undecided. More than `failures` failures
    take it back; more than `undecided` undecided ones stop and wait for a person.
    """

    by: Literal["argo", "flagger", "istio"]
    steps: tuple[CanaryStep, ...]
    slos: tuple[str, ...]
    every: timedelta = timedelta(minutes=1)
    over: timedelta = timedelta(minutes=5)
    checks: int = 5
    failures: int = 1
    undecided: int = 3
    burn: Decimal = Decimal(2)
    events_min: int = 20
    image: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a service runs on Kubernetes.

    `drain` is how long a replica that is being stopped goes on answering while the others learn that it leaves;
    `grace` is how long it then has to finish what it began. `user` is the number that it runs as, never 0.
    """

    name: str
    image: str
    resources: Resources
    replicas: Replicas
    namespace: str = "default"
    ports: tuple[Port, ...] = ()
    health: HealthPaths | None = None
    slow_start: timedelta = timedelta(minutes=1)
    drain: timedelta = timedelta(seconds=10)
    grace: timedelta = timedelta(seconds=30)
    user: int = 10001
    writable: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    access: Access | None = None
    metrics: MetricsPort | None = None
    route: Route | None = None
    canary: Canary | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class ExperimentProbe:
    """What must hold during an experiment: `slo` burns no faster than `burn`, or `http` answers `status`."""

    name: str
    slo: str = ""
    burn: Decimal = Decimal(1)
    http: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault that is made on purpose: `fault` (of Litmus) in `share` of the pods of `service` for `duration`, again
    every `every`; it stops as soon as one of `probes` no longer holds."""

    name: str
    title: str
    service: str
    fault: str
    duration: timedelta
    probes: tuple[ExperimentProbe, ...]
    hypothesis: str = ""
    share: Decimal = Decimal("0.5")
    every: timedelta = timedelta(seconds=10)
    account: str = "litmus"
    settings: tuple[tuple[str, str], ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Redaction:
    """What may not be kept: the values of `keys` (whatever their case), and text that looks like one of `kinds`."""

    keys: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Logs:
    """Where a service's log lines are read and what they are."""

    files: tuple[str, ...]
    format: Literal["json", "text"] = "json"
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Traces:
    """Which traces of a service are kept: errors and those slower than `slow` always, of the rest `share`."""

    share: Decimal
    slow: timedelta
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Where logs and traces go, and what is taken out of them on the way.

    `logs_otlp` and `traces_otlp` take OTLP over HTTP; `logs_loki` and `logs_elasticsearch` are those servers' own
    addresses. "" is nowhere. `share` and `slow` are those of services that do not say otherwise.
    """

    redaction: Redaction
    logs_otlp: str = ""
    logs_loki: str = ""
    logs_elasticsearch: str = ""
    traces_otlp: str = ""
    share: Decimal = Decimal("0.1")
    slow: timedelta = timedelta(seconds=1)
    source: Source | None = None

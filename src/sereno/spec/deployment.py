"""Reads how a service runs on Kubernetes: the key `deployment` of a service.

```yaml
deployment:
  image: registry.example/payments:1.4.2      # a tag that says a version, or a digest; never `latest`
  namespace: shop                             # `default` by default
  name: payments                              # the service's by default
  ports: {http: 8080, metrics: 9090}
  health: {startup: /health/startup, live: /health/live, ready: /health/ready}
  resources: {cpu: 250m, memory: 512Mi, memory_limit: 512Mi}
  replicas: {min: 3, max: 12, cpu: 70%, events: 50}      # or a number; `events` per second and replica
  slow_start: 60s            # within which it has started
  drain: 10s                 # it goes on answering while the others learn that it leaves
  grace: 30s                 # then it finishes what it began
  user: 10001
  writable: [/tmp]
  env: {LOG_LEVEL: info, DB_PASSWORD: {secret: db, key: password}}
  access: {from: [web, {namespace: ingress}], to: [database, {cidr: 203.0.113.0/24, ports: [443]}]}
  metrics: {port: metrics, path: /metrics}
  route: {hosts: [shop.example], secret: shop-tls, timeout: 10s, retries: 2}
  canary: …                  # see canary.py
```
"""

from __future__ import annotations

import re
from datetime import timedelta

from sereno.spec import values
from sereno.spec.canary import canary
from sereno.spec.fields import Fields, Reader, expect
from sereno.spec.model_delivery import (
    Access,
    Deployment,
    HealthPaths,
    MetricsPort,
    Peer,
    Port,
    Replicas,
    Resources,
    Route,
    Variable,
)
from sereno.spec.quantities import (
    DNS_NAME,
    DNS_WORDS,
    amount,
    cidr,
    cpu,
    dns_name,
    host,
    image,
    memory,
    path,
    positive,
    share,
    whole_number,
)
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRETIVE = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
_RETRY_ON = (
    "connect-failure", "refused-stream", "unavailable", "reset", "gateway-error", "5xx", "retriable-4xx",
    "cancelled", "deadline-exceeded", "resource-exhausted", "503", "502", "504",
)  # fmt: skip
_KEYS = (
    "name", "namespace", "ports", "health", "slow_start", "drain", "grace", "user", "writable", "command", "env",
    "access", "metrics", "route", "canary",
)  # fmt: skip
_WAIT = values.duration_within("0s", "1h")
_SOME = values.duration_within("1s", "1h")


def deployment(reading: Reading, node: Node, service: str, slos: tuple[str, ...]) -> Deployment:
    """How `service`, whose objectives are called `slos`, is run."""
    fields = Fields(reading, node, "a deployment", required=("image", "resources", "replicas"), optional=tuple(_KEYS))
    ports = fields.read("ports", _ports) or ()

    def port(reading: Reading, node: Node) -> str | None:
        return _known_port(reading, node, ports)

    name = fields.read("name", dns_name) or service
    if not fields.has("name") and service and not DNS_NAME.fullmatch(service):
        hint = f"give it a name: `name: {re.sub('[^a-z0-9-]+', '-', service.lower()).strip('-')}`"
        reading.complain("SER700", node, f"`{service}` cannot be a name in Kubernetes", expected=DNS_WORDS, hint=hint)
    return Deployment(
        name=name,
        image=fields.read("image", image) or "",
        resources=fields.read("resources", _resources) or Resources("", ""),
        replicas=fields.read("replicas", _replicas) or Replicas(2, 2),
        namespace=fields.read("namespace", dns_name) or "default",
        ports=ports,
        health=fields.read("health", lambda r, n: _health(r, n, ports)),
        slow_start=fields.read("slow_start", _SOME) or timedelta(minutes=1),
        drain=_given(fields.read("drain", _WAIT), timedelta(seconds=10)),
        grace=_given(fields.read("grace", _WAIT), timedelta(seconds=30)),
        user=fields.read("user", whole_number(1, 2**31 - 1, "a user's number above 0: it may not run as root"))
        or 10001,
        writable=fields.read("writable", values.items(path, what="paths")) or (),
        command=fields.read("command", values.items(values.text, what="words")) or (),
        env=fields.read("env", _environment) or (),
        access=fields.read("access", _access),
        metrics=fields.read("metrics", lambda r, n: _metrics(r, n, port)),
        route=fields.read("route", _route),
        canary=fields.read("canary", lambda r, n: canary(r, n, slos)),
        source=reading.source(node),
    )


def _given(found: timedelta | None, otherwise: timedelta) -> timedelta:
    return otherwise if found is None else found


def _ports(reading: Reading, node: Node) -> tuple[Port, ...] | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to numbers, such as {http: 8080}")
        return None
    number = whole_number(1, 65535, "a port from 1 to 65535")
    found: list[Port] = []
    for key, value in node.entries:
        if not _PORT_NAME.fullmatch(key.value):
            expected = "a-z, digits and -, at most 15, with a letter"
            reading.complain("SER703", key, f"`{key.value[:40]}` cannot be the name of a port", expected=expected)
        elif (read := number(reading, value)) is not None:
            if any(read == port.number for port in found):
                reading.complain("SER703", value, f"two ports have the number {read}", expected="a number of its own")
            found.append(Port(key.value, read))
    return tuple(found)


def _known_port(reading: Reading, node: Node, ports: tuple[Port, ...]) -> str | None:
    found = values.text(reading, node)
    if found is None or any(port.name == found for port in ports):
        return found
    declared = ", ".join(port.name for port in ports) or "`ports` first"
    reading.complain("SER703", node, f"there is no port `{found[:40]}`", expected=f"one of {declared}")
    return None


def _health(reading: Reading, node: Node, ports: tuple[Port, ...]) -> HealthPaths | None:
    fields = Fields(
        reading, node, "the health of a deployment", required=("live", "ready"), optional=("startup", "port")
    )
    live, ready = fields.read("live", path), fields.read("ready", path)
    startup = fields.read("startup", path) or live
    port = fields.read("port", lambda r, n: _known_port(r, n, ports)) or (ports[0].name if ports else None)
    if port is None and isinstance(node, Mapping) and not fields.has("port"):
        reading.complain("SER703", node, "the deployment has no port to ask", expected="`ports` with one at least")
    if live is not None and live == ready:
        place = fields.value("ready")
        assert place is not None
        message = "liveness and readiness ask the same: a slow database would restart every replica"
        reading.complain("SER704", place, message, hint="`live` answers whenever the process is not stuck")
    if live is None or ready is None or startup is None or port is None:
        return None
    return HealthPaths(startup, live, ready, port)


def _resources(reading: Reading, node: Node) -> Resources:
    fields = Fields(
        reading, node, "the resources of a deployment", required=("cpu", "memory"),
        optional=("cpu_limit", "memory_limit"),
    )  # fmt: skip
    cores, bytes_ = fields.read("cpu", cpu) or "", fields.read("memory", memory) or ""
    cores_limit, bytes_limit = fields.read("cpu_limit", cpu) or "", fields.read("memory_limit", memory) or ""
    for key, wanted, limit in (("cpu_limit", cores, cores_limit), ("memory_limit", bytes_, bytes_limit)):
        place = fields.value(key)
        if wanted and limit and place and amount(limit) < amount(wanted):
            reading.complain("SER702", place, f"the limit is below what is asked for ({wanted})", expected="as much")
    return Resources(cores, bytes_, cores_limit, bytes_limit or bytes_)


def _replicas(reading: Reading, node: Node) -> Replicas | None:
    number = whole_number(1, 10_000, "a whole number from 1")
    if isinstance(node, Scalar):
        found = number(reading, node)
        return None if found is None else Replicas(found, found)
    fields = Fields(reading, node, "the replicas of a deployment", required=("min", "max"), optional=("cpu", "events"))
    least, most = fields.read("min", number), fields.read("max", number)
    cpu, events = fields.read("cpu", share()), fields.read("events", positive)
    if least is None or most is None:
        return None
    place = fields.value("max")
    assert place is not None
    if most < least:
        reading.complain("SER705", place, f"at most {most} is below at least {least}", expected=f"{least} or more")
        return None
    if most > least and cpu is None and events is None:
        reading.complain(
            "SER705", node, "nothing says when there should be more", expected="`cpu`, `events` or both"
        )  # fmt: skip
        return None
    return Replicas(least, most, cpu, events)


def _environment(reading: Reading, node: Node) -> tuple[Variable, ...] | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to values, such as {LOG_LEVEL: info}")
        return None
    found = []
    for key, value in node.entries:
        if not _VARIABLE.fullmatch(key.value):
            reading.complain(
                "SER709", key, f"`{key.value[:40]}` cannot be the name of a variable", expected="LOG_LEVEL"
            )
        elif isinstance(value, Mapping):
            fields = Fields(reading, value, "a variable from a secret", required=("secret", "key"))
            secret, inner = fields.read("secret", dns_name), fields.read("key", values.text)
            found.append(Variable(key.value, secret=secret or "", key=inner or ""))
        elif _SECRETIVE.search(key.value):
            expected = "{secret: its-secret, key: its-key}"
            reading.complain("SER709", value, "a secret stands in the file", expected=expected, secret=True)
        elif isinstance(value, Scalar):
            found.append(Variable(key.value, value.value))
        else:
            expect(reading, value, "text, or {secret: …, key: …}")
    return tuple(found)


def _access(reading: Reading, node: Node) -> Access:
    fields = Fields(reading, node, "the access of a deployment", optional=("from", "to"))
    peers = values.items(_peer, what="services, namespaces or addresses", empty=True)
    return Access(fields.read("from", peers) or (), fields.read("to", peers) or ())


def _peer(reading: Reading, node: Node) -> Peer | None:
    if isinstance(node, Scalar):
        return Peer(service=_service(reading, node) or "")
    fields = Fields(reading, node, "a peer", optional=("service", "namespace", "cidr", "ports"))
    kind = fields.exactly_one("service", "namespace", "cidr")
    ports = fields.read("ports", values.items(_peer_port, what="ports")) or ()
    readers: dict[str, Reader[str]] = {"service": _service, "namespace": dns_name, "cidr": cidr}
    found = fields.read(kind, readers[kind]) if kind else None
    return Peer(**{kind: found}, ports=ports) if kind and found else None  # type: ignore[arg-type]


def _service(reading: Reading, node: Node) -> str | None:
    return reading.refer("service", node)


def _peer_port(reading: Reading, node: Node) -> int | str | None:
    if isinstance(node, Scalar) and node.kind == "number":
        return whole_number(1, 65535, "a port from 1 to 65535")(reading, node)
    found = values.text(reading, node)
    if found is None or _PORT_NAME.fullmatch(found):
        return found
    reading.complain("SER703", node, f"`{found[:40]}` cannot be a port", expected="a number, or a port's name")
    return None


def _metrics(reading: Reading, node: Node, port: Reader[str]) -> MetricsPort | None:
    fields = Fields(reading, node, "the metrics of a deployment", required=("port",), optional=("path", "every"))
    found, read_at = fields.read("port", port), fields.read("path", path) or "/metrics"
    every = fields.read("every", _SOME) or timedelta(seconds=15)
    return MetricsPort(found, read_at, every) if found else None


def _route(reading: Reading, node: Node) -> Route | None:
    fields = Fields(
        reading, node, "a route", required=("hosts",),
        optional=("gateway", "secret", "timeout", "retries", "retry_within", "retry_on"),
    )  # fmt: skip
    if fields.has("gateway") and fields.has("secret"):
        fields.exactly_one("gateway", "secret")
    hosts = fields.read("hosts", values.items(host, what="hosts"))
    timeout = fields.read("timeout", _SOME) or timedelta(seconds=15)
    retries = fields.read("retries", whole_number(0, 10, "a whole number from 0 to 10")) or 0
    within = fields.read("retry_within", _SOME) or min(timedelta(seconds=2), timeout)
    if within > timeout and (place := fields.value("retry_within")):
        reading.complain(
            "SER702", place, "one try would take longer than the whole request", expected="below `timeout`"
        )
    retry_on = values.items(values.one_of(*_RETRY_ON), what="conditions")
    if not hosts:
        return None
    default = Route(hosts)
    return Route(
        hosts,
        fields.read("gateway", values.text) or "",
        fields.read("secret", dns_name) or "",
        timeout,
        retries,
        within,
        fields.read("retry_on", retry_on) or default.retry_on,
    )

"""Compose files: what fails at the next start, and what the whole world can reach."""

from __future__ import annotations

import re

from sereno.lint.model import Context, Document
from sereno.lint.paths import at, entries, items, key, labels, masked, text, without_lines
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar

_PORT = re.compile(
    r"(?:(?P<host>\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]*\]|localhost):)?(?:(?P<outer>\d+)(?:-\d+)?:)?(?P<inner>\d+)(?:-\d+)?"
    r"(?:/(?P<protocol>tcp|udp))?"
)
_INTERNAL = {
    "2181": "ZooKeeper",
    "2379": "etcd",
    "3306": "MySQL",
    "4317": "OTLP, which takes whatever it is sent",
    "4318": "OTLP, which takes whatever it is sent",
    "5432": "PostgreSQL",
    "5672": "RabbitMQ",
    "6379": "Redis",
    "6831": "a Jaeger agent",
    "6832": "a Jaeger agent",
    "8888": "metrics of the collector",
    "9042": "Cassandra",
    "9090": "Prometheus, without a password",
    "9091": "the Pushgateway, which takes whatever it is sent",
    "9092": "Kafka",
    "9093": "Alertmanager, where everyone may silence",
    "9100": "the node exporter",
    "9200": "Elasticsearch",
    "9300": "Elasticsearch",
    "9411": "Zipkin",
    "11211": "Memcached",
    "14250": "a Jaeger collector",
    "14268": "a Jaeger collector",
    "15672": "RabbitMQ's console",
    "16686": "Jaeger, with every request and its tags",
    "27017": "MongoDB",
}
_SECRET = re.compile(r"PASSW(?:OR)?D$|SECRET(?:_KEY)?$|_TOKEN$|API_?KEY$|CONTRASE", re.IGNORECASE)
_WORDS = """
admin password postgres root secret changeme change_me test guest example 123456 1234 12345678 grafana prom prometheus
minio minioadmin redis mysql rabbitmq elastic toor pass default letmein qwerty demo user
"""
_USUAL = frozenset(_WORDS.split())


def check(document: Document, context: Context, report: Report) -> None:
    """Everything about a Compose file."""
    root = document.node
    if not isinstance(root, Mapping):
        return
    old = key(root, "version")
    if old is not None and (value := root.get("version")) is not None:
        report.complain(
            "SER740", old, "`version` means nothing to Compose 2, which warns of it at every command",
            expected="no version", edits=(without_lines(root.file, old.start, value.end),),
        )  # fmt: skip
    taken: dict[tuple[str, str], tuple[str, str]] = {}
    for name, service in entries(root.get("services")):
        if isinstance(service, Mapping):
            _check_image(name, service, report)
            _check_limits(name, service, report)
            _check_ports(name, service, taken, report)
            _check_waiting(name, service, root, report)
            _check_secrets(service, report)


def _check_image(name: Scalar, service: Mapping, report: Report) -> None:
    node = service.get("image")
    image = text(node)
    if node is None or not image or "$" in image or "@" in image or service.get("build") is not None:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        report.complain(
            "SER741", node, f"{image} is whatever was pushed last: {name.value} is another program after the next pull",
            expected="a version, or a digest (@sha256:…)",
        )  # fmt: skip


def _check_limits(name: Scalar, service: Mapping, report: Report) -> None:
    if at(service, "deploy", "resources", "limits", "memory") is None and service.get("mem_limit") is None:
        report.complain(
            "SER742", name, f"{name.value} may take all memory of the machine: the kernel then ends whatever it "
            "likes, often the database", expected="mem_limit, or deploy.resources.limits.memory",
        )  # fmt: skip


def _check_ports(
    name: Scalar, service: Mapping, taken: dict[tuple[str, str], tuple[str, str]], report: Report
) -> None:  # fmt: skip
    for port in items(service.get("ports")):
        host, outer, inner, protocol = _published(port)
        if not inner:
            continue
        before = taken.get((outer, protocol)) if outer else None
        if before is not None and (before[1] == host or not before[1] or not host):
            report.complain(
                "SER743", port, f"{name.value} and {before[0]} publish the same port {outer}: the second does not "
                "start (“port is already allocated”)",
                expected="another port, or none: services reach each other by name",
            )  # fmt: skip
        elif outer:
            taken[(outer, protocol)] = (name.value, host)
        if inner in _INTERNAL and host in ("", "0.0.0.0", "[::]"):  # noqa: S104
            report.complain(
                "SER744", port, f"port {inner} ({_INTERNAL[inner]}) is open to every network of the machine; Docker "
                "goes past the firewall", expected=f'"127.0.0.1:{outer or inner}:{inner}", or no port at all',
            )  # fmt: skip


def _published(port: Node) -> tuple[str, str, str, str]:
    """Host, outer and inner port, and protocol of one entry; empty where it does not say."""
    if isinstance(port, Mapping):
        return (text(port.get("host_ip")), text(port.get("published")), text(port.get("target")),
                text(port.get("protocol")) or "tcp")  # fmt: skip
    found = _PORT.fullmatch(text(port))
    if found is None:
        return "", "", "", "tcp"
    return found["host"] or "", found["outer"] or "", found["inner"], found["protocol"] or "tcp"


def _check_waiting(name: Scalar, service: Mapping, root: Mapping, report: Report) -> None:
    """Waiting for a container to exist is not waiting until it can be used."""
    waits = service.get("depends_on")
    bare = [(item, text(item)) for item in items(waits)]
    for other, condition in entries(waits):
        kind = text(at(condition, "condition"))
        if kind in ("", "service_started"):
            bare.append((other, other.value))
        elif kind == "service_healthy" and at(root, "services", other.value, "healthcheck") is None:
            if at(root, "services", other.value, "image") is None:
                continue
            report.complain(
                "SER746", other, f"{name.value} waits until {other.value} is healthy, which has no healthcheck here: "
                "unless its image brings one, it never starts", expected=f"a healthcheck of {other.value}",
            )  # fmt: skip
    for node, other_name in bare:
        report.complain(
            "SER745", node, f"{name.value} waits until {other_name} exists, not until it answers: at the start of "
            "the machine it fails, or loses what it sends",
            expected=f"{other_name}: {{condition: service_healthy}} and a "
            "healthcheck",
        )  # fmt: skip


def _check_secrets(service: Mapping, report: Report) -> None:
    environment = service.get("environment")
    found = [(key.value, value, 0) for key, value in entries(environment) if isinstance(value, Scalar)]
    for item in items(environment):
        name, equals, _ = text(item).partition("=")
        if isinstance(item, Scalar) and equals:
            found.append((name, item, len(name) + 1))
    for name, value, offset in found:
        given = value.value[offset:]
        if _SECRET.search(name) and given and given.lower() in _USUAL:
            report.complain_at(
                "SER747", masked(value.file, value), value.start, value.end - value.start,
                f"{name} is one of the first ten that everybody tries", expected=f"{name}_FILE, or ${{{name}:?}}",
            )  # fmt: skip
    for name, _ in labels(environment).items():
        if name == "GF_AUTH_ANONYMOUS_ORG_ROLE" and text(at(environment, name)).lower() == "admin":
            node = at(environment, name)
            assert node is not None
            report.complain("SER748", node, "everyone who reaches Grafana is its administrator", expected="Viewer")

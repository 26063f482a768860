"""prometheus.yml, Compose files and pipelines: what is refused at the start, and what only looks as if it were."""

from __future__ import annotations

import pytest

from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding

HEAD = """\
global: {scrape_interval: 15s}
rule_files: [a.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: ['alertmanager:9093']}]}]}
"""


def look(name: str, text: str) -> tuple[Finding, ...]:
    found = read(name, text)
    return (*found.findings, *lint(found.documents))


def jobs(*written: str) -> list[str]:
    text = HEAD + "scrape_configs:\n" + "".join(f"  - {job}\n" for job in written)
    return [f.diagnostic.code for f in look("prometheus.yml", text)]


@pytest.mark.parametrize(
    ("job", "found"),
    [
        ("{job_name: a, static_configs: [{targets: ['a:1']}]}", []),
        ("{job_name: a, static_configs: [{targets: ['http://a:1']}]}", ["SER729"]),
        ("{job_name: a, static_configs: [{targets: ['https://a:1']}]}", ["SER729"]),
        ("{job_name: a, metrics_path: /probe, static_configs: [{targets: ['https://a']}]}", []),  # blackbox
        ("{job_name: a, scrape_timeout: 15s}", []),
        ("{job_name: a, scrape_timeout: 16s}", ["SER725"]),
        ("{job_name: a, scrape_interval: 10s, scrape_timeout: 15s}", ["SER725"]),
        ("{job_name: a, scrape_interval: 2m}", []),
        ("{job_name: a, scrape_interval: 3m}", ["SER724"]),
        ("{job_name: federate, honor_labels: true}", []),
        ("{job_name: pushgateway, honor_labels: true}", []),
        ("{job_name: a, metrics_path: /federate, honor_labels: true}", []),
        ("{job_name: a, honor_labels: true}", ["SER727"]),
        ("{job_name: a, honor_labels: false}", []),
        ("{job_name: a, kubernetes_sd_configs: [{role: pod}]}", ["SER728"]),
        ("{job_name: a, kubernetes_sd_configs: [{role: node}]}", []),
        ("{job_name: a, kubernetes_sd_configs: [{role: pod}], relabel_configs: "
         "[{source_labels: [__meta_kubernetes_pod_container_port_name], action: keep, regex: metrics}]}", []),
        ("{job_name: a, kubernetes_sd_configs: [{role: pod}], relabel_configs: "
         "[{source_labels: [a], action: drop, regex: b}, "
         "{source_labels: [__meta_kubernetes_pod_container_port_number], action: keep, regex: '9090'}]}", []),
        ("{job_name: a, basic_auth: {username: u, password_file: /run/p}}", []),
        ("{job_name: a, basic_auth: {username: u, password: hunter2}}", ["SER731"]),
        ("{job_name: a, authorization: {credentials: hunter2}}", ["SER731"]),
        ("{job_name: a, basic_auth: {username: u, password: '${PASSWORD}'}}", []),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_job(job: str, found: list[str]) -> None:
    assert jobs(job) == found


def test_two_jobs_of_one_name_and_of_two() -> None:
    assert jobs("{job_name: a}", "{job_name: a}") == ["SER726"]
    assert jobs("{job_name: a}", "{job_name: b}") == []


def test_a_secret_of_prometheus_is_never_shown() -> None:
    text = HEAD + "scrape_configs: [{job_name: a, basic_auth: {username: u, password: hunter2}}]\n"
    (found,) = look("prometheus.yml", text)
    assert "hunter2" not in found.diagnostic.render()


@pytest.mark.parametrize(
    ("every", "wrong"),
    [
        ("15s", False),
        ("20s", False),
        ("30s", False),
        ("1m", False),
        ("45s", True),
        ("40s", True),
        ("5m", False),
        ("7s", True),
    ],
)
def test_which_intervals_divide_five_minutes(every: str, wrong: bool) -> None:
    text = HEAD.replace("{scrape_interval: 15s}", f"{{scrape_interval: 5s, evaluation_interval: {every}}}")
    assert ("SER723" in [f.diagnostic.code for f in look("prometheus.yml", text)]) is wrong


def test_an_agent_that_only_forwards_needs_neither_rules_nor_alertmanager() -> None:
    text = "global: {scrape_interval: 15s}\nscrape_configs: [{job_name: a}]\nremote_write: [{url: 'https://x/push'}]\n"
    assert look("prometheus.yml", text) == ()


def test_schemes_go_only_where_nothing_is_lost() -> None:
    def mended(job: str) -> str:
        text = HEAD + f"scrape_configs: [{job}]\n"
        return mend(text, lambda body: look("prometheus.yml", body)).text.splitlines()[-1]

    assert "['a:1']" in mended("{job_name: a, static_configs: [{targets: ['http://a:1']}]}")
    assert "['a:1']" in mended("{job_name: a, scheme: https, static_configs: [{targets: ['https://a:1']}]}")
    assert "https://a:1" in mended("{job_name: a, static_configs: [{targets: ['https://a:1']}]}")
    assert "http://a:1/m" in mended("{job_name: a, static_configs: [{targets: ['http://a:1/m']}]}")


def services(*written: str) -> list[str]:
    text = "services:\n" + "".join(f"  s{n}: {{image: 'a:1', mem_limit: 1g, {s}}}\n" for n, s in enumerate(written))
    return [f.diagnostic.code for f in look("compose.yaml", text)]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("ports: ['8080:80']", "ports: ['8081:80']", []),
        ("ports: ['8080:80']", "ports: ['8080:81']", ["SER743"]),
        ("ports: ['127.0.0.1:8080:80']", "ports: ['127.0.0.2:8080:80']", []),
        ("ports: ['127.0.0.1:8080:80']", "ports: ['8080:80']", ["SER743"]),  # the second takes all addresses
        ("ports: ['53:53/tcp']", "ports: ['53:53/udp']", []),
        ("ports: [{target: 80, published: 8080}]", "ports: [{target: 81, published: '8080'}]", ["SER743"]),
        ("ports: ['80']", "ports: ['80']", []),  # ports of chance
        ("ports: ['5432:5432']", "read_only: true", ["SER744"]),
        ("ports: ['0.0.0.0:5432:5432']", "read_only: true", ["SER744"]),
        ("ports: ['127.0.0.1:5432:5432']", "read_only: true", []),
        ("ports: ['15432:5432']", "read_only: true", ["SER744"]),
        ("ports: ['5432:8080']", "read_only: true", []),  # what counts is what listens inside
        ("ports: [{target: 6379, published: 6379, host_ip: 127.0.0.1}]", "read_only: true", []),
        ("depends_on: [s1]", "read_only: true", ["SER745"]),
        ("depends_on: {s1: {condition: service_started}}", "read_only: true", ["SER745"]),
        ("depends_on: {s1: {condition: service_healthy}}", "read_only: true", ["SER746"]),
        ("depends_on: {s1: {condition: service_healthy}}", "healthcheck: {test: [CMD, true]}", []),
        ("depends_on: {s1: {condition: service_completed_successfully}}", "read_only: true", []),
        ("environment: [POSTGRES_PASSWORD=postgres]", "read_only: true", ["SER747"]),
        ("environment: {POSTGRES_PASSWORD: Postgres}", "read_only: true", ["SER747"]),
        ("environment: {POSTGRES_PASSWORD: '${POSTGRES_PASSWORD:?}'}", "read_only: true", []),
        ("environment: {POSTGRES_PASSWORD_FILE: postgres}", "read_only: true", []),
    ],
)
def test_what_is_wrong_with_two_services(first: str, second: str, found: list[str]) -> None:
    assert services(first, second) == found


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        ("a", True), ("a:latest", True), ("a:1", False), ("host:5000/a", True), ("host:5000/a:1", False),
        ("a@sha256:1", False), ("a:${TAG}", False), ("${IMAGE}", False),
    ],
)  # fmt: skip
def test_which_images_are_those_of_the_day(image: str, wrong: bool) -> None:
    text = f"services: {{a: {{image: '{image}', mem_limit: 1g}}}}\n"
    assert ([f.diagnostic.code for f in look("compose.yaml", text)] == ["SER741"]) is wrong


def test_parts_of_one_kind_may_have_names() -> None:
    text = """\
receivers: {otlp/a: {}, otlp/b: {}}
processors: {memory_limiter: {}, batch/big: {}, transform/hide: {}}
exporters: {otlp: {}, debug: {}}
connectors: {spanmetrics: {}}
service:
  pipelines:
    traces: {receivers: [otlp/a], processors: [memory_limiter, batch/big], exporters: [otlp, spanmetrics]}
    metrics: {receivers: [spanmetrics], processors: [memory_limiter, batch/big], exporters: [debug]}
    logs/shop: {receivers: [otlp/b], processors: [memory_limiter, transform/hide, batch/big], exporters: [otlp]}
"""
    assert look("otel.yaml", text) == ()
    assert [f.diagnostic.code for f in look("otel.yaml", text.replace("transform/hide, batch", "batch"))] == [
        "SER751", "SER755",
    ]  # fmt: skip

"""For those who run a Prometheus: its rule files, its unit tests and its scrape configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from sereno.compiler.prometheus_discovery import found_by
from sereno.compiler.prometheus_probes import probe_jobs
from sereno.compiler.prometheus_rules import NOTICE, RuleGroup, group_value
from sereno.compiler.text import Value, yaml
from sereno.compiler.unit_tests import tests_file
from sereno.kernel.duration import format_duration
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.slo import SloPlan, plans_of
from sereno.spec.model import ScrapeJob, Service, Spec

__all__ = ["rules_file", "scrape_config", "service_rules", "tests_file"]

_INTERVAL = timedelta(seconds=15)


def rules_file(
    spec: Spec,
    *,
    evaluation_interval: timedelta = _INTERVAL,
    language: Language = "en",
) -> str:
    """The alerting rules of `spec` as Prometheus reads them.

    One group for a service's declared alerts and one for each objective's burn-rate tiers, evaluated every
    `evaluation_interval`; annotations in `language`. The same spec gives the same bytes.
    """
    plans = plans_of(spec, evaluation_interval=evaluation_interval, language=language)
    services = [spec.services[name] for name in sorted(spec.services)]
    groups = [group for service in services for group in _groups(service, plans, evaluation_interval)]
    return NOTICE + yaml({"groups": groups})


def service_rules(service: Service, plans: Iterable[SloPlan], *, evaluation_interval: timedelta = _INTERVAL) -> str:
    """The alerts of one service, with those of `plans` that are its own, as a rule file; "" when it has no rule."""
    groups = _groups(service, plans, evaluation_interval)
    return NOTICE + yaml({"groups": groups}) if groups else ""


def scrape_config(
    spec: Spec, *, evaluation_interval: timedelta = _INTERVAL, rule_files: tuple[str, ...] = ("rules/*.yml",)
) -> str:
    """A whole `prometheus.yml`: every target of `spec`, every probe, the Alertmanager, and `rule_files` evaluated
    every `evaluation_interval`."""
    overall: dict[str, Value] = {"evaluation_interval": format_duration(evaluation_interval)}
    if spec.environment:
        overall["external_labels"] = {"environment": spec.environment}
    document: dict[str, Value] = {"global": overall}
    if spec.addresses.alertmanager:
        document["alerting"] = {"alertmanagers": [_alertmanager(spec.addresses.alertmanager)]}
    jobs = [*_jobs(spec), *(job for name in sorted(spec.services) for job in probe_jobs(spec, spec.services[name]))]
    return NOTICE + yaml({**document, "rule_files": list(rule_files), "scrape_configs": jobs})


def _alertmanager(url: str) -> Value:
    parts = urlsplit(url)
    written: dict[str, Value] = {"scheme": parts.scheme}
    if parts.path.strip("/"):
        written["path_prefix"] = parts.path.rstrip("/")
    return {**written, "static_configs": [{"targets": [_address(parts.netloc, parts.scheme)]}]}


def _jobs(spec: Spec) -> Iterator[Value]:
    taken: set[str] = set()
    for name in sorted(spec.services):
        for job in spec.services[name].scrape:
            # Two services may share a job's name; Prometheus wants the configurations' names to differ.
            unique = job.job if job.job not in taken else f"{name}/{job.job}"
            count = 2
            while unique in taken:
                unique, count = f"{name}/{job.job}/{count}", count + 1
            taken.add(unique)
            yield _job(unique, job)


def _groups(service: Service, plans: Iterable[SloPlan], every: timedelta) -> list[Value]:
    named = [(f"{service.name}/alerts", service.alerts)]
    named += [(f"{service.name}/slo/{plan.slo.name}", plan.rules) for plan in plans if plan.service == service.name]
    return [_group(name, rules, every) for name, rules in named if rules]


def _group(name: str, rules: tuple[Rule, ...], every: timedelta) -> Value:
    return group_value(RuleGroup(name, every, rules))


def _job(unique: str, job: ScrapeJob) -> Value:
    written: dict[str, Value] = {
        "job_name": unique,
        "scrape_interval": format_duration(job.every),
        "scrape_timeout": format_duration(min(job.timeout, job.every)),
    }
    if job.targets:
        written["static_configs"] = [_target(url, job) for url in job.targets]
    return {**written, **(found_by(job.discovery, job.job, job.labels) if job.discovery else {})}


def _target(url: str, job: ScrapeJob) -> Value:
    parts = urlsplit(url)
    labels = {"job": job.job, **job.labels}
    labels |= {"__scheme__": parts.scheme, "__metrics_path__": parts.path or "/metrics"}
    labels |= {f"__param_{key}": value for key, value in parse_qsl(parts.query)}
    return {"targets": [_address(parts.netloc, parts.scheme)], "labels": labels}


def _address(netloc: str, scheme: str) -> str:
    host = netloc.rpartition("@")[2]  # a password in an address is not for files
    has_port = host.rpartition(":")[2].isdigit() and not host.endswith("]")
    return host if has_port else f"{host}:{443 if scheme == 'https' else 80}"

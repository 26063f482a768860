"""Probes as Prometheus asks them: through the blackbox exporter, and what is said when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sereno.compiler.prometheus_words import PHRASES
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.kernel.language import say, span
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.slo.naming import camel, inert
from sereno.spec.model import Service, Spec
from sereno.spec.model_monitoring import Probe

EXPORTER = "127.0.0.1:9115"
_SECOND = timedelta(seconds=1)
_HOUR = timedelta(hours=1)
_SILENT_FOR = timedelta(minutes=10)


def job_of(service: Service, probe: Probe) -> str:
    """The job under which the samples of a probe are kept."""
    return f"probe/{service.name}/{probe.name}"


def module_of(service: Service, probe: Probe) -> str:
    """The exporter's module that asks it."""
    return f"{service.name}/{probe.name}"


def probe_jobs(spec: Spec, service: Service) -> Iterator[Value]:
    """A scrape section for each probe of `service`."""
    for probe in service.probes:
        target = probe.server if probe.kind == "dns" else probe.target
        yield {
            "job_name": job_of(service, probe),
            "scrape_interval": format_duration(probe.every),
            "scrape_timeout": format_duration(min(probe.timeout + _SECOND, probe.every)),
            "metrics_path": "/probe",
            "params": {"module": [module_of(service, probe)]},
            "static_configs": [{"targets": [target], "labels": {"service": service.name, "probe": probe.name}}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": spec.blackbox or EXPORTER},
            ],
        }


def probe_rules(service: Service, language: Language) -> tuple[Rule, ...]:
    """The alerts of a service's probes: it fails, its certificate ends soon, it is slow, nobody asks."""
    return tuple(rule for probe in service.probes for rule in _rules(service, probe, language))


def _rules(service: Service, probe: Probe, language: Language) -> Iterator[Rule]:
    job = f'{{job="{job_of(service, probe)}"}}'
    rate = max(5 * probe.every, timedelta(minutes=5))
    yield _rule(service, probe, language, "fails", f"max(probe_success{job}) == 0", probe.severity, probe.for_)
    left = probe.expected.certificate
    if left is not None:
        expr = f"min(probe_ssl_earliest_cert_expiry{job}) - time() < {left.total_seconds():.0f}"
        yield _rule(service, probe, language, "expires", expr, probe.ticket_severity, _HOUR, left=left)
    within = probe.expected.within
    if within is not None:
        seconds = f"{within.total_seconds():g}"
        expr = f"max(avg_over_time(probe_duration_seconds{job}[{format_duration(rate)}])) > {seconds}"
        yield _rule(
            service, probe, language, "slow", expr, probe.ticket_severity, timedelta(0), within=within, rate=rate
        )
    # Nobody asks, so nobody knows: that is not the same as failing.
    silent = max(_SILENT_FOR, 3 * probe.every)
    yield _rule(service, probe, language, "silent", f"absent(probe_success{job})", probe.ticket_severity, silent)


_SUFFIX = {"fails": "Failing", "expires": "CertificateExpires", "slow": "Slow", "silent": "NotAsked"}


def _rule(
    service: Service, probe: Probe, language: Language, what: str, expr: str, severity: str, for_: timedelta,
    **lengths: timedelta,
) -> Rule:  # fmt: skip
    words = {
        "service": service.title or service.name, "probe": probe.name, "target": probe.target,
        "for_": span(for_, language), **{name: span(length, language) for name, length in lengths.items()},
    }  # fmt: skip
    return Rule(
        name=f"{camel(service.name)}{camel(probe.name)}{_SUFFIX[what]}",
        expr=expr,
        service=service.name,
        severity=severity,
        for_=for_,
        labels=Labels(service=service.name, team=service.team, severity=severity, probe=probe.name),
        annotations=Labels(
            summary=inert(say(PHRASES, f"probe_{what}", language, **words)),
            description=inert(say(PHRASES, f"probe_{what}_description", language, **words)),
            runbook_url=probe.runbook or "",
        ),
        origin=f"probe:{probe.name}/{what}",
    )

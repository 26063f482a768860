"""The target `blackbox`: a module of blackbox exporter for each declared probe."""

from __future__ import annotations

from sereno.compiler.prometheus_probes import module_of
from sereno.compiler.prometheus_rules import NOTICE
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.spec.model_monitoring import Probe


def build(request: Request) -> Output:
    """Modules of blackbox exporter for the declared probes; their scrape jobs and alerts are target prometheus's."""
    services = [request.spec.services[name] for name in sorted(request.spec.services)]
    modules = {module_of(service, probe): _module(probe) for service in services for probe in service.probes}
    if not modules:
        return Output({}, ("no service declares `probes`: there is nothing to ask from outside",))
    return Output({"blackbox/blackbox.yml": NOTICE + yaml({"modules": modules})})


def _module(probe: Probe) -> Value:
    prober = "tcp" if probe.kind == "tls" else probe.kind
    asked = {"http": _http, "tcp": _tcp, "tls": _tls, "dns": _dns, "icmp": _icmp}[probe.kind](probe)
    written: dict[str, Value] = {"prober": prober, "timeout": format_duration(probe.timeout)}
    return {**written, prober: asked}


def _http(probe: Probe) -> Value:
    expected = probe.expected
    asked: dict[str, Value] = {"method": "GET", "preferred_ip_protocol": "ip4"}
    if expected.status:
        # Without `follow_redirects: false` a 301 that is expected would never be seen.
        asked["follow_redirects"] = all(not 300 <= status < 400 for status in expected.status)
        asked["valid_status_codes"] = list(expected.status)
    if probe.target.startswith("https:"):
        asked["fail_if_not_ssl"] = True
    if expected.body:
        asked["fail_if_body_not_matches_regexp"] = [expected.body]
    if expected.body_not:
        asked["fail_if_body_matches_regexp"] = [expected.body_not]
    return asked


def _tcp(_: Probe) -> Value:
    return {"preferred_ip_protocol": "ip4"}


def _tls(_: Probe) -> Value:
    return {"preferred_ip_protocol": "ip4", "tls": True}


def _dns(probe: Probe) -> Value:
    return {
        "preferred_ip_protocol": "ip4",
        "query_name": probe.target,
        "query_type": probe.record,
        "valid_rcodes": ["NOERROR"],
    }


def _icmp(_: Probe) -> Value:
    return {"preferred_ip_protocol": "ip4"}

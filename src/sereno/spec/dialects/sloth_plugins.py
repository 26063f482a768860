"""The common SLI plugins of Sloth by what they count; an unknown one is refused.

Plugins are programs; these facts about the common ones (which metric, which matchers are bad or good) are enough to
count the same events, exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sereno.spec.dialects import queries
from sereno.spec.dialects.gathered import inside, text_of
from sereno.spec.dialects.openslo_documents import Doc
from sereno.spec.model import EventsSli, QuerySli, Sli
from sereno.spec.reading import Reading, closest
from sereno.spec.sli import selector_text
from sereno.spec.source import Mapping, Node


@dataclass(frozen=True, slots=True)
class _Plugin:
    """What a plugin counts: `total` and, of it or of another metric, what is bad or good.

    `{option}` in a matcher is an option of that name; `needed` ones have no default.
    """

    total: str
    bad: str = ""
    good: str = ""
    needed: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()


_5XX429 = '"(5..|429)"'
PLUGINS = {
    "getting_started_availability": _Plugin(
        'http_request_duration_seconds_count{job="{job}"}',
        bad=f'http_request_duration_seconds_count{{job="{{job}}",code=~{_5XX429}}}',
        needed=("job",),
    ),
    "sloth-common/coredns/availability": _Plugin(
        "coredns_dns_responses_total{}",
        bad='coredns_dns_responses_total{rcode=~"{custom_rcode_regex}"}',
        defaults=(("custom_rcode_regex", "(NXDOMAIN|SERVFAIL|FORMERR)"),),
    ),
    "sloth-common/coredns/latency": _Plugin(
        "coredns_dns_request_duration_seconds_count{}",
        good='coredns_dns_request_duration_seconds_bucket{le="{bucket}"}',
        needed=("bucket",),
    ),
    "sloth-common/haproxy/frontend/availability": _Plugin(
        "haproxy_frontend_http_responses_total{}", bad='haproxy_frontend_http_responses_total{code="5xx"}'
    ),
    "sloth-common/istio/v1/availability": _Plugin(
        'istio_requests_total{destination_service_name="{service}",destination_service_namespace="{namespace}"}',
        bad='istio_requests_total{destination_service_name="{service}",destination_service_namespace="{namespace}",'
        f"response_code=~{_5XX429}}}",
        needed=("service", "namespace"),
    ),
    "sloth-common/istio/v1/latency": _Plugin(
        'istio_request_duration_milliseconds_count{destination_service_name="{service}",'
        'destination_service_namespace="{namespace}"}',
        good='istio_request_duration_milliseconds_bucket{destination_service_name="{service}",'
        'destination_service_namespace="{namespace}",le="{bucket}"}',
        needed=("service", "namespace", "bucket"),
    ),
    "sloth-common/kubernetes/apiserver/availability": _Plugin(
        "apiserver_request_total{}", bad=f"apiserver_request_total{{code=~{_5XX429}}}"
    ),
    "sloth-common/kubernetes/apiserver/latency": _Plugin(
        'apiserver_request_duration_seconds_count{verb!="WATCH"}',
        good='apiserver_request_duration_seconds_bucket{le="{bucket}",verb!="WATCH"}',
        needed=("bucket",),
    ),
    "sloth-common/kubernetes/kooper/latency": _Plugin(
        'kooper_controller_processed_event_duration_seconds_count{controller="{controller}"}',
        good='kooper_controller_processed_event_duration_seconds_bucket{controller="{controller}",le="{bucket}"}',
        needed=("controller", "bucket"),
    ),
    "sloth-common/kubernetes/kooper/queue-congestion": _Plugin(
        'kooper_controller_event_in_queue_duration_seconds_count{controller="{controller}"}',
        good='kooper_controller_event_in_queue_duration_seconds_bucket{controller="{controller}",le="{bucket}"}',
        needed=("controller", "bucket"),
    ),
    "sloth-common/kubernetes/nginx-ingress/availability": _Plugin(
        "nginx_ingress_controller_requests{}", bad=f"nginx_ingress_controller_requests{{status=~{_5XX429}}}"
    ),
    "sloth-common/prometheus/rules/eval-availability": _Plugin(
        "prometheus_rule_evaluations_total{}", bad="prometheus_rule_evaluation_failures_total{}"
    ),
    "sloth-common/slok-go-http-metrics/availability": _Plugin(
        "http_request_duration_seconds_count{}", bad=f"http_request_duration_seconds_count{{code=~{_5XX429}}}"
    ),
    "sloth-common/traefik/v1/availability": _Plugin(
        'traefik_backend_requests_total{backend=~"{backend_regex}"}',
        bad=f'traefik_backend_requests_total{{backend=~"{{backend_regex}}",code=~{_5XX429}}}',
        needed=("backend_regex",),
    ),
    "sloth-common/traefik/v2/availability": _Plugin(
        'traefik_service_requests_total{service=~"{service_name_regex}"}',
        bad='traefik_service_requests_total{service=~"{service_name_regex}",code=~"(5..)"}',
        needed=("service_name_regex",),
    ),
}
_TARGETS = "sloth-common/prometheus/targets/availability"
_OPTION = re.compile(r"\{([a-z_]+)\}")


def plugin(reading: Reading, node: Node) -> Sli | None:
    """The indicator that the plugin at `node` would make; reported if it is not known or its options are wrong."""
    doc = Doc(reading, node, "a plugin", optional=("id", "options"))
    named = doc.need("id", "a plugin")
    if named is None:
        return None
    name, options = text_of(named), doc.at("options")
    filter_ = text_of(inside(options, "filter")).strip().strip("{},")
    if name == _TARGETS:
        return _targets(reading, inside(options, "filter") or named, filter_)
    known = PLUGINS.get(name)
    if known is None:
        reading.complain(
            "SER161",
            named,
            f"the plugin `{name[:80]}` is a program that is not run here",
            expected="`events` with its error_query and total_query",
            hint=closest(name, PLUGINS),
        )
        return None
    return _counted(reading, named, known, options, filter_)


def _counted(reading: Reading, place: Node, known: _Plugin, options: Node | None, filter_: str) -> Sli | None:
    chosen = dict(known.defaults)
    for key, value in options.entries if isinstance(options, Mapping) else ():
        if key.value != "filter":
            chosen[key.value] = text_of(value)
    usable = {found for text in (known.total, known.bad, known.good) for found in _OPTION.findall(text)}
    for missing in (key for key in known.needed if not chosen.get(key)):
        reading.complain(
            "SER161", options or place, f"the plugin needs the option `{missing}`", expected=f"`{missing}: …`"
        )
        return None
    for key, _ in options.entries if isinstance(options, Mapping) else ():
        if key.value not in usable and key.value != "filter":
            reading.complain(
                "SER161",
                key,
                f"what the option `{key.value[:40]}` changes cannot be expressed",
                expected="`events` with the queries it would give",
            )
            return None
    found = [
        _selected(reading, inside(options, "filter") or place, text, chosen, filter_)
        for text in (known.total, known.bad or known.good)
    ]
    total, part = found
    if total is None or part is None:
        return None
    return (
        EventsSli(selector_text(total), selector_text(part), None) if known.bad else queries.counted_good(total, part)
    )


def _selected(
    reading: Reading, place: Node, text: str, options: dict[str, str], filter_: str
) -> queries.Matchers | None:
    name, inner = text.rstrip("}").split("{", 1)
    filled = _OPTION.sub(lambda found: options.get(found[1], "").replace("\\", "\\\\").replace('"', '\\"'), inner)
    found = queries.selector(reading, f"{name}{{{','.join(part for part in (filter_, filled) if part)}}}")
    if found is None:
        reading.complain(
            "SER161", place, "the plugin's options are no matchers", expected='such as job="api",env="prod"'
        )
    return found


def _targets(reading: Reading, place: Node, filter_: str) -> Sli | None:
    """Targets that were up, moment by moment."""
    if queries.selector(reading, f"up{{{filter_}}}") is None:
        reading.complain("SER161", place, "the plugin's options are no matchers", expected='such as job="api"')
        return None
    up = f"up{{{filter_}}}"
    return QuerySli(
        total=f"sum(count_over_time({up}[$window]))",
        good=f"sum(sum_over_time({up}[$window]))",
    )

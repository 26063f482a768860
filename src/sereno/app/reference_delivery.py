"""What the keys of deployments, canaries, experiments and pipelines mean; see reference_spec.py."""

from __future__ import annotations

from collections.abc import Mapping

MODULES = ("deployment", "canary", "experiments", "logs")
TITLES = {"deployment": "Deployments", "canary": "Canaries", "experiments": "Experiments", "logs": "Logs and traces"}
HEADINGS = {
    "a deployment": "service · deployment",
    "the health of a deployment": "service · deployment · health",
    "the resources of a deployment": "service · deployment · resources",
    "the replicas of a deployment": "service · deployment · replicas",
    "a variable from a secret": "service · deployment · env · NAME",
    "the access of a deployment": "service · deployment · access",
    "a peer": "service · deployment · access · from[], to[]",
    "the metrics of a deployment": "service · deployment · metrics",
    "a route": "service · deployment · route",
    "a canary": "service · deployment · canary",
    "an experiment": "experiment",
    "the pipelines": "workspace · pipelines",
    "what is redacted": "workspace · pipelines · redact",
    "where logs go": "workspace · pipelines · logs",
    "where traces go": "workspace · pipelines · traces",
    "the logs of a service": "service · logs",
    "the traces of a service": "service · traces",
    "a probe of an experiment": "experiment · probes[]",
    "a step of a canary": "service · deployment · canary · steps[]",
}
WORKSPACE: Mapping[str, str] = {"pipelines": "where logs and traces go, and what is taken out of them"}
SERVICE: Mapping[str, str] = {
    "deployment": "how it runs on Kubernetes, and how a new version goes out",
    "logs": "where its log lines are read",
    "traces": "which of its traces are kept",
}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "a deployment": {
        "image": "with a tag that says a version, or a digest; never `latest`",
        "resources": "what one replica asks for, and may not exceed",
        "replicas": "a number, or bounds and what decides between them",
        "name": "what it is called in the cluster; the service's name by default",
        "namespace": "`default` by default",
        "ports": "names and numbers of what it listens on",
        "health": "where it says that it has started, lives, and can take work",
        "slow_start": "within how long it has started; `1m` by default",
        "drain": "how long it goes on answering while the others learn that it leaves; `10s` by default",
        "grace": "how long it then has to finish what it began; `30s` by default",
        "user": "the number it runs as, above 0; `10001` by default",
        "writable": "the only folders it can write to, empty at each start",
        "command": "instead of the image's own",
        "env": "variables: a text, or a key of a Secret",
        "access": "what the network lets through; without it everything",
        "metrics": "where Prometheus reads it",
        "route": "how requests come in through Istio",
        "canary": "how a new version goes out",
    },
    "the health of a deployment": {
        "live": "a path that answers unless the process is stuck; when it fails three times it is restarted",
        "ready": "a path that answers while it can take work; when it fails twice none is sent",
        "startup": "a path that answers once it has started; `live` by default",
        "port": "the first of `ports` by default",
    },
    "the resources of a deployment": {
        "cpu": "cores (`0.5`) or thousandths (`500m`) that it is sure to get",
        "memory": "memory that it is sure to get: `512Mi`",
        "cpu_limit": "none by default: what is idle may be used",
        "memory_limit": "above it, it is killed; `memory` by default",
    },
    "the replicas of a deployment": {
        "min": "at least so many",
        "max": "at most so many",
        "cpu": "the share of the CPU asked for that they should use",
        "events": "events per second that each should serve, as the first objective counts them",
    },
    "a variable from a secret": {"secret": "the name of a Secret", "key": "one of its keys"},
    "the access of a deployment": {
        "from": "who may connect to it: services, or peers as below",
        "to": "what it may connect to; the names of others (DNS) always",
    },
    "a peer": {
        "service": "one of the workspace that has a `deployment`; or",
        "namespace": "everything in it; or",
        "cidr": "a range of addresses. Exactly one of the three",
        "ports": "numbers or names; by default what the listening side declares, the metrics' apart",
    },
    "the metrics of a deployment": {
        "port": "one of `ports`",
        "path": "`/metrics` by default",
        "every": "`15s` by default",
    },
    "a route": {
        "hosts": "the names that requests ask for",
        "gateway": "an Istio gateway that is there: `name`, or `namespace/name`",
        "secret": "or the Secret of a TLS certificate: then a gateway is made",
        "timeout": "of a whole request; `15s` by default",
        "retries": "how often a request is tried again; `0` by default",
        "retry_within": "the time of each try; `2s` by default",
        "retry_on": "what is tried again; by default only what has surely not been done",
    },
    "a canary": {
        "by": "`argo`, `flagger`, or `istio` (by hand)",
        "steps": "rising shares of the traffic; after the last comes everything",
        "slos": "the objectives that judge the new version; all of the service's by default",
        "every": "how often it is judged; `1m` by default",
        "over": "the window of the rates; `5m` by default",
        "checks": "how often it is judged at each step; `5` by default",
        "failures": "how many failed checks are forgiven; `1` by default",
        "undecided": "how many checks may have had too few events; `3` by default",
        "burn": "a check fails above so many times the budget; `2` by default",
        "events": "fewer in the window are too few to judge; `20` by default",
        "image": "with `istio`, the new version's",
    },
    "a step of a canary": {
        "weight": "a whole percentage of the traffic",
        "wait": "how long it flows before it is judged; without it a person says when",
    },
    "an experiment": {
        "experiment": "its name: letters a-z, digits and `-`",
        "service": "whose pods it strikes",
        "fault": "one of Litmus's faults in pods, such as `pod-delete` or `pod-network-latency`",
        "duration": "how long, 5s to 1d",
        "probes": "what must hold before it begins and all the time; the first that does not is its end",
        "title": "what people read; its name by default",
        "hypothesis": "one sentence: what is expected",
        "share": "of the pods; `50%` by default",
        "every": "how often it strikes again; `10s` by default",
        "account": "the ServiceAccount that may do it; `litmus` by default",
        "settings": "variables of the fault itself",
    },
    "a probe of an experiment": {
        "slo": "an objective of the service, over as long as the experiment takes; or",
        "http": "an address that answers. Exactly one of the two",
        "burn": "with `slo`, at most so many times its budget; `1` by default",
        "status": "with `http`, the status of the answer; `200` by default",
        "name": "the objective's, or `answers`, by default",
    },
    "the pipelines": {
        "redact": "what is taken out on the way, beside what always is",
        "logs": "where logs go",
        "traces": "where traces go, and how many of them",
    },
    "what is redacted": {
        "keys": "more keys whose values are taken out, beside passwords, tokens, cookies and the like",
        "kinds": "`token`, `card`, `email`, `national_id`, `url_password`: text that looks so; all by default",
    },
    "where logs go": {
        "otlp": "OTLP over HTTP (OpenTelemetry Collector, Fluent Bit)",
        "loki": "Loki (Vector)",
        "elasticsearch": "Elasticsearch (Vector, Logstash)",
    },
    "where traces go": {
        "otlp": "OTLP over HTTP",
        "share": "of the traces that are neither failed nor slow; `10%` by default",
        "slow": "traces longer than this are always kept; `1s` by default",
    },
    "the logs of a service": {
        "files": "absolute paths; `*` stands for anything",
        "format": "`json` (the default) or `text`, a line each",
    },
    "the traces of a service": {"share": "as in `pipelines`, for this service", "slow": "likewise"},
}

"""What the keys of probes, discovery and notifications mean; see reference_spec.py."""

from __future__ import annotations

from collections.abc import Mapping

MODULES = ("probes", "discovery", "notifications")
TITLES = {
    "probes": "Probes",
    "discovery": "Discovery of targets",
    "notifications": "Notifications by Alertmanager",
}
HEADINGS = {
    "a probe": "service · probes[]",
    "what a probe expects": "service · probes[] · expect",
    "a discovery": "service · scrape[] · discovery",
    "a discovery in Kubernetes": "service · scrape[] · discovery · kubernetes",
    "the notifications": "workspace · notifications",
    "a receiver": "workspace · notifications · receivers[]",
    "a receiver on Slack": "workspace · notifications · receivers[] · slack",
    "a receiver on PagerDuty": "workspace · notifications · receivers[] · pagerduty",
    "a receiver on Opsgenie": "workspace · notifications · receivers[] · opsgenie",
    "a receiver of mail": "workspace · notifications · receivers[] · email",
    "a receiver of webhooks": "workspace · notifications · receivers[] · webhook",
    "a route of notifications": "workspace · notifications · routes[]",
    "a mail server": "workspace · notifications · smtp",
}
WORKSPACE: Mapping[str, str] = {
    "notifications": "where Alertmanager sends what Prometheus finds",
    "blackbox": "host and port of the blackbox exporter that asks what `probes` want to know; `127.0.0.1:9115` by"
    " default",
}
SERVICE: Mapping[str, str] = {"probes": "what is asked of it from outside, by blackbox exporter"}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "a probe": {
        "http": "the address to ask; or",
        "tcp": "a host and port to connect to; or",
        "tls": "a host and port that must show a good certificate; or",
        "dns": "a name to resolve, with `server`; or",
        "icmp": "a host to ping. Exactly one",
        "name": "its name; made from the target by default",
        "every": "how often, 5s to 2m; `1m` by default",
        "timeout": "shorter than `every`; `10s` or half of `every` by default, whichever is shorter",
        "expect": "what a good answer is; by default any 2xx",
        "server": "the DNS server to ask",
        "record": "the type of DNS record; `A` by default",
        "severity": "once it has failed for `for`; the second of the scale by default",
        "ticket": "of what is slow, expires soon or is not asked at all; the third of the scale by default",
        "for": "how long it must fail; `2m` by default",
        "runbook": "as in an alert",
    },
    "what a probe expects": {
        "status": "one HTTP status, or a list",
        "within": "how long an answer may take on average over five minutes",
        "body": "a regular expression (RE2) that the body must match",
        "body_not": "one that it must not match",
        "certificate": "how long the certificate must still be good for",
    },
    "a discovery": {
        "files": "JSON or YAML lists of targets, read again when they change; or",
        "kubernetes": "what the cluster knows. Exactly one",
    },
    "a discovery in Kubernetes": {
        "role": "`pod` (the default) or `endpointslice`",
        "namespaces": "all by default",
        "selector": "a label selector",
        "port": "the name or number of the port that has the metrics",
        "path": "`/metrics` by default",
        "scheme": "`http` (the default) or `https`",
        "annotations": "whether pods say themselves that they are scraped, at which port and path (`prometheus.io/…`)",
    },
    "the notifications": {
        "receivers": "the places that can be told",
        "routes": "who is told of what; the first that matches counts",
        "smtp": "the server that takes mail",
        "watchdog": "the receiver that must never stop hearing of the watchdog: a dead-man's switch",
    },
    "a receiver": {
        "name": "its name",
        "slack": "a channel; or",
        "pagerduty": "a service of PagerDuty, by its events API v2; or",
        "opsgenie": "Opsgenie; or",
        "email": "addresses; or",
        "webhook": "an address that takes Alertmanager's JSON. Exactly one",
    },
    "a receiver on Slack": {
        "channel": "such as `#alerts`",
        "api_url_file": "the file with the webhook's address",
    },
    "a receiver on PagerDuty": {"routing_key_file": "the file that holds the integration's key"},
    "a receiver on Opsgenie": {"api_key_file": "the file that holds the key"},
    "a receiver of mail": {"to": "one address, or a list"},
    "a receiver of webhooks": {
        "url": "where it is posted",
        "token_file": "the file that holds the bearer token, if it needs one",
    },
    "a route of notifications": {
        "to": "one receiver, or a list: all of them are told",
        "teams": "of whose services; of all by default",
        "severities": "of which severities; of all by default",
    },
    "a mail server": {
        "host": "host and port",
        "from": "the sender",
        "user": "who signs in",
        "password_file": "the file that holds the password",
        "tls": "whether encryption is required; `true` by default",
    },
}

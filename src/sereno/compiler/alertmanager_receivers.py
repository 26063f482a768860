"""Receivers of Alertmanager's: what they are told, and where their secrets stand."""

from __future__ import annotations

from sereno.compiler.text import Value
from sereno.kernel.severity import Severities, Severity
from sereno.spec.model_monitoring import Notifications, Receiver

SWITCH = "dead man's switch"
"""The first of the names of a receiver to which only silence is news."""

_TITLE = '{{ if eq .Status "firing" }}[{{ .Alerts.Firing | len }}]{{ else }}[ok]{{ end }} {{ .CommonLabels.service }}'
_TEXT = (
    '{{ range .Alerts }}{{ if eq .Status "resolved" }}[ok] {{ end }}{{ .Labels.severity }}: {{ .Annotations.summary }}'
    "\n{{ .Annotations.description }}"
    "{{ if .Annotations.runbook_url }}\n{{ .Annotations.runbook_url }}{{ end }}"
    "{{ if .Annotations.dashboard_url }}\n{{ .Annotations.dashboard_url }}{{ end }}\n{{ end }}"
)


def smtp(notifications: Notifications) -> dict[str, Value]:
    """The global keys of the mail server."""
    server = notifications.smtp
    if server is None:
        return {}
    written: dict[str, Value] = {"smtp_smarthost": server.host, "smtp_from": server.sender}
    if server.user:
        written["smtp_auth_username"] = server.user
    if server.password_file:
        written["smtp_auth_password_file"] = server.password_file
    return {**written, "smtp_require_tls": server.tls}


def receiver(to: tuple[str, ...], notifications: Notifications | None, severities: Severities) -> Value:
    """The receiver that tells all of `to`."""
    known = {one.name: one for one in notifications.receivers} if notifications else {}
    written: dict[str, Value] = {"name": ", ".join(to)}
    sections: dict[str, list[Value]] = {}
    for name in to:
        if name in known:
            section, value = _config(known[name], severities, resolved=to[0] != SWITCH)
            sections.setdefault(section, []).append(value)
    return {**written, **sections}


def _config(one: Receiver, severities: Severities, *, resolved: bool) -> tuple[str, Value]:
    common: dict[str, Value] = {"send_resolved": resolved}
    match one.kind:
        case "slack":
            return "slack_configs", {
                **common, "api_url_file": one.secret_file, "channel": one.channel, "title": _TITLE, "text": _TEXT,
            }  # fmt: skip
        case "pagerduty":
            return "pagerduty_configs", {
                **common, "routing_key_file": one.secret_file, "severity": _pagerduty(severities),
                "description": "{{ .CommonLabels.service }}: {{ (index .Alerts 0).Annotations.summary }}",
            }  # fmt: skip
        case "opsgenie":
            return "opsgenie_configs", {
                **common, "api_key_file": one.secret_file, "message": _TITLE, "description": _TEXT,
            }  # fmt: skip
        case "email":
            return "email_configs", {**common, "to": ", ".join(one.to), "headers": {"Subject": _TITLE}, "text": _TEXT}
        case "webhook":
            signed: dict[str, Value] = {}
            if one.secret_file:
                signed = {"http_config": {"authorization": {"credentials_file": one.secret_file}}}
            return "webhook_configs", {**common, "url": one.url, **signed}


def _pagerduty(severities: Severities) -> str:
    """The severity in PagerDuty's four words, whatever the scale is called: the milder half of a long one is `info`."""
    words = ("critical", "error", "warning")
    tests = [
        f"{{{{ {'if' if not index else 'else if'} eq .CommonLabels.severity {_either(severity)} }}}}{word}"
        for index, (severity, word) in enumerate(zip(severities, words, strict=False))
    ]
    return "".join(tests) + "{{ else }}info{{ end }}"


def _either(severity: Severity) -> str:
    return " ".join(f'"{name}"' for name in (severity.name, *severity.aliases))

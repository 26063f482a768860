"""Probes, discovery and notifications: what cannot be asked, found or told is refused at its place."""

from __future__ import annotations

import pytest
from tests.compiler.rich import RICH

from sereno.app.spec_folder import read_texts


def codes(old: str, new: str) -> list[tuple[str, int]]:
    assert old in RICH
    text = RICH.replace(old, new, 1)
    line = RICH[: RICH.index(old)].count("\n") + 1
    found = read_texts({"shop.yaml": text}).diagnostics
    return [(d.code, d.line - line) for d in found if d.level == "error"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("/etc/alertmanager/secrets/pagerduty", "0123456789abcdef", "SER190"),
        ("/etc/alertmanager/secrets/slack", "https://hooks.slack.com/services/T/B/x", "SER190"),
        ('"mail.shop.example:587"', "mail", "SER191"),
        ("watchdog: hook", "watchdog: hok", "SER192"),
        ("to: [pager, chat]", "to: [pager, chatt]", "SER192"),
        ("status: [200, 204]", "status: [200, 999]", "SER193"),
        ("body: '\"ok\"'", "body: '(ok'", "SER193"),
        ('{tcp: "db.shop.example:5432", name: db}', "{tcp: db.shop.example, name: db}", "SER193"),
        ('{tcp: "db.shop.example:5432", name: db}', '{tcp: "db:1", name: db, expect: {status: 200}}', "SER193"),
        ("server: 9.9.9.9, name: dns", "name: dns", "SER193"),
        ("{files: [targets/batch-*.json]}", "{files: [targets/*/batch.json]}", "SER194"),
        ("namespaces: [shop], selector: app=api, port: metrics", "namespaces: [shop], selector: app=api", "SER194"),
        ("every: 30s}", "every: 30s, timeout: 30s}", "SER072"),
        ("name: gateway, every: 30s", "name: gateway, every: 10m", "SER030"),
        ("{icmp: gateway.shop.example, name: gateway", "{icmp: gateway.shop.example, name: mail", "SER012"),
    ],
)
def test_a_mistake_has_its_code_and_line(old: str, new: str, code: str) -> None:
    assert (code, 0) in codes(old, new)


def test_a_secret_is_not_shown() -> None:
    secret = "https://hooks.slack.com/services/T0/B0/verysecret"
    text = RICH.replace("/etc/alertmanager/secrets/slack", secret)
    shown = "\n".join(d.render() for d in read_texts({"shop.yaml": text}).diagnostics)
    assert "SER190" in shown
    assert "verysecret" not in shown

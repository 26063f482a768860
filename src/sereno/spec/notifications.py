"""Reads where Alertmanager sends what Prometheus finds. Sereno pages people by itself and needs none of this.

```yaml
notifications:             # of the workspace; secrets stand in files beside Alertmanager, never here
  receivers:
    - {name: pager, pagerduty: {routing_key_file: /etc/alertmanager/secrets/pagerduty}}
    - {name: chat, slack: {channel: '#alerts', api_url_file: /etc/alertmanager/secrets/slack}}
    - {name: post, email: {to: [sre@shop.example]}}
    - {name: genie, opsgenie: {api_key_file: /etc/alertmanager/secrets/opsgenie}}
    - {name: hook, webhook: {url: https://hooks.shop.example/alerts}}
  routes:                  # the first that matches counts; without any, all receivers hear of all that pages
    - {severities: [P1, P2], to: [pager, chat]}
    - {teams: [data], to: [post]}
  smtp: {host: mail.shop.example:587, from: alerts@shop.example, user: alerts, password_file: /etc/alertmanager/smtp}
  watchdog: hook           # who must never stop hearing that the watch is awake
```
"""

from __future__ import annotations

import re
from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields, Reader
from sereno.spec.model_monitoring import NotificationRoute, Notifications, Receiver, Smtp
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_KINDS = ("slack", "pagerduty", "opsgenie", "email", "webhook")
_PATH = re.compile(r"[^\s\x00-\x1f]{1,400}")
_SMTP = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[1-9][0-9]{0,4}")


def notifications(reading: Reading, node: Node) -> Notifications:
    """Where Alertmanager sends."""
    fields = Fields(
        reading, node, "the notifications", required=("receivers",), optional=("routes", "smtp", "watchdog")
    )
    receivers = fields.read("receivers", values.items(_receiver, what="receivers")) or ()
    known = _names(fields.value("receivers"))
    smtp = fields.read("smtp", _smtp)

    def refer(reading: Reading, node: Node) -> str | None:
        found = values.text(reading, node)
        if found is None or found in known:
            return found
        assert isinstance(node, Scalar)
        hint = closest(found, known)
        reading.complain(
            "SER192", node, f"there is no receiver `{found[:80]}`", hint=hint,
            expected=f"one of {', '.join(known)}"[:200],
        )  # fmt: skip
        return None

    def route(reading: Reading, node: Node) -> NotificationRoute:
        return _route(reading, node, refer)

    posted = next((one for one in receivers if one.kind == "email"), None)
    if posted is not None and not fields.has("smtp"):
        reading.complain("SER191", node, f"no server takes mail for `{posted.name}`", expected="`smtp`")
    return Notifications(
        receivers=receivers,
        routes=fields.read("routes", values.items(route, what="routes")) or (),
        smtp=smtp,
        watchdog=fields.read("watchdog", refer) or "",
        source=reading.source(node),
    )


def _names(node: Node | None) -> list[str]:
    items = node.items if isinstance(node, Sequence) else ()
    found = [item.get("name") for item in items if isinstance(item, Mapping)]
    return [name.value for name in found if isinstance(name, Scalar)]


def _route(reading: Reading, node: Node, refer: Reader[str]) -> NotificationRoute:
    fields = Fields(
        reading, node, "a route of notifications", required=("to",), optional=("teams", "severities")
    )  # fmt: skip
    return NotificationRoute(
        to=fields.read("to", values.one_or_more(refer, what="receivers")) or (),
        teams=fields.read("teams", values.one_or_more(reading.reference("team"), what="teams")) or (),
        severities=fields.read("severities", values.one_or_more(values.severity, what="severities")) or (),
    )


def _receiver(reading: Reading, node: Node) -> Receiver | None:
    fields = Fields(
        reading, node, "a receiver", required=("name",),
        optional=("slack", "pagerduty", "opsgenie", "email", "webhook"),
    )  # fmt: skip
    name = fields.read("name", values.name)
    kind = fields.exactly_one(*_KINDS)
    found = fields.read(kind, _READERS[kind]) if kind else None
    if name is None or found is None:
        return None
    secret, url, channel, to = found
    chosen = cast(Literal["slack", "pagerduty", "opsgenie", "email", "webhook"], kind)
    return Receiver(name, chosen, secret, url, channel, to)


_Found = tuple[str, str, str, tuple[str, ...]]


def _slack(reading: Reading, node: Node) -> _Found:
    fields = Fields(reading, node, "a receiver on Slack", required=("channel", "api_url_file"))
    return fields.read("api_url_file", _file) or "", "", fields.read("channel", values.text) or "", ()


def _pagerduty(reading: Reading, node: Node) -> _Found:
    fields = Fields(reading, node, "a receiver on PagerDuty", required=("routing_key_file",))
    return fields.read("routing_key_file", _file) or "", "", "", ()


def _opsgenie(reading: Reading, node: Node) -> _Found:
    fields = Fields(reading, node, "a receiver on Opsgenie", required=("api_key_file",))
    return fields.read("api_key_file", _file) or "", "", "", ()


def _email(reading: Reading, node: Node) -> _Found:
    fields = Fields(reading, node, "a receiver of mail", required=("to",))
    return "", "", "", fields.read("to", values.one_or_more(values.email, what="addresses")) or ()


def _webhook(reading: Reading, node: Node) -> _Found:
    fields = Fields(reading, node, "a receiver of webhooks", required=("url",), optional=("token_file",))
    return fields.read("token_file", _file) or "", fields.read("url", values.url) or "", "", ()


_READERS: dict[str, Reader[_Found]] = {
    "slack": _slack, "pagerduty": _pagerduty, "opsgenie": _opsgenie, "email": _email, "webhook": _webhook,
}  # fmt: skip


def _smtp(reading: Reading, node: Node) -> Smtp:
    fields = Fields(
        reading, node, "a mail server", required=("host", "from"), optional=("user", "password_file", "tls")
    )
    tls = fields.read("tls", values.flag)
    return Smtp(
        host=fields.read("host", _host) or "",
        sender=fields.read("from", values.email) or "",
        user=fields.read("user", values.text) or "",
        password_file=fields.read("password_file", _file) or "",
        tls=tls is not False,
    )


def _host(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None or _SMTP.fullmatch(found):
        return found
    reading.complain("SER191", node, f"`{found[:80]}` is no mail server", expected="a host and port: mail.example:587")
    return None


def _file(reading: Reading, node: Node) -> str | None:
    """The path of a file that holds a secret; what looks like a secret itself is refused, and not shown."""
    found = values.text(reading, node)
    if found is None or (_PATH.fullmatch(found) and "/" in found and "://" not in found):
        return found
    reading.complain(
        "SER190", node, "this is not the path of a file", expected="such as /etc/alertmanager/secrets/slack",
        hint="secrets stay out of the spec", secret=True,
    )  # fmt: skip
    return None

"""Receivers: their credentials and addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping as Names

from sereno.lint.alertmanager_model import Route, every_route
from sereno.lint.model import Edit
from sereno.lint.paths import at, key, mappings, text
from sereno.lint.reporting import Report
from sereno.lint.secrets import SECRET_KEYS
from sereno.spec.source import Mapping, Node, Scalar

_KINDS = ("discord", "email", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie", "pagerduty",
          "pushover", "rocketchat", "slack", "sns", "telegram", "victorops", "webex", "webhook", "wechat")  # fmt: skip
_CREDENTIALS: dict[str, tuple[tuple[str, str], ...]] = {
    "opsgenie": (("api_key", "opsgenie_api_key"),),
    "victorops": (("api_key", "victorops_api_key"),),
    "wechat": (("api_secret", "wechat_api_secret"),),
    "telegram": (("bot_token", "telegram_bot_token"),),
    "mattermost": (("webhook_url", "mattermost_webhook_url"),),
    "rocketchat": (("token", "rocketchat_token"), ("token_id", "rocketchat_token_id")),
    "webhook": (("url", ""),),
    "discord": (("webhook_url", ""),),
    "msteams": (("webhook_url", ""),),
    "msteamsv2": (("webhook_url", ""),),
    "pushover": (("user_key", ""), ("token", "")),
}
"""For each kind, the keys of which one (itself, or with _file) must be there, or be given in `global`."""
_PAIRS = ("smtp_auth_password", "smtp_auth_secret", "slack_api_url", "slack_app_token", "opsgenie_api_key",
          "victorops_api_key", "wechat_api_secret", "telegram_bot_token", "mattermost_webhook_url", "rocketchat_token",
          "rocketchat_token_id")  # fmt: skip
_URLS = ("url", "api_url", "webhook_url", "slack_api_url", "pagerduty_url", "opsgenie_api_url", "victorops_api_url",
         "wechat_api_url", "telegram_api_url", "webex_api_url", "mattermost_webhook_url")  # fmt: skip
_PLACEHOLDER = re.compile(
    r"(?i)\A(your|tu|my)[ _-]|_here\Z|\.\.\.|<[^>]*>|change.?me|xxxx|placeholder|todo|example\.(com|org|net)(/|:|\Z)"
)
_LOCAL = re.compile(r"(?i)\Ahttps?://(localhost|127\.0\.0\.1|\[::1\])(:|/|\Z)")
_TEMPLATED = re.compile(r"\$\{?\w|\{\{")
_WITH_FILE = frozenset(SECRET_KEYS) - {"access_key", "secret_key", "secret", "key"}
"""Secrets that can also be read from a file."""
_TELLS = {"slack": False, "email": False, "wechat": False}
"""Kinds that say nothing of an alert's end unless they are told to."""
_NOBODY = re.compile(r"(?i)null|none|no.?one|blackhole|devnull|nobody|nadie|drop|ignore|empty|silen")
_V2 = re.compile(r"/v2/enqueue")


def check(node: Mapping, named: Names[str, Mapping], root: Route | None, report: Report) -> None:
    """Report what is wrong with the receivers and with `global`."""
    everywhere = node.get("global")
    shared = everywhere if isinstance(everywhere, Mapping) else None
    _pairs(shared, report)
    if shared is not None:
        _values(shared, report)
    for name, receiver in named.items():
        for word, configs in receiver.entries:
            kind = word.value.removesuffix("_configs")
            if word.value == "name":
                continue
            if kind not in _KINDS or not word.value.endswith("_configs"):
                report.complain("SER300", word, f"there is no kind of receiver `{word.value[:60]}`")
                continue
            for config in mappings(configs):
                _credentials(kind, config, shared, word, report)
                _values(config, report)
                _pagerduty(kind, config, shared, report)
                _resolved(kind, config, word, report)
        _empty(name, receiver, root, report)


def _given(node: Mapping | None, name: str) -> list[Scalar]:
    """The keys of a value: itself and `…_file`, where they have one."""
    if node is None:
        return []
    return [k for k, v in node.entries if k.value in (name, f"{name}_file") and text(v)]


def _pairs(shared: Mapping | None, report: Report) -> None:
    for name in _PAIRS:
        found = _given(shared, name)
        if len(found) > 1:
            report.complain("SER307", found[1], f"at most one of `{name}` and `{name}_file` may be given")
    both = [*_given(shared, "slack_app_token")[:1], *_given(shared, "slack_api_url")[:1]]
    web = text(at(shared, "slack_api_url"))
    if len(both) > 1 and "chat.postMessage" not in web:
        report.complain(
            "SER307", both[1], "at most one of `slack_app_token` and a webhook's `slack_api_url` may be given"
        )


def _credentials(kind: str, config: Mapping, shared: Mapping | None, word: Scalar, report: Report) -> None:
    place = config.entries[0][0] if config.entries else word
    for own, common in _CREDENTIALS.get(kind, ()):
        found = _given(config, own)
        if len(found) > 1:
            report.complain("SER307", found[1], f"at most one of `{own}` and `{own}_file` may be given")
        elif not found and not (common and _given(shared, common)):
            also = f", or `{common}` in global" if common else ""
            report.complain("SER307", place, f"{kind} needs `{own}` or `{own}_file`{also}")
    if kind == "slack":
        _slack(config, shared, place, report)
    elif kind == "pagerduty":
        keys = [*_given(config, "service_key"), *_given(config, "routing_key")]
        if not keys:
            report.complain("SER307", place, "PagerDuty needs `routing_key` or `service_key`, or one with _file")
        elif len(keys) > 1:
            report.complain("SER307", keys[1], "at most one of `routing_key` and `service_key` may be given")
    elif kind == "sns" and len([k for k in ("topic_arn", "target_arn", "phone_number") if text(config.get(k))]) != 1:
        report.complain("SER307", place, "SNS needs one of `topic_arn`, `target_arn` and `phone_number`")
    elif kind == "email":
        if not text(config.get("to")):
            report.complain("SER307", place, "an e-mail needs `to`")
        for own, common in (("smarthost", "smtp_smarthost"), ("from", "smtp_from")):
            if not text(config.get(own)) and not text(at(shared, common)):
                report.complain("SER307", place, f"an e-mail needs `{own}`, or `{common}` in global")


def _slack(config: Mapping, shared: Mapping | None, place: Scalar, report: Report) -> None:
    tokens, urls = _given(config, "app_token"), _given(config, "api_url")
    if len(tokens) > 1 or len(urls) > 1 or (tokens and urls):
        report.complain(
            "SER307", [*tokens, *urls][1], "at most one of `api_url`, `app_token` and their files may be given"
        )
    elif not tokens and not urls and not _given(shared, "slack_api_url") and not _given(shared, "slack_app_token"):
        report.complain("SER307", place, "Slack needs `api_url`, `app_token` or a file of either, here or in global")
    update = key(config, "update_message")
    if (
        update is not None
        and text(config.get("update_message")) == "true"
        and "hooks.slack.com" in text(config.get("api_url"))
    ):
        report.complain("SER307", update, "messages can only be changed with an app's token, not through a webhook")


def _values(config: Mapping, report: Report, depth: int = 0) -> None:
    """Addresses that are none, and secrets in the file."""
    for name, value in config.entries:
        if isinstance(value, Mapping) and depth < 4:
            _values(value, report, depth + 1)
        if not isinstance(value, Scalar) or not text(value) or _TEMPLATED.search(value.value):
            continue
        if name.value in _URLS:
            _url(name, value, report)
        if name.value in SECRET_KEYS or name.value in _WITH_FILE:
            _secret(name, value, report)


def _url(name: Scalar, value: Scalar, report: Report) -> None:
    if not re.match(r"https?://", value.value):
        report.complain(
            "SER306", value, f"`{name.value}` is no web address: Alertmanager refuses the file",
            expected="https://…", secret=True,
        )  # fmt: skip
    elif _LOCAL.match(value.value):
        report.complain(
            "SER323", value, "this address is the machine (or the container) of Alertmanager itself: most often nobody "
            "listens there, and alerts end in silence",
            secret=True,
        )  # fmt: skip


def _secret(name: Scalar, value: Scalar, report: Report) -> None:
    if _PLACEHOLDER.search(value.value) or set(value.value) <= {".", "*", "x", "X"}:
        if re.match(r"https?://", value.value) or name.value not in _URLS:
            report.complain(
                "SER308", value, f"the value of `{name.value}` stands for another one: nothing sent with it arrives",
                expected=f"{name.value}_file: /etc/alertmanager/secrets/…", secret=True,
            )  # fmt: skip
        return
    if name.value in _URLS and not re.match(r"https?://", value.value):
        return
    report.complain(
        "SER315", name, f"`{name.value}` is a secret, in a file that is kept and shared",
        expected=f"{name.value}_file: /etc/alertmanager/secrets/…", hint="and a new one: this one has been seen",
        secret=True,
    )  # fmt: skip


def _pagerduty(kind: str, config: Mapping, shared: Mapping | None, report: Report) -> None:
    """The key of the old interface with the address, or the fields, of the new."""
    found = key(config, "service_key") or key(config, "service_key_file")
    if kind != "pagerduty" or found is None:
        return
    url = text(config.get("url")) or text(at(shared, "pagerduty_url"))
    newer = [name for name in ("severity", "class", "component", "group", "images", "links") if config.get(name)]
    to_new = bool(_V2.search(url))
    if to_new or newer:
        why = "at the address of Events v2" if to_new else f"where `{newer[0]}` needs Events v2"
        report.complain(
            "SER314", found, f"`{found.value}` is the key of PagerDuty's Events v1, {why}",
            expected=found.value.replace("service_key", "routing_key"),
            edits=(Edit(found.start, found.end, found.value.replace("service_key", "routing_key")),) if to_new else (),
            secret=True,
        )  # fmt: skip


def _resolved(kind: str, config: Mapping, word: Scalar, report: Report) -> None:
    if kind in _TELLS and config.get("send_resolved") is None:
        place = config.entries[0][0] if config.entries else word
        report.complain(
            "SER321", place, f"{kind} says nothing when all is well again, unless it is told to",
            expected="send_resolved: true", edits=_said(config),
        )  # fmt: skip


def _said(config: Mapping) -> tuple[Edit, ...]:
    """`send_resolved: true` as a first line of a block mapping."""
    if not config.entries:
        return ()
    first = config.entries[0][0]
    file = first.file
    begin = file.starts[file.place(first.start)[0] - 1]
    before = file.text[begin : first.start]
    if before.strip(" -") or "{" in before:
        return ()
    return (Edit(first.start, first.start, "send_resolved: true\n" + " " * len(before)),)


def _empty(name: str, receiver: Mapping, root: Route | None, report: Report) -> None:
    configured = [word for word, value in receiver.entries if word.value != "name" and mappings(value)]
    used = any(route.receiver == name for route in every_route(root))
    if not configured and used and not _NOBODY.search(name):
        place: Node = receiver.get("name") or receiver
        report.complain(
            "SER323", place, f"the receiver `{name[:60]}` tells nobody: what is sent to it is lost",
            expected="a …_configs, or a name that says so (blackhole)",
        )  # fmt: skip

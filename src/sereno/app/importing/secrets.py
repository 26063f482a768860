"""Configuration without its secrets: each becomes a reference to a file, or a word that says that one was there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sereno.compiler.text import Value
from sereno.spec.source import Mapping, Node, Scalar, Sequence

FOLDER = "/etc/alertmanager/secrets"
_WITH_FILE = {
    "smtp_auth_password", "slack_api_url", "opsgenie_api_key", "victorops_api_key", "wechat_api_secret", "api_url",
    "service_key", "routing_key", "api_key", "bot_token", "password", "bearer_token", "credentials", "token",
    "user_key",
    "url", "webhook_url", "auth_password", "slack_app_token", "app_token", "client_secret", "rocketchat_token",
    "rocketchat_token_id", "token_id", "telegram_bot_token", "mattermost_webhook_url", "secret",
}  # fmt: skip
_SECRET = re.compile(
    r"(?:.*_)?(?:password|secret|token|token_id|api_key|service_key|routing_key|user_key|credentials|secret_key|"
    r"access_key|private_key|webhook_url|api_secret|auth_identity|authorization|key)",
    re.IGNORECASE,
)
_HOOKS = {"url", "api_url", "webhook_url", "slack_api_url", "mattermost_webhook_url"}
_HARMLESS_HOSTS = {"api.opsgenie.com", "api.eu.opsgenie.com", "events.pagerduty.com", "alert.victorops.com",
                   "qyapi.weixin.qq.com", "api.telegram.org", "api.pushover.net", "webexapis.com"}  # fmt: skip
MASK = "<secret>"


def without_secrets(node: Node, owner: str = "global") -> tuple[Value, tuple[tuple[str, Scalar], ...]]:
    """`node` as plain values without secrets, and each secret's key with where it stood.

    Args:
        owner: what the files of its secrets are called after.
    """
    found: list[tuple[str, Scalar]] = []
    return _plain(node, owner, found), tuple(found)


def _plain(node: Node, owner: str, found: list[tuple[str, Scalar]]) -> Value:
    if isinstance(node, Sequence):
        return [_plain(item, _named(item) or owner, found) for item in node.items]
    if isinstance(node, Scalar):
        return _scalar(node)
    plain: dict[str, Value] = {}
    keys = {key.value for key, _ in node.entries}
    for key, value in node.entries:
        name = key.value
        if name == "routing_key" and keys & {"api_key", "api_key_file"} and isinstance(value, Scalar):
            plain[name] = _scalar(value)  # VictorOps: where to, not who may
        elif isinstance(value, Scalar) and value.value and value.kind != "null" and is_secret(name, value.value):
            found.append((name, value))
            if name in _WITH_FILE:
                plain[f"{name}_file"] = f"{FOLDER}/{owner}/{name}"
            else:
                plain[name] = MASK
        elif name.endswith("headers") or name in ("http_headers", "authorization"):
            plain[name] = _masked(value, found, name)
        else:
            plain[name] = _plain(value, owner, found)
    return plain


def is_secret(key: str, value: str) -> bool:
    """Whether the value of `key` lets anyone in who reads it."""
    if key.endswith("_file") or key.endswith("_ref"):
        return False
    if key in _HOOKS:
        return not _public(value)
    return bool(_SECRET.fullmatch(key)) or (value.count("://") == 1 and "@" in value.split("://", 1)[1].split("/")[0])


def _public(url: str) -> bool:
    """Whether an address is only that of a well-known service."""
    try:
        parts = urlsplit(url)
        return parts.hostname in _HARMLESS_HOSTS and not parts.username and not parts.query
    except ValueError:
        return False


def _masked(node: Node, found: list[tuple[str, Scalar]], key: str) -> Value:
    """Everything in `node` masked: headers hold whatever they hold."""
    if isinstance(node, Mapping):
        return {name.value: _masked(value, found, name.value) for name, value in node.entries}
    if isinstance(node, Sequence):
        return [_masked(item, found, key) for item in node.items]
    found.append((key, node))
    return MASK


def _named(node: Node) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name.value) if isinstance(name, Scalar) else ""


def _scalar(node: Scalar) -> Value:
    if node.kind == "null":
        return None
    if node.kind == "boolean":
        return node.value.lower() == "true"
    if node.kind == "number" and re.fullmatch(r"-?(?:0|[1-9][0-9]{0,15})", node.value):
        return int(node.value)
    return node.value

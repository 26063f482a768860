"""Lines shown without the secrets in them."""

from __future__ import annotations

import re

SECRET_KEYS = (
    "service_key", "routing_key", "api_key", "api_secret", "api_token", "api_url", "app_token", "bot_token", "token",
    "user_key", "password", "secret", "secret_key", "access_key", "credentials", "bearer_token", "auth_password",
    "auth_secret", "smtp_auth_password", "smtp_auth_secret", "slack_api_url", "opsgenie_api_key", "victorops_api_key",
    "wechat_api_secret", "telegram_bot_token", "client_secret", "webhook_url",
)  # fmt: skip
"""Keys of configuration whose values are secrets."""
_KEY = rf"""((?:^|[\s{{,"'-])["']?(?:{"|".join(SECRET_KEYS)})["']?\s*:\s*)"""
_VALUE = re.compile(_KEY + r"""("[^"]*"?|'[^']*'?|[^\s,}\]#]+)""", re.IGNORECASE)


# Names that somebody chose (variables of an environment, headers): what they end in says that they are secret.
_SAYS = (
    r"""["']?[A-Za-z0-9_.-]*(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?"""
    r"""|authorization|auth)["']?"""
)
_WORD = r"""("[^"]*"?|'[^']*'?|[^\s,}\]#"']+)"""
_NAMED = re.compile(rf"""((?:^|[\s{{,\["'-]){_SAYS}[ \t]*[:=][ \t]*){_WORD}""", re.IGNORECASE)
_PAIR = re.compile(rf"""(name:[ \t]*{_SAYS},[ \t]*value:[ \t]*){_WORD}""", re.IGNORECASE)
_HEADERS = re.compile(r"""(headers["']?:[ \t]*\{)([^}]*)""", re.IGNORECASE)


def masked(line: str) -> str:
    """`line` with stars for the values of keys that hold secrets; places stay where they were."""
    for pattern in (_VALUE, _HEADERS, _PAIR, _NAMED):
        line = pattern.sub(lambda found: found[1] + "*" * len(found[2]), line)
    return line

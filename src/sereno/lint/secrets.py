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


def masked(line: str) -> str:
    """`line` with stars for the values of keys that hold secrets; places stay where they were."""
    return _VALUE.sub(lambda found: found[1] + "*" * len(found[2]), line)

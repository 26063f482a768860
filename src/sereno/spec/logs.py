"""Reads what is kept of logs and traces, and where: the keys `pipelines` (workspace), `logs` and `traces` (service).

```yaml
workspace: shop
pipelines:
  redact: {keys: [clave, tarjeta], kinds: [card, token, email, national_id, url_password]}
  logs: {otlp: 'https://logs.example:4318', loki: 'https://loki.example', elasticsearch: 'https://es.example:9200'}
  traces: {otlp: 'http://tempo:4318', share: 10%, slow: 1s}   # errors and slow ones are always kept
---
service: payments
team: payments
logs: {files: [/var/log/payments/*.log], format: json}        # or text
traces: {share: 2%, slow: 300ms}
```
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model_delivery import Logs, Pipelines, Redaction, Traces
from sereno.spec.quantities import share
from sereno.spec.reading import Reading
from sereno.spec.source import Node

KINDS = ("card", "token", "url_password", "email", "national_id")
KEYS = (
    "password", "passwd", "pwd", "secret", "client_secret", "token", "access_token", "refresh_token", "id_token",
    "authorization", "proxy_authorization", "cookie", "set_cookie", "api_key", "apikey", "x_api_key", "private_key",
    "session_id", "card_number", "pan", "cvv", "cvc", "pin",
)  # fmt: skip
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_FILE = re.compile(r"/[A-Za-z0-9_./*-]{1,255}")
_SLOW = values.duration_within("1ms", "1h")


def pipelines(reading: Reading, node: Node) -> Pipelines:
    """Where the workspace's logs and traces go. What `redact` names is added to what is always taken out."""
    fields = Fields(reading, node, "the pipelines", optional=("redact", "logs", "traces"))
    logs = fields.read("logs", _targets) or {}
    to, portion, slow = fields.read("traces", _traces_to) or ("", Decimal("0.1"), timedelta(seconds=1))
    return Pipelines(
        redaction=fields.read("redact", _redaction) or Redaction(KEYS, KINDS),
        logs_otlp=logs.get("otlp", ""),
        logs_loki=logs.get("loki", ""),
        logs_elasticsearch=logs.get("elasticsearch", ""),
        traces_otlp=to,
        share=portion,
        slow=slow,
        source=reading.source(node),
    )


def logs(reading: Reading, node: Node) -> Logs:
    """Where a service's log lines are read."""
    fields = Fields(reading, node, "the logs of a service", required=("files",), optional=("format",))
    return Logs(
        files=fields.read("files", values.items(_file, what="files")) or (),
        format=cast(Literal["json", "text"], fields.read("format", values.one_of("json", "text")) or "json"),
        source=reading.source(node),
    )


def traces(reading: Reading, node: Node) -> Traces:
    """Which traces of a service are kept."""
    fields = Fields(reading, node, "the traces of a service", required=("share",), optional=("slow",))
    portion = fields.read("share", share()) or Decimal("0.1")
    return Traces(portion, fields.read("slow", _SLOW) or timedelta(seconds=1), reading.source(node))


def _redaction(reading: Reading, node: Node) -> Redaction:
    fields = Fields(reading, node, "what is redacted", optional=("keys", "kinds"))
    keys = fields.read("keys", values.items(_key, what="keys", empty=True)) or ()
    kinds = fields.read("kinds", values.items(values.one_of(*KINDS), what="kinds"))
    return Redaction(tuple(dict.fromkeys((*KEYS, *keys))), tuple(k for k in KINDS if kinds is None or k in kinds))


def _targets(reading: Reading, node: Node) -> dict[str, str]:
    fields = Fields(reading, node, "where logs go", optional=("otlp", "loki", "elasticsearch"))
    found = {key: fields.read(key, values.url) for key in ("otlp", "loki", "elasticsearch")}
    return {key: url.rstrip("/") for key, url in found.items() if url}


def _traces_to(reading: Reading, node: Node) -> tuple[str, Decimal, timedelta]:
    fields = Fields(reading, node, "where traces go", required=("otlp",), optional=("share", "slow"))
    to = (fields.read("otlp", values.url) or "").rstrip("/")
    portion = fields.read("share", share()) or Decimal("0.1")
    return to, portion, fields.read("slow", _SLOW) or timedelta(seconds=1)


def _key(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None or _KEY.fullmatch(found):
        return found
    expected = "letters a-z, digits, _ . and -, at most 63"
    reading.complain("SER712", node, f"`{found[:60]}` cannot be a key that is redacted", expected=expected)
    return None


def _file(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None or (_FILE.fullmatch(found) and "/../" not in found):
        return found
    expected = "an absolute path, in which `*` stands for anything: /var/log/payments/*.log"
    reading.complain("SER713", node, f"`{found[:80]}` is not a path of log files", expected=expected)
    return None

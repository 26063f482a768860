"""Codes of rules."""

from __future__ import annotations

from sereno.lint.code import Code
from sereno.lint.examples import alert, record

_RATIO = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'

TABLE: tuple[Code, ...] = (
    Code(
        "SER250",
        "Silent when the target is gone",
        "`up == 0` needs a series that says 0. A target that discovery no longer finds has no series, so the "
        "alert does "
        "not fire, or even resolves (measured). `absent` speaks up then.",
        "rules",
        alert('up{job="api"} == 0', value="{{ $labels.instance }}: {{ $value }}"),
        alert('up{job="api"} == 0', value="{{ $labels.instance }}: {{ $value }}")
        + "      - alert: CheckoutGone\n"
        + "        expr: absent(up{job=\"api\"})\n"
        + "        for: 5m\n"
        + "        labels: {severity: warning}\n"
        + "        annotations:\n"
        + "          summary: Customers cannot pay, nothing answers\n"
        + "          description: No target of the job api is known any more\n"
        + "          runbook_url: https://runbooks.example/checkout\n",
    ),
    Code(
        "SER251",
        "The exporter, not the server",
        "`up` of a job called postgresql or redis is that of its exporter. The server can be down while the exporter "
        "answers, which then says so in a metric of its own: pg_up, redis_up, mysql_up.",
        "rules",
        alert('up{job="postgresql"} == 0 or absent(up{job="postgresql"})', name="DatabaseDown", value="{{ $value }}"),
        alert("pg_up == 0 or absent(pg_up)", name="DatabaseDown", value="{{ $value }}"),
    ),
    Code(
        "SER252",
        "Called for a cause",
        "A busy processor is no harm by itself, and harm comes without a busy processor. Call people for what users "
        "feel, errors and latency, and keep causes for the dashboard they then look at.",
        "rules",
        alert('avg by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) > 0.8', name="HighCPU"),
        alert('avg by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) > 0.8', name="HighCPU",
              labels="severity: info"),
    ),
    Code(
        "SER253",
        "One name, two alerts",
        "Two rules of the same name and labels with different thresholds, or another `for`: whoever is called at night "
        "cannot know what was measured, and the two resolve each other's notifications.",
        "rules",
        alert(f"{_RATIO} > 0.05") + alert(f"{_RATIO} > 0.01").partition("rules:\n")[2],
        alert(f"{_RATIO} > 0.05"),
    ),
    Code(
        "SER254",
        "No patience",
        "Without `for`, one odd sample calls people, and again at the next one. A window of at least five minutes in "
        "the expression is patience as well.",
        "rules",
        alert("max by (pool) (pool_waiting) > 10", for_="", value="{{ $value }} in {{ $labels.pool }}"),
        alert("max by (pool) (pool_waiting) > 10", value="{{ $value }} in {{ $labels.pool }}"),
    ),
    Code(
        "SER255",
        "No severity",
        "Routes, inhibitions and people go by the severity. An alert without one ends at the default receiver, "
        "which is "
        "often nobody.",
        "rules",
        alert(f"{_RATIO} > 0.05", labels="team: payments"),
        alert(f"{_RATIO} > 0.05"),
    ),
    Code(
        "SER256",
        "Severity of another scale",
        "A severity that no scale knows, or a second scale beside the first (P1 here, critical there), is routed "
        "nowhere, and promises nobody an answer. One scale; others map onto it.",
        "rules",
        alert(f"{_RATIO} > 0.05", labels="severity: urgente"),
        alert(f"{_RATIO} > 0.05"),
    ),
    Code(
        "SER257",
        "Label that changes with the value",
        "Labels say which alert it is. With the value among them it is another alert at each evaluation: `for` never "
        "comes to its end, and what does fire is resolved at once.",
        "rules",
        alert(f"{_RATIO} > 0.05", labels="severity: warning, current: '{{ $value }}'"),
        alert(f"{_RATIO} > 0.05"),
        level="error",
    ),
    Code(
        "SER258",
        "Label that is not there",
        "A sum keeps the labels it is grouped by and no others. A text that shows another one has a hole in it, at "
        "night, when it was needed.",
        "rules",
        alert(f"{_RATIO} > 0.05", value="{{ $labels.instance }}: {{ $value | humanizePercentage }}"),
        alert('sum by (instance) (rate(http_requests_total{status=~"5.."}[5m])) / '
              "sum by (instance) (rate(http_requests_total[5m])) > 0.05",
              value="{{ $labels.instance }}: {{ $value | humanizePercentage }}"),
        level="error",
    ),
    Code(
        "SER260",
        "Name of a recorded series",
        "Without a colon a recorded series looks like a metric of some program, and people search for it there. "
        "level:metric:operations says what labels it has and what was done.",
        "rules",
        record("sum by (job) (rate(http_errors_total[5m]))", name="error_rate"),
        record("sum by (job) (rate(http_errors_total[5m]))", name="job:http_errors:rate5m"),
    ),
    Code(
        "SER261",
        "Fixed threshold beside a promise",
        "An alert at 5 % errors beside an objective of 99.9 % waits for a burn of 50: at half of that the "
        "month's budget "
        "is gone in a bit more than a day, and nobody was called. Known where a workspace is read along.",
        "rules",
        alert(f"{_RATIO} > 0.05"),
        alert(f"{_RATIO} > 0.0144"),
    ),
    Code(
        "SER263",
        "runbook is called runbook_url",
        "Grafana, Alertmanager's templates, PagerDuty and Sereno make a link of the annotation `runbook_url`. Under "
        "another name it is text that nobody sees.",
        "rules",
        alert(f"{_RATIO} > 0.05").replace("runbook_url:", "runbook:"),
        alert(f"{_RATIO} > 0.05"),
        fixable=True,
    ),
    Code(
        "SER264",
        "A hundred times off",
        "A share of 0.05 followed by a per cent sign reads 0.05 %; per cent put through humanizePercentage read 500 %. "
        "Whoever reads it at night decides by it.",
        "rules",
        alert(f"{_RATIO} > 0.05", value="{{ $value }}%"),
        alert(f"{_RATIO} > 0.05"),
        level="error", fixable=True,
    ),
)  # fmt: skip

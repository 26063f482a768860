"""Codes of what an alert owes to those it calls."""

from __future__ import annotations

from sereno.lint.code import Code
from sereno.lint.examples import alert

_RATIO = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05'
_GOOD = alert(_RATIO)
_RUNBOOK = (
    "# The checkout fails\n\n## Symptoms\nOrders stay open.\n\n## Impact\nNobody can pay.\n\n## Diagnosis\nLook at the "
    "gateway's errors.\n\n## Mitigation\nSwitch to the second gateway.\n\n## Escalation\nCall the payments team.\n"
)

TABLE: tuple[Code, ...] = (
    Code(
        "SER600",
        "No runbook",
        "Whoever is woken at three has to find out first what the alert means. Of 954 published rules none has a "
        "runbook, of 828 in the mixins 150, of kube-prometheus's 139 all.",
        "rules",
        _GOOD.replace("          runbook_url: https://runbooks.example/checkout\n", ""),
        _GOOD,
    ),
    Code(
        "SER601",
        "Runbook that is not there",
        "The link was to be filled in, or leads to a file that is not there: found out on the night when it is needed.",
        "rules",
        _GOOD.replace("https://runbooks.example/checkout", "https://..."),
        _GOOD,
    ),
    Code(
        "SER602",
        "Runbook without a section",
        "A runbook is read by somebody half awake: what is seen, who feels it, how to find the cause, how to stop the "
        "harm, and whom to call next, each under its own heading, in English or Spanish.",
        "runbook",
        _RUNBOOK.replace("## Escalation\nCall the payments team.\n", ""),
        _RUNBOOK,
        name="runbooks/checkout.md",
    ),
    Code(
        "SER603",
        "Alert without a word",
        "The notification shows the alert's name and nothing else.",
        "rules",
        _GOOD.replace("          summary: Customers cannot pay\n", "").replace(
            "          description: '{{ $value | humanizePercentage }} is past what was promised'\n", ""
        ),
        _GOOD,
    ),
    Code(
        "SER604",
        "Woken for what?",
        "An alert that wakes people says what users feel or what is being lost. Where nobody can say it, it should not "
        "wake anyone.",
        "rules",
        _GOOD.replace("severity: warning", "severity: critical")
        .replace("Customers cannot pay", "High ratio")
        .replace("is past what was promised", "on {{ $labels.job }} now")
        .replace(" on {{ $labels.job }} now", " now"),
        _GOOD.replace("severity: warning", "severity: critical"),
    ),
    Code(
        "SER605",
        "Neither value nor threshold",
        "A little over the limit, or everything? Without a number in the text whoever is called has to look it "
        "up before "
        "deciding whether to get up.",
        "rules",
        _GOOD.replace("'{{ $value | humanizePercentage }} is past what was promised'", "Too many fail"),
        _GOOD,
    ),
    Code(
        "SER606",
        "Nobody's alert",
        "Without a team, routes cannot tell whom to call. Asked for where a workspace is read along, or where most "
        "alerts of the file have one.",
        "rules",
        alert(_RATIO, labels="severity: warning, team: payments")
        + alert("max by (pool) (pool_waiting) > 10", name="PoolWaits", labels="severity: warning, team: payments",
                value="{{ $value }}").partition("rules:\n")[2]
        + alert("max by (pool) (pool_lost) > 10", name="PoolLoses", value="{{ $value }}").partition("rules:\n")[2],
        alert(_RATIO, labels="severity: warning, team: payments"),
    ),
    Code(
        "SER607",
        "No way to the dashboard",
        "A link to the dashboard saves the first five minutes. Asked for where a workspace says where Grafana is, or "
        "where most alerts of the file have one.",
        "rules",
        alert(_RATIO) + "          dashboard_url: https://grafana.example/d/shop\n"
        + alert("max by (pool) (pool_waiting) > 10", name="PoolWaits", value="{{ $value }}").partition("rules:\n")[2]
        + "          dashboard_url: https://grafana.example/d/shop\n"
        + alert("max by (pool) (pool_lost) > 10", name="PoolLoses", value="{{ $value }}").partition("rules:\n")[2],
        alert(_RATIO) + "          dashboard_url: https://grafana.example/d/shop\n",
    ),
    Code(
        "SER608",
        "Called for nothing",
        "Replayed over recorded samples (`--history`), most of the alert's firings met no incident. People stop "
        "getting "
        "up for it, and for those beside it.",
        "rules",
        _GOOD,
        _GOOD.replace("> 0.05", "> 0.2"),
    ),
)  # fmt: skip

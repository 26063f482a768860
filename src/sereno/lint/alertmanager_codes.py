"""Codes of Alertmanager's configuration."""

from __future__ import annotations

from sereno.lint.code import Code
from sereno.lint.examples import alertmanager as config

_PAGER = (
    "  - name: pager\n"
    "    pagerduty_configs:\n"
    "      - routing_key_file: /etc/alertmanager/secrets/pagerduty\n"
)  # fmt: skip
_CRITICAL = "    - matchers: ['severity=\"critical\"']\n      receiver: pager\n"
_SLACK = (
    "  - name: pager\n    slack_configs:\n      - channel: '#alerts'\n        api_url_file: /etc/slack\n"
    "        send_resolved: true\n"
)
_WARNING = "    - matchers: ['severity=\"warning\"']\n      receiver: team\n"
_WATCHDOG = "    - matchers: ['alertname=\"Watchdog\"']\n      receiver: team\n"
_HOURS = (
    "time_intervals:\n"
    "  - name: office\n"
    "    time_intervals:\n"
    "      - weekdays: ['monday:friday']\n"
    "        times: [{start_time: '09:00', end_time: '18:00'}]\n"
)
_LOCAL = _HOURS + "        location: America/Lima\n"
_OFFICE = "    - matchers: ['severity=\"warning\"']\n      receiver: team\n      active_time_intervals: [office]\n"
_QUIET = (
    "inhibit_rules:\n"
    "  - source_matchers: ['severity=\"critical\"']\n"
    "    target_matchers: ['severity=\"warning\"']\n"
    "    equal: [alertname, service]\n"
)

TABLE: tuple[Code, ...] = (
    Code(
        "SER300", "Key that Alertmanager does not know",
        "Alertmanager refuses the whole file for one unknown key, and goes on with the old one or does not start.",
        "alertmanager", config("    - matcher: ['severity=\"critical\"']\n      receiver: team\n"),
        config("    - matchers: ['severity=\"critical\"']\n      receiver: team\n"), level="error",
        companions=("SER311", "SER312"),
    ),
    Code(
        "SER301", "Receiver that there is not",
        "A route to a receiver that is not declared keeps Alertmanager from loading the file.",
        "alertmanager", config("    - matchers: ['severity=\"critical\"']\n      receiver: pagr\n"),
        config("    - matchers: ['severity=\"critical\"']\n      receiver: team\n"), level="error",
    ),
    Code(
        "SER302", "First route",
        "The first route takes every alert: it needs a receiver, and may have neither conditions nor `continue`.",
        "alertmanager", "route:\n  group_by: [alertname]\nreceivers: []\n",
        "route:\n  receiver: team\n  group_by: [alertname]\nreceivers:\n  - name: team\n    webhook_configs:\n"
        "      - url: https://hooks.shop.example/alerts\n", level="error",
    ),
    Code(
        "SER303", "Name given twice",
        "Two receivers or two time intervals of one name: Alertmanager refuses the file.",
        "alertmanager", config(receivers="  - name: team\n"), config(), level="error",
    ),
    Code(
        "SER304", "Wrong value in a route",
        "A condition, regular expression, duration or list of labels that Alertmanager cannot read keeps it from "
        "loading the file.",
        "alertmanager", config("    - matchers: ['severity=~\"crit(\"']\n      receiver: team\n"),
        config("    - matchers: ['severity=~\"crit.*\"']\n      receiver: team\n"), level="error",
    ),
    Code(
        "SER305", "Time interval that there is not",
        "A route names a time interval that is not declared: Alertmanager refuses the file.",
        "alertmanager", config(_OFFICE), config(_OFFICE, more=_LOCAL), level="error",
    ),
    Code(
        "SER306", "No web address",
        "`YOUR_SLACK_WEBHOOK` was to be replaced: Alertmanager says \"unsupported scheme\" and does not start "
        "(measured).",
        "alertmanager",
        config(_CRITICAL, receivers=_SLACK.replace("api_url_file: /etc/slack", "api_url: YOUR_SLACK_WEBHOOK")),
        config(_CRITICAL, receivers=_SLACK), level="error",
    ),
    Code(
        "SER307", "Credentials missing, or given twice",
        "A receiver without its key, or with both the key and a file that holds it, keeps Alertmanager from "
        "loading the "
        "file.",
        "alertmanager",
        config(_CRITICAL, receivers="  - name: pager\n    pagerduty_configs:\n      - severity: critical\n"),
        config(_CRITICAL, receivers=_PAGER), level="error",
    ),
    Code(
        "SER308", "Value that stands for another",
        "The file loads, and every notification is refused by the other side: `...` and YOUR_KEY are no keys. It shows "
        "on the first bad night.",
        "alertmanager",
        config(_CRITICAL, receivers="  - name: pager\n    pagerduty_configs:\n      - routing_key: YOUR_KEY\n"),
        config(_CRITICAL, receivers=_PAGER),
    ),
    Code(
        "SER310", "match is matchers",
        "`match` and `match_re` are deprecated since 0.22 and go away. `matchers` says both, and != as well.",
        "alertmanager", config("    - match:\n        severity: critical\n      receiver: pager\n", receivers=_PAGER),
        config("    - matchers:\n        - 'severity=\"critical\"'\n      receiver: pager\n", receivers=_PAGER),
        fixable=True,
    ),
    Code(
        "SER311", "Route that nothing reaches",
        "The first route that matches takes the alert, unless it continues. A second one for the same alerts, narrower "
        "by its hours, is never tried (measured). Put the narrower one first.",
        "alertmanager",
        config(_WARNING.replace("team", "pager") + _OFFICE, receivers=_PAGER, more=_LOCAL),
        config(_OFFICE + _CRITICAL, receivers=_PAGER, more=_LOCAL + _QUIET),
    ),
    Code(
        "SER312", "continue that leads nowhere",
        "`continue: true` has the routes after it tried as well. Where none of them takes the same alerts nothing "
        "happens: critical goes to the pager alone, though two were meant to hear of it (measured).",
        "alertmanager", config(_CRITICAL + "      continue: true\n", receivers=_PAGER),
        config(_CRITICAL, receivers=_PAGER),
    ),
    Code(
        "SER313", "Default receiver",
        "The first route's receiver gets whatever no route takes: alerts without severity, for information, misspelt "
        "(measured). It should be neither the one for critical alerts nor a place where nobody looks.",
        "alertmanager",
        config().replace("receiver: team", "receiver: critical").replace("name: team", "name: critical"),
        config(),
    ),
    Code(
        "SER314", "PagerDuty's old key with its new interface",
        "`service_key` makes Alertmanager speak Events v1. At the address of v2, or with fields that only v2 has, "
        "PagerDuty answers 400 and nobody is called.",
        "alertmanager",
        config(_CRITICAL, receivers=_PAGER.replace("routing_key_file", "service_key_file"),
               top="global:\n  pagerduty_url: https://events.pagerduty.com/v2/enqueue\n"),
        config(_CRITICAL, receivers=_PAGER, top="global:\n  pagerduty_url: https://events.pagerduty.com/v2/enqueue\n"),
        fixable=True,
    ),
    Code(
        "SER315", "Secret in the file",
        "Whoever reads the repository can page your people, or write in their chat. Every secret has a form that "
        "names a file instead; and one that was committed is no secret any more.",
        "alertmanager",
        config(_CRITICAL, receivers="  - name: pager\n    pagerduty_configs:\n"
               "      - routing_key: 0123456789abcdef0123456789abcdef\n"),
        config(_CRITICAL, receivers=_PAGER),
    ),
    Code(
        "SER316", "Too often, too early, too late",
        "`group_interval: 10s` tells of every further alert of an outage by itself; `group_wait: 10s` splits its "
        "beginning; `repeat_interval: 12h` repeats a page that was lost half a day later.",
        "alertmanager", config().replace("group_interval: 5m", "group_interval: 10s"), config(),
    ),
    Code(
        "SER317", "Grouped by severity",
        "One outage raises warnings and critical alerts. Grouped by severity they are two groups: two pages, two "
        "threads, and inhibition has nothing to do with it.",
        "alertmanager", config().replace("[alertname, service]", "[alertname, service, severity]"), config(),
    ),
    Code(
        "SER318", "Receiver that nobody uses",
        "No route leads there. Either a name is misspelt, or people believe to be told who never are.",
        "alertmanager", config(receivers=_PAGER), config(_CRITICAL, receivers=_PAGER),
    ),
    Code(
        "SER319", "Warning beside critical",
        "When the critical alert fires its warning fires too, and people get both. An inhibition keeps the lesser one "
        "quiet while the greater lasts.",
        "alertmanager",
        config(_CRITICAL + _WARNING, receivers=_PAGER),
        config(_CRITICAL + _WARNING, receivers=_PAGER, more=_QUIET),
    ),
    Code(
        "SER320", "Nobody watches the watchman",
        "When Prometheus or Alertmanager dies there are no alerts, which looks like peace. An alert that always fires, "
        "sent to a service elsewhere that calls when it stops, tells the two apart.",
        "alertmanager",
        config(_CRITICAL + _WARNING, receivers=_PAGER, more=_QUIET).replace(_WATCHDOG, ""),
        config(_CRITICAL + _WARNING, receivers=_PAGER, more=_QUIET),
    ),
    Code(
        "SER321", "End of an alert is not told",
        "Slack, e-mail and WeChat say nothing when all is well again, unless `send_resolved: true`. People go on "
        "looking.",
        "alertmanager",
        config(_CRITICAL, receivers=_SLACK.replace("        send_resolved: true\n", "")),
        config(_CRITICAL, receivers=_SLACK),
        fixable=True,
    ),
    Code(
        "SER322", "Time interval that nobody uses",
        "No route names it: hours were meant to be kept, and are not.",
        "alertmanager", config(more=_LOCAL), config(_OFFICE, more=_LOCAL),
    ),
    Code(
        "SER323", "Receiver that tells nobody",
        "A receiver without any …_configs, or a webhook to localhost where nothing listens, swallows alerts. If "
        "that is "
        "meant, call it so (`blackhole`).",
        "alertmanager", config(_CRITICAL, receivers="  - name: pager\n"), config(_CRITICAL, receivers=_PAGER),
    ),
    Code(
        "SER324", "Hours of UTC",
        "Without `location` the hours of a day are UTC's: from nine to six in Lima are then from four to one.",
        "alertmanager", config(_OFFICE, more=_HOURS), config(_OFFICE, more=_LOCAL),
    ),
)  # fmt: skip

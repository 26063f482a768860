"""Every kind of mistake, one at a time: it is found once, at its place, with its code.

In the texts » stands just before the character at which the mistake must be reported.
"""

from __future__ import annotations

import pytest

from sereno.app.promql_checker import Checker
from sereno.spec.codes import CODES
from sereno.spec.loader import load_text

BASE = """\
{team: shop, escalation: shop}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{person: bo, contacts: [{email: bo@shop.example}]}
---
{schedule: shop, zone: America/Lima, handover: monday 09:00, start: 2026-01-05, people: [ana, bo],
 roles: [primary, secondary]}
---
{escalation: shop, schedule: shop, steps: [{page: primary}, {page: secondary, after: 5m}]}
---
{status_page: public, components: [Web]}
---
service: web
team: shop
alerts: [{alert: WebDown, expr: 'max(up{job="web"}) == 0', severity: SEV1}]
status: {page: public, component: Web}
"""
SERVICE = "service: pay\nteam: shop\n"
ALERT = SERVICE + "alerts:\n  - alert: Down\n    severity: SEV1\n"
EVENTS = SERVICE + "slos:\n  - name: a\n    objective: 99.9%\n    window: 30d\n    sli:\n      events:\n"
LATENCY = SERVICE + "slos:\n  - name: a\n    objective: 95%\n    window: 7d\n    sli:\n      latency:\n"
QUERY = SERVICE + "slos:\n  - name: a\n    objective: 95%\n    window: 7d\n    sli:\n      query:\n"
GAUGE = SERVICE + "slos:\n  - name: a\n    objective: 95%\n    window: 7d\n    sli: {gauge: "
COMPOSITE = (
    SERVICE + "slos:\n  - {name: a, objective: 9%, window: 7d, sli: {events: {total: t, bad: b}}}\n"
    "  - {name: b, objective: 9%, window: 7d, sli: {events: {total: t, bad: b}}}\n"
    "  - {name: j, objective: 9%, window: 7d, sli: {composite: {mode: "
)
TEMPLATE = SERVICE + "slos:\n  - name: a\n    objective: 95%\n    window: 7d\n    sli: "
PLAN = "maintenance: m\nstart: 2026-01-04T02:00\nduration: 1h\n"
POLICY = "policy: p\nsteps:\n"
FULL = SERVICE + "slos: []\nsaturation: [{name: pool, used: up, levels: "
SLI = "    sli: {events: {total: t_total, bad: 'status=\"500\"'}}\n"
SLO = SERVICE + "slos:\n  - name: a\n" + SLI
SCHEDULE = "schedule: other\nzone: Europe/Madrid\nhandover: monday 09:00\nstart: 2026-01-05\n"
PERSON = "person: eva\ncontacts:\n"
SCALE = "severities:\n  - {name: SEV1}\n  - {name: SEV2}\n"

MISTAKES: list[tuple[str, str]] = [
    # Backtests
    ("SER110", "workspace: x\nbacktest: {precision: »0.8}\n"),
    ("SER110", "workspace: x\nbacktest: {recall: »101%}\n"),
    ("SER110", "workspace: x\nbacktest: {max_pages_per_week: »-1}\n"),
    ("SER021", "workspace: x\nbacktest: {»precison: 80%}\n"),
    ("SER012", "workspace: x\n---\n»workspace: y\n"),
    ("SER111", SLO + "    objective: 99%\n    window: 30d\n    tiers: [{long: 1h, short: 5m, burn: »1}]\n"),
    ("SER111", SLO + "    objective: 99%\n    window: 30d\n    tiers: [»{long: 1h, short: 1h, burn: 9}]\n"),
    ("SER012", SLO + "    objective: 99%\n    window: 30d\n"
     "    tiers: [{long: 1h, short: 5m, burn: 9}, »{long: 60m, short: 6m, burn: 9}]\n"),
    # YAML
    ("SER003", "service: [»"),
    ("SER003", "service: pay\nteam: shop\ndescription: two»: colons\n"),
    ("SER003", "service: pay\n»\tteam: shop\n"),
    ("SER003", 'service: pay\ndescription: »"never closed\n'),
    ("SER003", SERVICE + "description: a »\x07 bell\n"),
    ("SER003", "service: pay\ndescription: »@home\n"),
    ("SER003", SERVICE + "description: two »\u2028 lines\n"),
    ("SER004", SERVICE + "alerts: []\n»team: shop\n"),
    ("SER004", SERVICE + "slos: []\nlinks: {a: 'https://a.example', »a: 'https://b.example'}\n"),
    ("SER005", SERVICE + "slos: " + "[" * 32 + "»[" + "]" * 33),
    ("SER006", SERVICE + "alerts: []\n»<<: {title: x}\n"),
    ("SER006", SERVICE + "alerts: []\ntitle: »*nowhere\n"),
    ("SER006", SERVICE + "alerts: []\ntitle: »!!binary aGk=\n"),
    ("SER008", SERVICE + "alerts: []\n»{a: b}: c\n"),
    # Documents
    ("SER010", "»name: pay\n"),
    ("SER012", "»service: web\nteam: shop\nalerts: []\n".replace("»service: ", "service: »")),
    ("SER012", "team: »shop\nescalation: shop\n"),
    ("SER012", SCALE + "---\n»" + SCALE),
    ("SER020", "»- service: pay\n"),
    ("SER020", "»service\n"),
    # Shape
    ("SER020", "service: »[pay]\nteam: shop\nalerts: []\n"),
    ("SER020", SERVICE + "alerts: []\ntitle: »true\n"),
    ("SER020", SERVICE + "alerts: »yes\n"),
    ("SER020", SERVICE + "alerts: []\nlinks: »https://a.example\n"),
    ("SER020", SERVICE + "slos: [»availability]\n"),
    ("SER020", SCALE.replace("SEV2}", "SEV2, incident: »yes}")),
    ("SER020", "service: pay\nteam: »true\nalerts: []\n"),
    ("SER021", SERVICE + "alerts: []\n»tittle: Pagos\n"),
    ("SER021", "»servce: pay\nteam: shop\nslos: []\n"),
    ("SER021", SLO + "    objective: 99.9%\n    »windw: 30d\n"),
    ("SER021", SLO + "    »target: 99.9%\n    window: 30d\n"),
    ("SER021", ALERT + "    expr: up == 0\n    »annotations: {summary: x}\n"),
    ("SER021", SERVICE + "alerts: [{alert: A, summary: '\U0001f600 é', »exprr: up, severity: SEV1}]\n"),
    ("SER021", SERVICE.replace("\n", "\r\n") + "alerts: []\r\n»tittle: x\r\n"),
    ("SER022", "»service: pay\nalerts: []\n"),
    ("SER022", SLO.replace("- name: a", "- »name: a") + "    objective: 99.9%\n"),
    ("SER022", ALERT.replace("- alert", "- »alert")),
    ("SER022", SERVICE + "alerts: []\nscrape:\n  - »job: pay\n"),
    ("SER022", "»person: eva\n"),
    ("SER022", "escalation: e\nsteps: [{page: ana}, »{after: 5m}]\n"),
    ("SER023", SERVICE + "alerts: []\n»title:\n"),
    ("SER023", SERVICE + "alerts: []\ntitle: »''\n"),
    ("SER023", "person: eva\ncontacts: »[]\n"),
    ("SER023", SCHEDULE + "people: [ana, »~]\n"),
    ("SER024", EVENTS + "        »total: t_total\n"),
    ("SER024", EVENTS + "        total: t_total\n        bad: b_total\n        »good: g_total\n"),
    ("SER024", SERVICE + "slos: [{name: a, objective: 9%, window: 1d, sli: »{}}]\n"),
    ("SER024", PERSON + "  - {email: eva@shop.example, »slack: 'env:SLACK'}\n"),
    # Values
    ("SER030", SLO + "    objective: 99.9%\n    window: »30 days\n"),
    ("SER030", SLO + "    objective: 99.9%\n    window: »0s\n"),
    ("SER030", SLO + "    objective: 99.9%\n    window: »2y\n"),
    ("SER030", ALERT + "    expr: up == 0\n    for: »5min\n"),
    ("SER030", ALERT + "    expr: up == 0\n    for: »1.5h\n"),
    ("SER030", ALERT + "    expr: up == 0\n    for: »-1m\n"),
    ("SER030", LATENCY + "        {histogram: h_seconds, within: »500}\n"),
    ("SER031", SLO + "    objective: »99.9\n    window: 30d\n"),
    ("SER031", SLO + "    objective: »99,9%\n    window: 30d\n"),
    ("SER031", SLO + "    objective: »100%\n    window: 30d\n"),
    ("SER031", SLO + "    objective: »0%\n    window: 30d\n"),
    ("SER031", SLO + "    objective: »high\n    window: 30d\n"),
    ("SER032", "service: »Base de datos\nteam: shop\nalerts: []\n"),
    ("SER032", SERVICE + "alerts:\n  - {alert: »'', expr: up == 0, severity: SEV1}\n".replace("''", "-x")),
    ("SER033", SERVICE + "alerts: []\nlinks: {repo: »git.shop.example/pay}\n"),
    ("SER033", SERVICE + "alerts: []\nscrape: [{job: pay, targets: [»'ftp://x.example']}]\n"),
    ("SER033", PERSON + "  - webhook: »hooks.shop.example\n"),
    ("SER034", PERSON + "  - email: »eva(at)shop.example\n"),
    ("SER034", PERSON + "  - email: »eva@shop\n"),
    ("SER081", PERSON + "  - phone: »999 000 111\n"),
    ("SER081", PERSON + "  - sms: »+0 999 000 111\n"),
    ("SER081", PERSON + "  - push: »my own phone\n"),
    ("SER035", PERSON + "  - terminal: true\nzone: »America/Limma\n"),
    ("SER035", PERSON + "  - terminal: true\nzone: »../../etc/passwd\n"),
    ("SER036", SCHEDULE.replace("2026-01-05", "»05/01/2026") + "people: [ana]\n"),
    ("SER036", SCHEDULE.replace("2026-01-05", "»2026-02-30") + "people: [ana]\n"),
    ("SER037", SCHEDULE.replace("monday 09:00", "»9am") + "people: [ana]\n"),
    ("SER037", SCHEDULE.replace("monday 09:00", "»moonday 09:00") + "people: [ana]\n"),
    ("SER038", PERSON + "  - terminal: true\nlanguage: »fr\n"),
    ("SER038", SCALE.replace("SEV2}", "SEV2, page: »sometimes}")),
    ("SER038", SCALE.replace("SEV2}", "SEV2, status: »broken}")),
    ("SER039", ALERT + "    expr: up == 0\n    labels: {»severity: high}\n"),
    ("SER039", ALERT + "    expr: up == 0\n    labels: {»9lives: cat}\n"),
    ("SER039", SERVICE + "alerts: []\nscrape: [{job: a, targets: ['http://a.example/metrics'], labels: {»job: b}}]\n"),
    ("SER040", PERSON + "  - slack: »env:NOT-A-NAME\n"),
    ("SER040", PERSON + "  - terminal: »console\n"),
    # References
    ("SER050", "service: pay\nteam: »shpo\nalerts: []\n"),
    ("SER051", SCHEDULE + "people: [ana, »anna]\n"),
    ("SER052", "team: other\nescalation: »shopp\n"),
    ("SER053", "escalation: other\nschedule: »shift\nsteps: [{page: primary}]\n"),
    ("SER054", SERVICE + "alerts: []\nstatus: {page: »private, component: Web}\n"),
    ("SER055", SERVICE + "alerts: []\nstatus: {page: public, component: »Wev}\n"),
    ("SER056", SERVICE + "alerts: [{alert: Down, expr: up == 0, severity: »P9}]\n"),
    ("SER056", SLO + "    objective: 99.9%\n    window: 30d\n    ticket: »SEVEN\n"),
    ("SER057", "escalation: other\nschedule: shop\nsteps: [{page: »tertiary}]\n"),
    ("SER057", "escalation: other\nsteps: [{page: »primary}]\n"),
    ("SER058", ALERT + "    expr: up == 0\n    runbook: »runbooks/gone.md\n"),
    ("SER059", ALERT + "    expr: up == 0\n    runbook: »../secret.md\n"),
    ("SER059", ALERT + "    expr: up == 0\n    runbook: »/etc/passwd\n"),
    # PromQL, at the place inside the text whatever the style of quoting
    ("SER060", ALERT + "    expr: sum(rate(up[5m]»\n"),
    ("SER060", ALERT + "    expr: 'sum(up) ») > 1'\n"),
    ("SER060", ALERT + '    expr: "up{job=\\"a\\"} »} == 0"\n'),
    ("SER060", ALERT + "    expr: 'up{job=\"it''s\"} == 0 »)'\n"),
    ("SER060", ALERT + "    expr: |\n      sum(up)\n        / sum(up) »)\n      > 1\n"),
    ("SER060", ALERT + "    expr: >-\n      sum(up)\n      / sum(up) »)\n      > 1\n"),
    ("SER060", ALERT + "    expr: sum(up)\n      / sum(up) »)\n      > 1\n"),
    ("SER061", EVENTS + "        {total: t_total, bad: 'status=~»'}\n"),
    ("SER060", ALERT + "    expr: '  »up[5m]'\n"),
    ("SER060", ALERT + "    expr: »'\"up\"'\n".replace("»'", "'»")),
    ("SER064", ALERT + "    expr: sum(»limitk(2, up)) > 1\n"),
    ("SER061", EVENTS + "        {total: '»rate(t_total[5m])', bad: 'status=\"500\"'}\n"),
    ("SER061", EVENTS + "        {total: »'{job=\"a\"}', bad: 'status=\"500\"'}\n"),
    ("SER061", EVENTS + "        {total: t_total, bad: 'status=»500'}\n"),
    ("SER062", EVENTS + "        {total: t_total, bad: b_total, except: »'a=\"1\",b=\"2\"'}\n"),
    ("SER063", LATENCY + "        {histogram: »h_seconds_bucket, within: 1s}\n"),
    ("SER063", LATENCY + "        {histogram: »'h_seconds{le=\"1\"}', within: 1s}\n"),
    # Sense
    ("SER070", SCHEDULE.replace("2026-01-05", "»2026-01-06") + "people: [ana]\n"),
    ("SER071", "escalation: other\nsteps: [{page: ana}, »{page: bo}]\n"),
    ("SER071", "escalation: o\nsteps: [{page: ana}, {page: bo, after: 9m}, {page: ana, after: »5m}]\n"),
    ("SER072", SERVICE + "alerts: []\nscrape: [{job: a, targets: ['http://a.example'], every: 5s, timeout: »6s}]\n"),
    ("SER073", SERVICE + "alerts: []\nscrape: [{job: a, targets: ['http://a.example', »'http://a.example']}]\n"),
    ("SER074", SCHEDULE + "people: [ana, bo]\nroles: »[a, b, c]\n"),
    ("SER075", SCHEDULE + "people: [ana]\nroles: [bo]\n---\n"
     "escalation: o\nschedule: other\nsteps: [{page: »bo}]\n"),
    ("SER012", SCALE.replace("SEV2}", "SEV2, aliases: [»sev1]}")),
    ("SER012", "status_page: p2\ncomponents: [A, component: »A]\n".replace("component: »A", "{component: »A}")),
    ("SER012", SERVICE + "slos: []\nalerts:\n  - {alert: A, expr: up == 0, severity: SEV1}\n"
     "  - {alert: »A, expr: up == 1, severity: SEV1}\n"),
    # Objectives, policies, plans
    ("SER030", SLO + "    objective: 99.9%\n    window: »month\n"),
    ("SER022", SLO.replace("- name", "- »name") + "    window: 30d\n"),
    ("SER113", QUERY + "        {total: »'sum(rate(a_total[5m]))', bad: 'sum(rate(b_total[$window]))'}\n"),
    ("SER113", QUERY + "        {ratio: »r}\n"),
    ("SER060", QUERY + "        {ratio: 'avg_over_time(r[$window]) ») '}\n"),
    ("SER024", QUERY + "        {ratio: 'avg_over_time(r[$window])', »total: t}\n"),
    ("SER024", QUERY + "        »{bad: 'sum(rate(b_total[$window]))'}\n"),
    ("SER024", LATENCY + "        »{histogram: h_seconds}\n"),
    ("SER024", (LATENCY + "        {histogram: h_seconds, promises: [{objective: 90%, within: 1s}]}\n")
     .replace("    objective: 95%", "    »objective: 95%")),
    ("SER114", PLAN + "services: [web, »wbe]\n"),
    ("SER115", SLO + "    objective: 99.9%\n    window: 30d\n    policy: »none\n"),
    ("SER116", COMPOSITE + "weighted, of: [{slo: a}, {slo: »web/x}]}}}\n"),
    ("SER117", COMPOSITE + "weighted, of: »[{slo: a}]}}}\n"),
    ("SER117", COMPOSITE + "weighted, of: [a, »pay/a]}}}\n"),
    ("SER117", COMPOSITE + "weighted, of: [a, »j]}}}\n"),
    ("SER117", COMPOSITE + "all, of: [{slo: a, »weight: 2}, b]}}}\n"),
    ("SER117", (LATENCY + "        {histogram: h_seconds, promises: [{objective: 95%, within: 1s}, "
     "»{objective: 99%, within: 1s}]}\n").replace("    objective: 95%\n", "")),
    ("SER012", (LATENCY + "        {histogram: h_seconds, promises: [{objective: 95%, within: 1s}, "
     "»{objective: 95.0%, within: 2s}]}\n").replace("    objective: 95%\n", "")),
    ("SER118", SLO + "    objective: 99.9%\n    window: 30d\n    »slice: 1m\n"),
    ("SER118", SLO + "    objective: 99.9%\n    window: 30d\n    method: »timeslices\n"),
    ("SER118", SLO + "    objective: 99.9%\n    window: 1h\n    method: ratio_timeslices\n    slice: »45m\n"),
    ("SER118", GAUGE + "{value: up, is: '== 1'}}\n    method: »occurrences\n"),
    ("SER119", GAUGE + "{value: up, is: »1}}\n"),
    ("SER119", GAUGE + "{value: up, is: »'= 1'}}\n"),
    ("SER120", POLICY + "  - {at: »0.8, do: x}\n"),
    ("SER120", POLICY + "  - {at: »0%, do: x}\n"),
    ("SER120", FULL + "[{at: »120%, severity: SEV3}]}]\n"),
    ("SER121", POLICY + "  - {at: 80%, do: x}\n  - {at: »80%, do: y}\n"),
    ("SER121", POLICY + "  - {at: 80%, do: x, »override: [ana]}\n"),
    ("SER121", FULL + "[{at: 80%, severity: SEV3}, {at: »70%, severity: SEV2}]}]\n"),
    ("SER022", SERVICE + "slos: []\nsaturation: [»{name: pool, used: up}]\n"),
    ("SER122", PLAN.replace("2026-01-04T02:00", "»2026-01-04")),
    ("SER122", PLAN.replace("2026-01-04T02:00", "»2026-01-04T02:00Z")),
    ("SER123", PLAN + "rrule: »every sunday\n"),
    ("SER123", PLAN + "rrule: »FREQ=MINUTELY\n"),
    ("SER123", PLAN + "rrule: »FREQ=WEEKLY;BYDAY=1SU\n"),
    ("SER123", PLAN + "rrule: »FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\n"),
    ("SER131", PLAN.replace("2026", "»2026") + "rrule: FREQ=WEEKLY;BYDAY=MO\n"),
    ("SER125", POLICY + "  - {at: 80%, do: x, notify: [ana, »anna]}\n"),
    ("SER126", SLO + "    objective: 99.9%\n    window: 30d\n    low_traffic: {min_events: »few}\n"),
    ("SER020", SLO + "    objective: 99.9%\n    window: 30d\n    low_traffic: »{}\n"),
    ("SER012", "policy: a\nsteps: [{at: 1%, do: x}]\n---\npolicy: »a\nsteps: [{at: 1%, do: x}]\n"),
    # Templates of indicators
    ("SER140", TEMPLATE + "{http: {within: 1s, »bad: '5..'}}\n"),
    ("SER140", TEMPLATE + "{http: {»native: true}}\n"),
    ("SER140", TEMPLATE + "{queue: {system: kafka, lag_below: 5, »failed: x}}\n"),
    ("SER022", TEMPLATE + "{queue: {»lag_below: 5}}\n"),
    ("SER140", TEMPLATE + "{database: {system: redis, »except: 'a=\"1\"'}}\n"),
    ("SER140", TEMPLATE + "{batch: {cronjob: x, within: 26h, »failed: y}}\n"),
    ("SER022", TEMPLATE + "{batch: »{cronjob: x}}\n"),
    ("SER141", TEMPLATE + "{time_to_complete: {started: a_total, »in_time: b_total, within: 48h}}\n"),
    ("SER030", TEMPLATE + "{time_to_complete: {histogram: h_days, unit: days, within: »50h}}\n"),
    ("SER141", TEMPLATE + "{business: {total: submitted_total, good: »approved_total}}\n"),
    ("SER061", TEMPLATE + "{http: {bad: »'5..('}}\n"),
    ("SER024", TEMPLATE + "{http: {}, »grpc: {}}\n"),
    ("SER038", TEMPLATE + "{database: {system: »oracle}}\n"),
    # Readiness and flags
    ("SER138", "flags: f\ndefine: [{name: a, type: boolean, default: »maybe}]\n"),
    ("SER138", "flags: f\ndefine: [{name: a, type: string, values: [x, y], default: »z}]\n"),
    ("SER138", "flags: f\ndefine: [{name: a, type: boolean, default: true, »share: 10%}]\n"),
    ("SER012", "flags: f\ndefine: [{name: a, type: number, default: 1}, {name: »a, type: number, default: 2}]\n"),
    ("SER038", "readiness: r\nitems: [{name: a, title: A, check: »runbook}]\n"),
    ("SER114", "readiness: r\nservices: [»wbe]\nitems: [{name: a, title: A}]\n"),
    # Kits
    ("SER143", SERVICE + "alerts: []\nkit: {admin: »http://8.8.8.8/-/kit}\n"),
    ("SER143", SERVICE + "alerts: []\nkit: {admin: [»'https://pay.example/-/kit?x=1']}\n"),
    ("SER143", SERVICE + "alerts: []\nkit: {admin: »scrape}\n"),
    ("SER012", SERVICE + "alerts: []\nkit: {admin: [http://10.0.0.1, »http://10.0.0.1/-/kit/]}\n"),
    ("SER144", SERVICE + "alerts: []\nkit: {admin: http://10.0.0.1:9104, token: »SERENO_SECRET}\n"),
    ("SER022", SERVICE + "alerts: []\nkit: »{token: KIT_TOKEN}\n"),
    # Read otherwise by others
    ("SER135", SERVICE + "alerts: []\ntitle: »no\n"),
    ("SER135", SERVICE + "alerts: []\ntitle: »Off\n"),
    ("SER135", SERVICE + "alerts: []\ntitle: »012\n"),
    ("SER135", SERVICE + "alerts: []\ntitle: »1:30\n"),
    ("SER135", SERVICE + "alerts: []\ntitle: »2026-01-05\n"),
    ("SER135", ALERT + "    expr: up == 0\n    labels: {zone: »22:30}\n"),
    ("SER136", SERVICE + "alerts: []\ntitle: La »CanciÃ³n\n"),
    ("SER136", SERVICE + "alerts: []\n# »ConexiÃ³n\n"),
    # Warnings
    ("SER011", SERVICE + "alerts: []\n»runbooks: []\n"),
    ("SER011", "»apiVersion: apps/v1\nkind: Deployment\n"),
    ("SER076", SLO + "    objective: 99.9%\n    window: 30d\n    severity: »SEV4\n"),
    ("SER077", "escalation: other\nsteps: [{page: ana, after: »5m}]\n"),
    ("SER078", SCHEDULE + "people: [ana, bo, »ana]\n"),
    ("SER079", ALERT + "    expr: up == 0\n    summary: »'{{ $value }'\n"),
    ("SER080", PERSON + "  - slack: »https://hooks.slack.example/T0/B0/secret\n"),
    ("SER080", SERVICE + "alerts: []\nlinks: {repo: »'https://me:secret@git.shop.example'}\n"),
    ("SER090", "team: »idle\nescalation: shop\n"),
    ("SER091", "status_page: p2\ncomponents: [A, »B]\n---\n" + SERVICE
     + "alerts: []\nstatus: {page: p2, component: A}\n"),
    ("SER092", "»" + SERVICE),
]  # fmt: skip

SIDE_EFFECTS = {"SER090", "SER091"}
"""Some mistaken documents are also unused; that is not what is asked here."""


@pytest.mark.parametrize(("code", "marked"), MISTAKES, ids=[f"{n:03}-{code}" for n, (code, _) in enumerate(MISTAKES)])
def test_a_mistake_is_reported_once_and_at_its_place(code: str, marked: str) -> None:
    index = marked.index("»")
    text = marked[:index] + marked[index + 1 :]
    line, column = text[:index].count("\n") + 1, index - (text[:index].rfind("\n") + 1) + 1

    loaded = load_text({"base.yaml": BASE, "case.yaml": text}, promql=Checker(), exists=lambda name: False)

    ignored = SIDE_EFFECTS - {code}
    found = [(d.code, d.file, d.line, d.column) for d in loaded.diagnostics if d.code not in ignored]
    assert found == [(code, "case.yaml", line, column)], "\n\n".join(d.render() for d in loaded.diagnostics)
    assert (loaded.spec is None) == (CODES[code].level == "error")


def test_the_base_of_these_cases_is_itself_without_a_mistake() -> None:
    assert load_text({"base.yaml": BASE}, promql=Checker()).diagnostics == ()


def test_enough_mistakes_are_tried() -> None:
    assert len(MISTAKES) >= 60
    beyond_a_text = {"SER112", "SER001", "SER002", "SER007", "SER093", "SER099", "SER124"}
    of_others = {code for code in CODES if code.startswith("SER10") or code >= "SER150"}
    of_others |= {"SER127", "SER128", "SER129", "SER130", "SER132", "SER133", "SER134", "SER137"}  # test_spec_expanding
    of_others |= {"SER139", "SER142"}  # tests/delivery
    assert set(CODES) - {code for code, _ in MISTAKES} - of_others - beyond_a_text == set()

"""Small specs with one mistake each, beside the same put right: the examples of the loader's own codes."""

from __future__ import annotations

from dataclasses import dataclass

from sereno.lint.dialect_examples import DIALECT_EXAMPLES


@dataclass(frozen=True, slots=True)
class Example:
    """Whole files in which the loader finds `code`, and in which it does not."""

    code: str
    wrong: str
    right: str


_WEB = """\
service: web
team: owners
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli:
      events: {total: 'http_requests_total{job="web"}', bad: 'status=~"5.."'}
alerts:
  - alert: WebDown
    expr: absent(up{job="web"})
    for: 5m
    severity: SEV1
    summary: Nobody can reach the shop
"""
_PEOPLE = """\
---
team: owners
escalation: owners
---
person: ana
contacts:
  - terminal: true
---
escalation: owners
steps:
  - page: ana
"""
_SCHEDULE = """\
---
schedule: nights
zone: America/Lima
people: [ana, bo]
roles: [primary, secondary]
start: 2026-01-05
handover: monday 09:00
---
person: bo
contacts:
  - terminal: true
"""
_ON_CALL = _PEOPLE.replace("steps:\n  - page: ana", "schedule: nights\nsteps:\n  - page: primary")
_PAGE = """\
---
status_page: public
title: Shop
components:
  - component: Web
"""
_SHOWN = _WEB.replace("alerts:", "status: {page: public, component: Web}\nalerts:")
_LATENCY = _WEB.replace(
    "events: {total: 'http_requests_total{job=\"web\"}', bad: 'status=~\"5..\"'}",
    "latency: {histogram: 'http_request_duration_seconds{job=\"web\"}', within: 500ms}",
)
_SCRAPE = _WEB.replace(
    "slos:",
    "scrape:\n  - job: web\n    targets: ['http://web:9090/metrics']\n    every: 15s\n    timeout: 10s\nslos:",
)


def _changed(code: str, before: str, after: str, *, web: str = _WEB, people: str = _PEOPLE) -> Example:
    right = web + people
    if before not in right:
        raise ValueError(f"the example of {code} has no {before!r}")
    return Example(code, right.replace(before, after, 1), right)


EXAMPLES: tuple[Example, ...] = (
    _changed("SER003", "window: 30d", "window: [30d"),
    _changed("SER004", "team: owners\nslos", "team: owners\nteam: owners\nslos"),
    _changed("SER006", "window: 30d", "window: *month"),
    _changed("SER008", "window: 30d", "window: 30d\n    {a: b}: c"),
    Example("SER007", "# nothing yet\n", _WEB + _PEOPLE),
    Example("SER010", _WEB + _PEOPLE + "---\ncolour: blue\n", _WEB + _PEOPLE),
    _changed("SER012", "person: ana", "person: ana\ncontacts:\n  - terminal: true\n---\nperson: ana"),
    _changed("SER020", 'expr: absent(up{job="web"})', "expr: [absent]"),
    _changed("SER021", "    window: 30d", "    window: 30d\n    colour: blue"),
    _changed("SER022", '    expr: absent(up{job="web"})\n', ""),
    _changed("SER023", "summary: Nobody can reach the shop", "summary: ''"),
    _changed("SER024", "bad: 'status=~\"5..\"'", "bad: 'status=~\"5..\"', good: 'status!~\"5..\"'"),
    _changed("SER030", "window: 30d", "window: a month"),
    _changed("SER031", "objective: 99.9%", "objective: 100%"),
    _changed("SER032", "service: web", "service: the web shop"),
    Example(
        "SER033",
        _WEB.replace("slos:", "links: {repo: shop.example}\nslos:") + _PEOPLE,
        _WEB.replace("slos:", "links: {repo: 'https://shop.example'}\nslos:") + _PEOPLE,
    ),
    Example(
        "SER034",
        _WEB + _PEOPLE.replace("terminal: true", "email: ana at shop"),
        _WEB + _PEOPLE.replace("terminal: true", "email: ana@shop.example"),
    ),
    _changed("SER035", "zone: America/Lima", "zone: Lima", people=_ON_CALL + _SCHEDULE),
    _changed("SER036", "start: 2026-01-05", "start: 5 January", people=_ON_CALL + _SCHEDULE),
    _changed("SER037", "handover: monday 09:00", "handover: monday at nine", people=_ON_CALL + _SCHEDULE),
    _changed("SER050", "team: owners\nslos", "team: owner\nslos"),
    _changed("SER057", "page: ana", "page: anna"),
    _changed("SER052", "escalation: owners\n---", "escalation: nobody\n---"),
    _changed("SER053", "schedule: nights\nsteps", "schedule: days\nsteps", people=_ON_CALL + _SCHEDULE),
    _changed("SER054", "page: public, component", "page: privat, component", web=_SHOWN, people=_PEOPLE + _PAGE),
    _changed("SER055", "component: Web", "component: Shop", web=_SHOWN, people=_PEOPLE + _PAGE),
    _changed("SER056", "severity: SEV1", "severity: urgent"),
    _changed("SER060", 'absent(up{job="web"})', 'absent(up{job="web")'),
    _changed("SER061", "total: 'http_requests_total{job=\"web\"}'", "total: 'rate(http_requests_total[5m])'"),
    _changed("SER063", "http_request_duration_seconds{", "http_request_duration_seconds_bucket{", web=_LATENCY),
    _changed("SER070", "start: 2026-01-05", "start: 2026-01-06", people=_ON_CALL + _SCHEDULE),
    Example(
        "SER071",
        _WEB + _PEOPLE.replace("  - page: ana", "  - page: ana\n    after: 10m\n  - page: ana\n    after: 5m"),
        _WEB + _PEOPLE.replace("  - page: ana", "  - page: ana\n  - page: ana\n    after: 5m"),
    ),
    _changed("SER072", "timeout: 10s", "timeout: 20s", web=_SCRAPE),
    _changed("SER073", "slos:", "  - job: web\n    targets: ['http://web:9090/metrics']\nslos:", web=_SCRAPE),
    _changed("SER074", "people: [ana, bo]", "people: [ana]", people=_ON_CALL + _SCHEDULE),
    Example(
        "SER075",
        _WEB + (_ON_CALL + _SCHEDULE).replace("secondary]", "ana]").replace("page: primary", "page: ana"),
        _WEB + _ON_CALL + _SCHEDULE,
    ),
    _changed("SER077", "  - page: ana", "  - page: ana\n    after: 10m"),
    _changed("SER078", "people: [ana, bo]", "people: [ana, bo, bo]", people=_ON_CALL + _SCHEDULE),
    _changed("SER079", "summary: Nobody can reach the shop", "summary: '{{ $labels.job is down'"),
    _changed("SER090", "person: ana", "person: bo\ncontacts:\n  - terminal: true\n---\nperson: ana"),
    _changed(
        "SER091", "  - component: Web", "  - component: Web\n  - component: Shop", web=_SHOWN, people=_PEOPLE + _PAGE
    ),
    Example("SER092", _WEB[: _WEB.index("slos:")] + _PEOPLE, _WEB + _PEOPLE),
    Example("SER093", _PEOPLE.removeprefix("---\n"), _WEB + _PEOPLE),
    _changed("SER111", "window: 30d", "window: 30d\n    tiers: [{kind: page, long: 5m, short: 1h, burn: 2}]"),
    *(Example(*example) for example in DIALECT_EXAMPLES),
)
"""In the order of their codes."""

"""The reference of the spec: keys and examples from the code of `sereno.spec`, meanings from here."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

from sereno.app import reference_cloud as cloud
from sereno.app import reference_dashboards as dashboards
from sereno.app import reference_delivery as delivery
from sereno.app import reference_monitoring as monitoring
from sereno.app import reference_objectives as objectives
from sereno.app.reference_objectives import EXTENDS, NAME, TITLE, ZONE

MODULES = (
    "service", "objectives", "sli", "templates", "templates_work", "templates_business", "tiers",
    "saturation", "policies", "people", "public", "workspace", "raw", "readiness", "kit", "expanding", "variables",
    *delivery.MODULES,
    *monitoring.MODULES,
    *dashboards.MODULES,
    *cloud.MODULES,
)  # fmt: skip
HEADINGS = {
    "a service": "service",
    "a scrape job": "service · scrape[]",
    "an alert": "service · alerts[]",
    "a service's status": "service · status",
    "an objective": "service · slos[]",
    "a calendar window": "service · slos[] · window",
    "a guard of low traffic": "service · slos[] · low_traffic",
    "an indicator": "service · slos[] · sli",
    "an indicator of events": "service · slos[] · sli · events",
    "an indicator of latency": "service · slos[] · sli · latency",
    "a promise": "service · slos[] · sli · latency · promises[]",
    "an indicator in PromQL": "service · slos[] · sli · query",
    "an indicator of a gauge": "service · slos[] · sli · gauge",
    "a composite": "service · slos[] · sli · composite",
    "a part of a composite": "service · slos[] · sli · composite · of[]",
    "an indicator of HTTP": "service · slos[] · sli · http",
    "an indicator of gRPC": "service · slos[] · sli · grpc",
    "an indicator of a queue": "service · slos[] · sli · queue",
    "an indicator of a database": "service · slos[] · sli · database",
    "an indicator of a cache": "service · slos[] · sli · cache",
    "an indicator of a batch job": "service · slos[] · sli · batch",
    "an indicator of payments": "service · slos[] · sli · payment",
    "an indicator of time to complete": "service · slos[] · sli · time_to_complete",
    "an indicator of business events": "service · slos[] · sli · business",
    "a saturation": "service · saturation[]",
    "a level": "service · saturation[] · levels[]",
    "a policy": "policy",
    "a step of a policy": "policy · steps[]",
    "a maintenance": "maintenance",
    "the addresses": "workspace · addresses",
    "what is kept raw": "service · raw",
    "what the workspace keeps raw": "workspace · raw",
    "a kit": "service · kit",
    "a readiness": "readiness",
    "an item of readiness": "readiness · items[]",
    "the flags": "flags",
    "a flag": "flags · define[]",
    "a rule of a flag": "flags · define[] · rules[]",
    "the defaults": "workspace · defaults",
    "an environment": "workspace · environments.NAME",
    "a declared variable": "variables.NAME",
    "a template": "template",
    "an extension": "extends",
    "a tier": "service · slos[] · tiers[]",
    "the demands of a backtest": "backtest (of a service, or the workspace)",
    "the workspace": "workspace",
    "a team": "team",
    "a person": "person",
    "a contact": "person · contacts[]",
    "a schedule": "schedule",
    "an escalation": "escalation",
    "a step": "escalation · steps[]",
    "the scale of severities": "severities",
    "a severity": "severities[]",
    "a status page": "status_page",
    "a component": "status_page · components[]",
    **delivery.HEADINGS,
    **monitoring.HEADINGS,
    **dashboards.HEADINGS,
    **cloud.HEADINGS,
}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    **objectives.MEANINGS,
    "a service": {
        "service": NAME,
        "extends": EXTENDS,
        "team": "the team that owns it",
        "title": TITLE,
        "description": "one sentence for people",
        "links": "a mapping of names to addresses",
        "scrape": "what the embedded scraper reads; leave it out when a Prometheus scrapes",
        "slos": "the promises",
        "alerts": "rules of your own",
        "status": "where the public sees it",
        "backtest": "what `sereno backtest` holds it to; by default what the workspace demands",
        "saturation": "what may fill up",
        "kit": "where the kits of its replicas are looked at and overridden",
        "raw": "rules kept as they were found, passed through by `sereno build`",
        **delivery.SERVICE,
        **monitoring.SERVICE,
        **dashboards.SERVICE,
        **dict.fromkeys(
            ("runbooks", "experiments", "readiness", "flags"),
            "understood, not read yet: skipped with a warning",
        ),
    },
    "what is kept raw": {"prometheus": "groups of rules, as a rule file of Prometheus has them"},
    "what the workspace keeps raw": {
        "prometheus": "groups of rules, as a rule file of Prometheus has them",
        "alertmanager": "what an imported Alertmanager file said besides, as text; kept for people",
    },
    "a scrape job": {
        "job": "the `job` label of its samples",
        "targets": "addresses of Prometheus metrics; the host and port are the `instance` label",
        "discovery": "how Prometheus finds targets by itself; the embedded scraper does not",
        "every": "how often, 1s to 1h; `15s` by default",
        "timeout": "at most `every`; the shorter of `10s` and `every` by default",
        "labels": "labels added to every sample",
    },
    "an alert": {
        "alert": NAME,
        "extends": EXTENDS,
        "expr": "PromQL; it fires for each series of the result",
        "severity": "a name or alias of the scale",
        "for": "how long it must hold before it fires; `0s` by default",
        "keep_firing_for": "how long it goes on firing after the expression has become false; `0s` by default",
        "summary": "one line; `{{ $value }}` and `{{ $labels.x }}` are filled in",
        "description": "more of the same",
        "runbook": "a file inside the spec's folder, counted from this file, or a web address",
        "labels": "labels added to the alert",
    },
    "a service's status": {"page": "a status page", "component": "one of its components"},
    "a policy": {"policy": NAME, "steps": "what is done, in the order in which the budget goes", "title": TITLE},
    "a step of a policy": {
        "at": "the share of the budget that is consumed: `80%`, `100%`",
        "do": "what is done, in words; one or a list",
        "notify": "teams and people who are told",
        "freeze": "`true`: releases stop",
        "override": "teams and people who may let one through all the same",
    },
    "a maintenance": {
        "maintenance": NAME,
        "start": "a local time in `zone`: `2026-01-04T02:00`",
        "duration": "how long it takes, 1m to 30d",
        "title": TITLE,
        "description": "one sentence for people",
        "services": "what is worked on; without it everything is",
        "zone": ZONE,
        "rrule": "when it happens again, by RFC 5545: `FREQ=WEEKLY;BYDAY=SU`; without it once",
    },
    "the addresses": {
        "console": "Sereno's console",
        "grafana": "Grafana",
        "prometheus": "Prometheus",
        "alertmanager": "Alertmanager",
        "runbooks": "where the spec's folder is read by people: a runbook's path is put behind it",
    },
    "a kit": {
        "admin": "the admin endpoint of each replica, one address or a list; `scrape`: `/-/kit` where `scrape` has its "
        "targets",
        "token": "the environment variable of Sereno's process that has their token, with `KIT_TOKEN` in its name; "
        "`SERENO_KIT_TOKEN` by default",
    },
    "a readiness": {
        "readiness": NAME,
        "items": "what there must be",
        "title": TITLE,
        "services": "of which services; without it of all",
    },
    "an item of readiness": {
        "name": NAME,
        "title": "what people read",
        "check": "what Sereno looks at itself: `objectives`, `alerts`, `runbooks`, `oncall`, `dashboards`, `backtest`, "
        "`budget` or `status`; without it a person says",
        "required": "`false`: it is good to have; `true` by default",
        "owner": "the team or person who sees to it",
        "evidence": "an address where it is shown to be so",
    },
    "the flags": {
        "flags": NAME,
        "define": "the flags",
        "title": TITLE,
        "services": "of which services; without it of all",
    },
    "a flag": {
        "name": NAME,
        "type": "`boolean`, `string` or `number`",
        "default": "its value for most",
        "title": TITLE,
        "values": "the values that it may have",
        "to": "what those get whom `users`, `rules` or `share` choose",
        "users": "who gets `to`, whatever else is said",
        "rules": "then the first rule that fits says what one gets",
        "share": "which share of everybody else who is known gets `to`",
        "owner": "the team or person who takes it out again",
        "expires": "the date by which it is to be taken out; `sereno check` warns once it is past",
    },
    "a rule of a flag": {
        "when": "attributes of whoever asks, which must all fit: a value, a list of which one fits, or tests: `is`, "
        "`is_not`, `starts_with`, `ends_with`, `above`, `below` (numbers), `at_least`, `older_than` (versions); `user` "
        "is the user",
        "to": "what they get; the flag's `to` by default",
        "share": "only this share of them; the others get the default",
    },
    "the defaults": {
        "services": "keys of every service that does not say otherwise",
        "slos": "of every objective",
        "alerts": "of every alert",
    },
    "an environment": {
        "title": TITLE,
        "variables": "the values of variables here",
        "override": "documents, each named by its kind, with the keys that are different here",
    },
    "a declared variable": {
        "type": "`string`, `number`, `duration`, `percentage`, `boolean` or `url`. A value alone instead of a mapping "
        "is a string, a number or true/false",
        "default": "its value; without one every environment must say",
        "description": "one sentence for people",
    },
    "a template": {
        "template": NAME,
        "service": "keys of a service; or",
        "slo": "keys of an objective; or",
        "alert": "keys of an alert. Exactly one of the three",
        "extends": "another template of that kind, or a list",
        "description": "one sentence for people",
        "variables": "its own variables, which those that extend it may set",
    },
    "an extension": {"template": "which template", "with": "values of its variables"},
    "the demands of a backtest": {
        "precision": "the least share of pages that were about an incident",
        "recall": "the least share of incidents that were paged about",
        "max_pages_per_week": "the most pages in a week",
    },
    "the workspace": {
        "workspace": NAME,
        "title": TITLE,
        "addresses": "where people find things; links in alerts and dashboards begin with these",
        "targets": "what `sereno build` writes when it is not told",
        "variables": "words that `${name}` stands for anywhere in the spec",
        "environments": "what differs in each: variables and whole keys",
        "defaults": "what services, objectives and alerts say when they do not say otherwise",
        "backtest": "what `sereno backtest` holds every service to that does not say otherwise",
        "raw": "what is kept as it was found",
        **delivery.WORKSPACE,
        **monitoring.WORKSPACE,
    },
    "a team": {
        "team": NAME,
        "escalation": "what its services' pages walk",
        "title": TITLE,
        "zone": ZONE + ". Working hours and post-mortems are told in it",
    },
    "a person": {
        "person": NAME,
        "contacts": "where they are reached, tried in this order",
        "title": TITLE,
        "zone": ZONE,
        "language": "`es` or `en` (the default): of the messages to this person",
    },
    "a contact": {
        "email": "a mail address",
        "slack": "an incoming webhook of Slack: a secret, write `env:NAME`",
        "webhook": "an https address that takes signed JSON",
        "terminal": "`true` (standard error of `sereno up`), or a path. Exactly one of these keys; any may be"
        " `env:NAME`",
        "sms": "a telephone number with its country; a short text, through the gateway of the settings",
        "phone": "a telephone number that is called; the summary is spoken",
        "push": "a device, as the gateway for notifications knows it",
    },
    "a schedule": {
        "schedule": NAME,
        "zone": "IANA time zone of the hand-over",
        "handover": "a weekday and a local time: `monday 09:00`, `lunes 09:00`",
        "start": "the date of a hand-over at which the first of `people` takes the first of `roles`",
        "people": "the ring; every week it moves by one",
        "roles": "role *i* is held by the person *i* places further round the ring; `[primary]` by default",
    },
    "an escalation": {
        "escalation": NAME,
        "steps": "who is paged, in order",
        "schedule": "whose roles the steps name; not needed if every target is a person",
        "repeat_every": "how long after the last step it all begins again; `15m` by default",
    },
    "a step": {
        "via": "channels of each person that are tried at once; by default their contacts one after the other",
        "page": "a role of the schedule, or a person; or a list of them, paged together",
        "after": "counted from the opening of the page, or of its round; `0s` by default, later at each step",
    },
    "the scale of severities": {"severities": "the scale, worst first; without it `SEV1` … `SEV4` hold (see below)"},
    "a severity": {
        "name": NAME,
        "page": "`always` (the default), `working_hours` (Monday to Friday, 09:00 to 18:00, of the team) or `never`",
        "incident": "whether its pages open an incident; `false` by default",
        "acknowledge_within": "the promised time to answer; `5m` by default",
        "update_every": "the promised time between public updates; `15m` by default",
        "status": "what the component shows meanwhile: `operational`, `degraded` (the default), `partial_outage`, "
        "`major_outage`",
        "description": "what it means",
        "aliases": "other names for it, of any case",
    },
    "a status page": {
        "status_page": NAME + "; its address is `/status/NAME`",
        "components": "what the public sees, in this order",
        "title": TITLE,
        "description": "one sentence for the public",
        "language": "`es` or `en` (the default), unless the reader's browser asks for the other",
        "zone": ZONE + ". Its days begin at this zone's midnight",
    },
    "a component": {
        "component": "its name, any text; a plain word instead of a mapping will do",
        "description": "one sentence for the public",
    },
    **delivery.MEANINGS,
    **monitoring.MEANINGS,
    **dashboards.MEANINGS,
    **cloud.MEANINGS,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys that one mapping of the spec may have."""

    what: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()


def shapes(module: ModuleType) -> Iterator[Shape]:
    """Every mapping that `module` reads, as its calls of `Fields` say."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fields":
            keys = {word.arg or "": _names(word.value, module) for word in node.keywords}
            yield Shape(str(ast.literal_eval(node.args[2])), **keys)


def _names(node: ast.expr, module: ModuleType) -> tuple[str, ...]:
    """The keys that an expression in the module stands for."""
    return tuple(eval(compile(ast.Expression(node), module.__name__, "eval"), vars(module)))  # noqa: S307


def example(module: ModuleType) -> str:
    """The annotated YAML at the top of the module."""
    written = (module.__doc__ or "").partition("```yaml\n")[2].partition("\n```")[0]
    return written.replace("see sli.py", "see Objectives below")


def page() -> str:
    """The reference of the spec as Markdown. Raises KeyError for a key that nobody has explained."""
    parts = [INTRODUCTION]
    for name in MODULES:
        module = importlib.import_module(f"sereno.spec.{name}")
        # Mappings of mappings come in the order of the headings: the whole before its parts.
        found = sorted(shapes(module), key=lambda shape: list(HEADINGS).index(shape.what))
        if name in TITLES:
            parts.append(f"## {TITLES[name]}\n\n```yaml\n{example(module)}\n```")
        parts += [_table(shape) for shape in found]
    parts.append(_severities())
    return "\n\n".join(parts) + "\n"


def _table(shape: Shape) -> str:
    meanings = MEANINGS[shape.what]
    rows = [f"| `{key}` | yes | {meanings[key]} |" for key in shape.required]
    rows += [f"| `{key}` | | {meanings[key]} |" for key in (*shape.optional, *shape.planned)]
    return "\n".join([f"### {HEADINGS[shape.what]}", "", "| key | needed | meaning |", "| --- | --- | --- |", *rows])


def _severities() -> str:
    from sereno.kernel.duration import format_duration
    from sereno.kernel.severity import DEFAULT_SEVERITIES

    rows = [
        f"| `{s.name}` | {s.page} | {'yes' if s.incident else 'no'} | {format_duration(s.acknowledge_within)} "
        f"| {format_duration(s.update_every)} | {s.status} | {', '.join(s.aliases)} |"
        for s in DEFAULT_SEVERITIES
    ]
    head = ["name", "page", "incident", "acknowledge within", "update every", "status", "aliases"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *rows]
    return "\n".join(["### The scale that holds without a `severities` document", "", *lines])


TITLES = {
    "service": "Services",
    "objectives": "Objectives",
    "sli": "Indicators",
    "templates": "Templates of indicators",
    "saturation": "Saturation",
    "policies": "Policies and maintenance",
    "tiers": "Burn-rate tiers",
    "workspace": "The workspace",
    "raw": "What is kept raw",
    "readiness": "Readiness and flags",
    "kit": "Kits",
    "expanding": "Environments, templates, defaults",
    "variables": "Variables",
    "people": "Teams, people, schedules, escalations",
    "public": "Severities and status pages",
    **delivery.TITLES,
    **monitoring.TITLES,
    **dashboards.TITLES,
    **cloud.TITLES,
}
INTRODUCTION = """\
# The spec

<!-- Generated: scripts/reference -->

A folder, `reliability/` by default, of any number of `.yaml` files; a file may hold several documents between `---`.
A document's kind is one of its keys: `service`, `team`, `escalation`, `schedule`, `person`, `status_page`,
`severities`, `workspace`, `policy`, `maintenance`, `dashboard`, `experiment`, `readiness`, `flags` or `template`.
Documents refer to one another by name, in any order, over any files. Durations are
written as Prometheus does: `500ms`, `30s`, `5m`, `1h30m`, `30d`. `sereno check` reads all of it and says what is
wrong, with the codes of [diagnostics](diagnostics.md); an unknown key is a mistake."""

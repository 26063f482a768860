"""Prometheus rules of others as documents of a spec.

Burn-rate alerts become objectives where that is the same; other alerts become `alerts:` entries where those can say all
of them; the rest (recording rules among it) is kept raw, as it was. Nothing is lost without a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sereno.app.importing.burns import Records, recorded
from sereno.app.importing.documents import Brought, Document, Note, name_of, nobody
from sereno.app.importing.objectives import document, promises
from sereno.compiler.raw_rules import group_of
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.severity import DEFAULT_SEVERITIES, Severities
from sereno.spec.rule_groups import GroupRule, RuleGroup
from sereno.spec.values import RESERVED_LABELS, is_url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SUFFIX = re.compile(r"[-_.]?(?:prometheus-?rules?|rules?|alerts?)?\.(?:ya?ml|rules)$", re.IGNORECASE)
_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_WAIT_MAX = timedelta(days=30)
_ANNOTATIONS = {"summary", "description", "runbook_url"}
TEAM = "imported"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller says: one service for everything, else the label that names it; who owns what nobody owns."""

    service: str = ""
    by: str = "service"
    team: str = ""
    known_teams: frozenset[str] = frozenset()
    severities: Severities = DEFAULT_SEVERITIES


@dataclass(slots=True)
class _Service:
    """What comes to one service."""

    team: str
    slos: list[Document] = field(default_factory=list)
    alerts: list[Document] = field(default_factory=list)
    raw: dict[str, list[GroupRule]] = field(default_factory=dict)
    groups: dict[str, RuleGroup] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


def bring(groups: Sequence[RuleGroup], wishes: Wishes | None = None) -> Brought:
    """The documents that `groups` come to, one file a service, and a note for every rule."""
    wishes = wishes or Wishes()
    brought, services = Brought(), _Services()
    flat = [(group, rule) for group in groups for rule in group.rules]
    stems = _stems({group.file for group in groups})
    owners = {number: _owner(group, rule, wishes, stems) for number, (group, rule) in enumerate(flat)}
    records = recorded(rule for _, rule in flat)
    done = _objectives(flat, owners, records, services, brought, wishes)
    for number, (group, rule) in enumerate(flat):
        if id(rule) in done:
            continue
        service = services.of(*owners[number])
        why = _unfit(group, rule, service, wishes)
        if why is None:
            service.alerts.append(_alert(rule, wishes))
            service.names.add(rule.name)
            brought.notes.append(Note(_place(group, rule), rule.name, "an alert", _changed(rule, wishes)))
        else:
            service.groups.setdefault(group.name, group)
            service.raw.setdefault(group.name, []).append(rule)
            brought.notes.append(Note(_place(group, rule), rule.name, "kept raw", why))
    _write(services, brought, wishes)
    return brought


class _Services(dict[str, _Service]):
    """The services by name; the first team that is named for one owns it."""

    def of(self, name: str, team: str) -> _Service:
        """The service of that name."""
        found = self.setdefault(name, _Service(team))
        if found.team == TEAM and team != TEAM:
            found.team = team
        return found


def _owner(group: RuleGroup, rule: GroupRule, wishes: Wishes, stems: dict[str, str]) -> tuple[str, str]:
    """Service and team of a rule: as wished, as its labels say, or after its file."""
    label = (rule.labels.get(wishes.by, "") if wishes.by else "") or rule.labels.get("sloth_service", "")
    plain = label if "{{" not in label else ""
    service = wishes.service or (plain if _NAME.fullmatch(plain) else name_of(plain or stems[group.file]))
    team = rule.labels.get("team", "")
    return service, wishes.team or (name_of(team) if team and "{{" not in team else TEAM)


def _stems(files: set[str]) -> dict[str, str]:
    """What each file is about, by its name; with its folder's where two files have the same."""
    names = {file: file.rpartition("/")[2] for file in files}
    found = {file: _SUFFIX.sub("", name) or name.partition(".")[0] or name for file, name in names.items()}
    seen = Counter(found.values())
    return {
        file: f"{file.split('/')[-2]}-{stem}" if seen[stem] > 1 and "/" in file else stem
        for file, stem in found.items()
    }  # fmt: skip


def _objectives(
    flat: list[tuple[RuleGroup, GroupRule]],
    owners: dict[int, tuple[str, str]],
    records: Records,
    services: _Services,
    brought: Brought,
    wishes: Wishes,
) -> set[int]:
    """Add the objectives that burn-rate alerts come to; the alerts that they stand for, by identity."""
    found = promises([(group.file, rule) for group, rule in flat], records, owners)
    places = {id(rule): _place(group, rule) for group, rule in flat}
    done: set[int] = set()
    for promised in found:
        service = services.of(wishes.service or name_of(promised.service), promised.team)
        taken = {str(slo["name"]) for slo in service.slos}
        base = name_of(promised.names[0])
        name = next(n for n in (base, *(f"{base[:60]}-{i}" for i in range(2, 1000))) if n not in taken)
        slo, said = document(promised, name, records, wishes.severities)
        service.slos.append(slo)
        for rule, why in said:
            done.add(id(rule))
            brought.notes.append(Note(places[id(rule)], rule.name, f"the objective {name}", why))
    return done


def _unfit(group: RuleGroup, rule: GroupRule, service: _Service, wishes: Wishes) -> str | None:
    """Why a rule cannot be an entry of `alerts:`; None if it can."""
    if rule.kind == "record":
        return "the spec records only what objectives need"
    if group.limit or group.query_offset:
        return "its group has a limit or looks back"
    if not _NAME.fullmatch(rule.name):
        return "its name is none of the spec's"
    if rule.name in service.names:
        return "the service has an alert of that name already"
    word = rule.labels.get("severity", "")
    if wishes.severities.find(word) is None:
        return f"`{word}` is no severity of the scale" if word else "it has no severity"
    odd = [key for key in rule.labels if key not in RESERVED_LABELS and not _LABEL.fullmatch(key)]
    if odd or any(not value.strip() or value != value.strip() for value in rule.labels.values()):
        return "its labels cannot be written"
    more = [key for key in rule.annotations if key not in _ANNOTATIONS]
    if more:
        return f"it has annotations of its own: {', '.join(more)}"
    return _unfit_texts(rule, wishes)


def _unfit_texts(rule: GroupRule, wishes: Wishes) -> str | None:
    runbook = rule.annotations.get("runbook_url")
    if runbook is not None and not is_url(runbook):
        return "its runbook is no web address"
    texts = (rule.annotations.get("summary", "x"), rule.annotations.get("description", "x"))
    if any(not text.strip() or text != text.strip() for text in texts):
        return "one of its texts is empty, or begins or ends with white space"
    if rule.for_ > _WAIT_MAX or rule.keep_firing_for > _WAIT_MAX:
        return "it waits longer than 30 days"
    for key in ("service", "team"):
        if "{{" in rule.labels.get(key, ""):
            return f"its label `{key}` is a template"
    service = rule.labels.get("service")
    if (
        service
        and (wishes.service or wishes.by != "service" or not _NAME.fullmatch(service))
        and service != wishes.service
    ):
        return f"its label `service` is {service!r}, and its owner is another"
    return None


def _alert(rule: GroupRule, wishes: Wishes) -> Document:
    known = wishes.severities[rule.labels["severity"]]
    found: Document = {"alert": rule.name, "expr": rule.expr.strip()}
    if rule.for_:
        found["for"] = format_duration(rule.for_)
    if rule.keep_firing_for:
        found["keep_firing_for"] = format_duration(rule.keep_firing_for)
    found["severity"] = known.name
    for key, name in (("summary", "summary"), ("description", "description"), ("runbook_url", "runbook")):
        if key in rule.annotations:
            found[name] = rule.annotations[key]
    labels = {key: value for key, value in rule.labels.items() if key not in RESERVED_LABELS}
    if labels:
        found["labels"] = dict(labels)
    return found


def _changed(rule: GroupRule, wishes: Wishes) -> str:
    word = rule.labels["severity"]
    known = wishes.severities[word]
    return "" if known.name == word else f"severity {word} is {known.name}"


def _write(services: _Services, brought: Brought, wishes: Wishes) -> None:
    teams = {service.team for service in services.values()} - wishes.known_teams
    for name, service in services.items():
        entry: Document = {"service": name, "team": service.team}
        for key, items in (("slos", service.slos), ("alerts", service.alerts)):
            if items:
                entry[key] = list(items)
        if service.raw:
            kept = [replace(service.groups[group], rules=tuple(rules)) for group, rules in service.raw.items()]
            prometheus: list[Value] = [group_of(group) for group in kept]
            entry["raw"] = {"prometheus": prometheus}
        brought.files[f"{name}.yaml"] = [entry]
    if teams and services:
        brought.files["teams.yaml"] = nobody(teams)
        brought.notes.append(
            Note("teams.yaml", ", ".join(sorted(teams)), "made up", "say there who is paged: nobody is, until then")
        )


def _place(group: RuleGroup, rule: GroupRule) -> str:
    return f"{group.file}:{rule.line}:{rule.column}"

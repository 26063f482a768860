"""An Alertmanager's configuration as teams, people and escalations; what it says besides is kept raw, without secrets.

Each receiver becomes a team with one escalation to one person, who has the receiver's ways to be reached. Routes by
`team` say which; other routes, inhibitions and quiet times are kept raw and said, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sereno.app.importing.documents import Brought, Document, Note, name_of
from sereno.app.importing.secrets import FOLDER, without_secrets
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import UsageError
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence
from sereno.spec.tree import documents

_EMAIL = re.compile(r"[^@\s,<>{}]+@[^@\s,<>{}]+\.[^@\s,<>{}]+")
_EQUAL = re.compile(r"""\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*["']?([^"'{}~]+?)["']?\s*""")
_PLANNED = re.compile(r"maint|mant|deploy|despliegue", re.IGNORECASE)
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONDAY = date(2024, 1, 1)


@dataclass(slots=True)
class _Reading:
    file: File
    brought: Brought = field(default_factory=Brought)
    teams: dict[str, str] = field(default_factory=dict)

    def note(self, node: Node, what: str, kept: str, why: str = "") -> None:
        line, column = self.file.place(node.start)
        self.brought.notes.append(Note(f"{self.file.shown}:{line}:{column}", what, kept, why))


def bring(name: str, text: str, *, workspace: bool = False) -> Brought:
    """The documents that an Alertmanager file comes to, and a note for everything it says.

    Args:
        name: the file's name, for the notes.
        text: what it holds.
        workspace: whether the spec has a workspace document already: then what is kept raw becomes a text file.

    Raises UsageError, with the place, if it is no Alertmanager file.
    """
    file = File.of(name, text)
    root = _root(file)
    reading = _Reading(file)
    receivers = [item for item in _items(root.get("receivers")) if isinstance(item, Mapping)]
    documents_: list[Document] = []
    for receiver in receivers:
        documents_ += _receiver(reading, receiver, root)
    _routes(reading, root.get("route"), documents_)
    documents_ += _intervals(reading, root)
    for rule in _items(root.get("inhibit_rules")):
        reading.note(rule, "an inhibition", "kept raw", "`sereno build` writes inhibitions of its own")
    for template in _items(root.get("templates")):
        reading.note(template, "templates of notifications", "kept raw", "Sereno words its messages itself")
    if documents_:
        reading.brought.files["alertmanager.yaml"] = documents_
    _raw(reading, root, workspace)
    return reading.brought


def _root(file: File) -> Mapping:
    wrong: list[str] = []

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        line, column = file.place(index)
        wrong.append(f"{file.shown}:{line}:{column}: {message}")

    found = documents(file, complain)
    if wrong:
        raise UsageError(wrong[0])
    root = found[0] if found else None
    if not isinstance(root, Mapping) or not isinstance(root.get("route"), Mapping):
        raise UsageError(f"{file.shown}:1:1: this is no Alertmanager file", hint="it has `route` and `receivers`")
    names = {_text(item.get("name")) for item in _items(root.get("receivers")) if isinstance(item, Mapping)}
    for route in _all_routes(root.get("route")):
        wanted = route.get("receiver")
        if isinstance(wanted, Scalar) and wanted.value not in names:
            line, column = file.place(wanted.start)
            raise UsageError(f"{file.shown}:{line}:{column}: there is no receiver {wanted.value!r}")
    return root


def _receiver(reading: _Reading, node: Mapping, root: Mapping) -> list[Document]:
    written = _text(node.get("name"))
    name = name_of(written, "receiver")
    while name in reading.teams.values():
        name = f"{name[:60]}-2"
    reading.teams[written] = name
    contacts: list[Value] = []
    for key, value in node.entries:
        if key.value.endswith("_configs"):
            kind = key.value.removesuffix("_configs")
            for config in _items(value):
                contacts += _contacts(reading, kind, config, name)
    if not contacts:
        contacts = [{"terminal": True}]
        reading.note(node, f"the receiver {written}", f"the team {name}", "nobody can be reached so: a terminal")
    else:
        reading.note(node, f"the receiver {written}", f"the team {name}")
    person: Document = {"person": name, "title": written or name, "contacts": contacts}
    return [
        {"team": name, "title": written or name, "escalation": name},
        {"escalation": name, "steps": [{"page": [name]}]},
        person,
    ]


def _contacts(reading: _Reading, kind: str, config: Node, name: str) -> list[Value]:
    variable = re.sub(r"[^A-Z0-9]+", "_", f"{kind}_{name}".upper())
    if kind == "email":
        written = _text(config.get("to")) if isinstance(config, Mapping) else ""
        addresses = [part.strip() for part in written.split(",")]
        good = [address for address in addresses if _EMAIL.fullmatch(address)]
        for address in addresses:
            if address not in good:
                reading.note(config, f"the address {address[:60]!r}", "kept raw", "it is no plain e-mail address")
        return [{"email": address} for address in good]
    if kind in ("slack", "webhook"):
        reading.note(config, f"a {kind}'s address", f"env:{variable}", "it may be a secret: put it in the environment")
        return [{kind: f"env:{variable}"}]
    reading.note(config, f"{kind} of the receiver", "kept raw", "Sereno has no such channel")
    return []


def _routes(reading: _Reading, root: Node | None, made: list[Document]) -> None:
    """What each route says; one by `team` alone names the team after it."""
    for route in _all_routes(root):
        receiver = _text(route.get("receiver"))
        matchers = list(_matchers(route))
        if route is root:
            reading.note(route, "the first route", "kept raw", f"what no other is for goes to {receiver or 'nobody'}")
            continue
        team = dict(matchers).get("team")
        if team and len(matchers) == 1 and receiver in reading.teams and not _routes_below(route):
            name = name_of(team)
            if name not in reading.teams.values():
                made.append({"team": name, "title": team, "escalation": reading.teams[receiver]})
                reading.teams[f"team={team}"] = name
            reading.note(route, f"the route of team {team}", f"the team {name}", f"paged as {receiver}")
        elif "service" in dict(matchers) and receiver in reading.teams:
            service = dict(matchers)["service"]
            reading.note(route, f"the route of service {service}", "kept raw",
                         f"write `team: {reading.teams[receiver]}` in the service {service}")  # fmt: skip
        else:
            reading.note(
                route, f"a route to {receiver or 'the one above'}", "kept raw", "the spec routes by service and team"
            )


def _matchers(route: Mapping) -> Iterator[tuple[str, str]]:
    """The equalities that a route asks for; of anything else something that equals nothing."""
    for key in ("match", "match_re"):
        found = route.get(key)
        for label, value in found.entries if isinstance(found, Mapping) else ():
            yield (label.value, _text(value)) if key == "match" else (f"~{label.value}", _text(value))
    written = route.get("matchers")
    for item in _items(written) if isinstance(written, Sequence) else ():
        equal = _EQUAL.fullmatch(_text(item))
        yield (equal[1], equal[2]) if equal else ("~", _text(item))


def _intervals(reading: _Reading, root: Mapping) -> list[Document]:
    """Quiet times that are planned work by their name and weekly become maintenance; others are kept raw."""
    found: list[Document] = []
    for key in ("time_intervals", "mute_time_intervals"):
        for item in _items(root.get(key)):
            name = _text(item.get("name")) if isinstance(item, Mapping) else ""
            planned = _weekly(item) if _PLANNED.search(name) else None
            if planned is None:
                reading.note(item, f"the times {name}", "kept raw", "only weekly windows of planned work are read")
                continue
            for number, document in enumerate(planned):
                own = name_of(name) if not number else f"{name_of(name)[:60]}-{number + 1}"
                found.append({"maintenance": own, "title": name, **document})
            reading.note(item, f"the times {name}", "maintenance", "such time is also left out of objectives")
    return found


def _weekly(node: Node) -> list[Document] | None:
    """Weekly windows of one named interval, or None if it is anything else."""
    found: list[Document] = []
    spans = _items(node.get("time_intervals")) if isinstance(node, Mapping) else []
    for span in spans:
        if not isinstance(span, Mapping) or any(
            key.value not in ("times", "weekdays", "location") for key, _ in span.entries
        ):
            return None
        days = _weekdays(_items(span.get("weekdays")))
        times = _items(span.get("times"))
        if days is None or not times:
            return None
        for time in times:
            window = _window(time, days, _text(span.get("location")) or "UTC")
            if window is None:
                return None
            found.append(window)
    return found or None


def _window(node: Node, days: list[int], zone: str) -> Document | None:
    start, end = (_TIME.fullmatch(_text(node.get(key))) if isinstance(node, Mapping) else None
                  for key in ("start_time", "end_time"))  # fmt: skip
    if start is None or end is None:
        return None
    begin, over = (timedelta(hours=int(one[1]), minutes=int(one[2])) for one in (start, end))
    if begin >= over or begin >= timedelta(days=1):
        return None
    first = datetime.combine(_MONDAY, datetime.min.time()) + timedelta(days=min(days)) + begin
    return {
        "start": f"{first:%Y-%m-%dT%H:%M}",
        "duration": format_duration(over - begin),
        "zone": zone,
        "rrule": f"FREQ=WEEKLY;BYDAY={','.join(_SHORT[day] for day in sorted(days))}",
    }


def _weekdays(nodes: list[Node]) -> list[int] | None:
    days: set[int] = set()
    for node in nodes:
        first, _, last = _text(node).lower().partition(":")
        if first not in _DAYS or (last and last not in _DAYS):
            return None
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        if begin > end:
            return None
        days |= set(range(begin, end + 1))
    return sorted(days) if days else list(range(7))


def _raw(reading: _Reading, root: Mapping, workspace: bool) -> None:
    plain, secrets = without_secrets(root)
    assert isinstance(plain, dict)
    for key, place in secrets:
        reading.note(place, f"the secret in {key}", "left out", f"put it in a file below {FOLDER}")
    text = yaml(plain)
    if workspace:
        reading.brought.plain["alertmanager.imported.txt"] = text
    else:
        document: Document = {"workspace": "imported", "raw": {"alertmanager": text.rstrip("\n")}}
        reading.brought.files.setdefault("alertmanager.yaml", []).append(document)


def _all_routes(node: Node | None) -> Iterator[Mapping]:
    if isinstance(node, Mapping):
        yield node
        for below in _routes_below(node):
            yield from _all_routes(below)


def _routes_below(node: Mapping) -> list[Node]:
    return _items(node.get("routes"))


def _items(node: Node | None) -> list[Node]:
    return list(node.items) if isinstance(node, Sequence) else []


def _text(node: Node | None) -> str:
    return node.value if isinstance(node, Scalar) and node.kind != "null" else ""

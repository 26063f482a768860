"""Objectives of other dialects join the services of the workspace; what is missing for that is made, and said.

The team of a service that only other dialects name: the one its labels name (`team`, else `owner`), if a document
declares it; else the only team there is; else `unowned`, which pages nobody until a team is declared.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import replace

from sereno.spec.dialects import dialect_of
from sereno.spec.dialects.gathered import Described, Gathered, inside
from sereno.spec.model import Escalation, Service, Spec, Team
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar

NOBODY = "unowned"


def service_names(documents: Iterable[Mapping]) -> list[Scalar]:
    """Where `documents` name services."""
    found: list[Node | None] = []
    for node in documents:
        kind = inside(node, "kind")
        found += [inside(node, "service"), inside(node, "spec", "service")]
        if isinstance(kind, Scalar) and kind.value == "Service":
            found.append(inside(node, "metadata", "name"))
        if dialect_of(node) == "pyrra":
            from sereno.spec.dialects.pyrra import service_of

            found.append(service_of(node))
    return [name for name in found if isinstance(name, Scalar) and name.value and name.kind != "null"]


def join(reading: Reading, spec: Spec, documents: Many[Mapping]) -> Spec:
    """`spec` with the objectives of `documents`, in the order of files."""
    gathered = read_all(reading, documents)
    services = dict(spec.services)
    made: dict[str, list[str]] = {}
    for described in _described(gathered):
        old = services.get(described.name)
        if old is not None:
            title = described.title if old.title in ("", old.name) and described.title else old.title
            services[described.name] = replace(old, description=old.description or described.description, title=title)
            continue
        team = _team(reading, spec, described.team)
        made.setdefault(team, []).append(described.name)
        services[described.name] = Service(
            described.name,
            team,
            described.description,
            described.title or described.name,
            source=reading.source(described.place),
        )
    for promise in gathered.promises:
        services[promise.service] = _promising(reading, services[promise.service], promise.slo, promise.place)
    return _with_nobody(reading, replace(spec, services=services), made, documents)


def read_all(reading: Reading, documents: Many[Mapping]) -> Gathered:
    """What `documents` say, each read by the reader of its dialect."""
    gathered = Gathered()
    openslo = [node for node in documents if dialect_of(node) == "openslo"]
    if openslo:
        from sereno.spec.dialects import openslo_slo

        openslo_slo.read(reading, openslo, gathered)
    for node in documents:
        if dialect_of(node) == "sloth":
            from sereno.spec.dialects import sloth

            sloth.read(reading, node, gathered)
        elif dialect_of(node) == "pyrra":
            from sereno.spec.dialects import pyrra

            pyrra.read(reading, node, gathered)
    return gathered


def _described(gathered: Gathered) -> list[Described]:
    """Every service once: as a document describes it, or as an objective names it."""
    found: dict[str, Described] = {}
    for described in gathered.services:
        found.setdefault(described.name, described)
    for promise in gathered.promises:
        known = found.setdefault(promise.service, Described(promise.service, promise.place, team=promise.team))
        if promise.team and not known.team:
            found[promise.service] = replace(known, team=promise.team)
    return list(found.values())


def _team(reading: Reading, spec: Spec, wanted: str) -> str:
    if wanted in spec.teams:
        team = wanted
    elif len(spec.teams) == 1:
        team = next(iter(spec.teams))
    else:
        return NOBODY
    reading.used["team"].add(team)
    return team


def _promising(reading: Reading, service: Service, slo: object, place: Node) -> Service:
    from sereno.spec.model import Slo

    assert isinstance(slo, Slo)
    first = next((known for known in service.slos if known.name == slo.name), None)
    if first is None:
        reading.objectives.setdefault((service.name, slo.name), slo)
        return replace(service, slos=(*service.slos, slo))
    where = f"{first.source.file}:{first.source.line}" if first.source else "another place"
    reading.complain(
        "SER012",
        place,
        f"the objective `{slo.name}` of `{service.name}` is already declared ({where})",
        expected="a name of its own",
    )
    return service


def _with_nobody(reading: Reading, spec: Spec, made: dict[str, list[str]], documents: Many[Mapping]) -> Spec:
    """`spec` with the team of those services that nobody owns, and what was made said once a team."""
    orphans = made.get(NOBODY)
    if not orphans:
        return spec
    names = ", ".join(f"`{name}`" for name in orphans[:5]) + (" …" if len(orphans) > 5 else "")
    place = next((name for name in service_names(documents) if name.value in orphans), documents[0])
    why = "there is no team" if not spec.teams else "several teams are declared and none is named by its labels"
    reading.complain(
        "SER160",
        place,
        f"nobody is paged for {names}: {why}",
        expected="a native `service:` document with its team, or the label `team`",
    )
    if NOBODY in spec.teams:
        return spec
    return replace(
        spec,
        teams={**spec.teams, NOBODY: Team(NOBODY, NOBODY, "Nobody yet")},
        escalations={**spec.escalations, NOBODY: Escalation(NOBODY, None, ())},
    )

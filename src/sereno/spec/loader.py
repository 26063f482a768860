"""From a folder of YAML to one consistent workspace, or to every mistake in it.

A document's kind is the first of `KINDS` that is one of its keys (a service also has a `team`). The keys of each are
shown at the top of the module that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import UsageError
from sereno.spec import dialects, public
from sereno.spec import workspace as shared
from sereno.spec.expanding import expanded
from sereno.spec.fields import expect
from sereno.spec.files import FILES_MAX, decoded, digest_of, files_in, is_file, page, read, refuse
from sereno.spec.model import Runbook, Service, Spec, StatusPage
from sereno.spec.objectives import compose
from sereno.spec.ports import FileExists, PromqlChecker
from sereno.spec.reading import Reading, nearest
from sereno.spec.source import File, Node, Scalar, Sequence
from sereno.spec.source import Mapping as MappingNode
from sereno.spec.tree import documents
from sereno.spec.values import scalars

READERS: Mapping[str, tuple[str, str]] = {
    "team": ("people:team", "teams"),
    "person": ("people:person", "people"),
    "schedule": ("people:schedule", "schedules"),
    "escalation": ("people:escalation", "escalations"),
    "status_page": ("public:status_page", "status_pages"),
    "policy": ("policies:policy", "policies"),
    "service": ("service:service", "services"),
    "maintenance": ("policies:maintenance", "maintenances"),
    "dashboard": ("dashboards:dashboard", "dashboards"),
    "experiment": ("experiments:experiment", "experiments"),
    "readiness": ("readiness:readiness", "readiness"),
    "flags": ("readiness:flags", "flags"),
}
"""Who reads each kind of document that has a name, and where in the Spec it goes; read in this order."""
KINDS = (
    "dashboard", "experiment", "maintenance", "policy", "template", "service", "team", "escalation", "schedule",
    "person", "status_page", "severities", "workspace", "readiness",
    "flags",
)  # fmt: skip
_LISTS = ("dashboards", "experiments", "services")  # keys, and no kinds
_PLANNED = ("runbook",)
_PIPELINE = ("receivers", "exporters", "processors", "extensions", "connectors", "pipeline", "parsers", "customs")
_FOREIGN = ("apiVersion", "version", "groups", "route", "receivers", "global", "scrape_configs", "rule_files")
_UNUSED = {
    "team": "owns no service",
    "person": "is in no schedule and no escalation",
    "schedule": "is in no escalation",
    "escalation": "is walked by no team",
    "status_page": "is fed by no service",
    "policy": "judges no objective",
    "template": "is extended by nothing",
}

T = TypeVar("T")
Documents = list[tuple[str, MappingNode]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading: the `spec` unless there is an error, every diagnostic, the files that were read, and the
    environments that are declared."""

    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[Path, ...] = ()
    environments: tuple[str, ...] = ()


def load(folder: Path, *, promql: PromqlChecker, environment: str = "") -> Loaded:
    """Read every `*.yaml` and `*.yml` below `folder`, every `*.md` for the runbooks, and other dialects' `*.json`.

    Args:
        folder: the spec's folder; diagnostics show its files as `folder/…`, as an editor would open them.
        promql: knows PromQL.
        environment: one of those that the workspace declares; "" is what holds without any.

    Raises UsageError if `folder` is not a folder; nothing else.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="`sereno init` writes a first spec")
    reading = Reading(promql, lambda name: is_file(folder / name), environment=environment)
    paths = sorted([*files_in(folder, ".yaml", ".yml"), *_foreign_json(folder)])
    files = []
    for path in paths[:FILES_MAX]:
        name = path.relative_to(folder).as_posix()
        content = read(path)
        files.append(decoded(reading, name, str(path), content))
    if len(paths) > FILES_MAX:
        refuse(reading, File.of(".", "", str(folder)), "SER002", f"the folder holds {len(paths)} files")
    pages = (page(folder, path) for path in files_in(folder, ".md")[:FILES_MAX])
    return _load(reading, files, str(folder), tuple(paths), [page for page in pages if page is not None])


def load_text(
    files: Mapping[str, str],
    *,
    promql: PromqlChecker,
    exists: FileExists | None = None,
    folder: str = ".",
    environment: str = "",
) -> Loaded:
    """Read a workspace from texts.

    Args:
        files: text by file name, counted from the folder; those that end in `.md` may be runbooks.
        promql: knows PromQL.
        exists: whether a runbook's file is there; None skips that check.
        folder: what to call the place when there is nothing in it.
        environment: one of those that the workspace declares; "" is what holds without any.
    """
    reading = Reading(promql, exists, environment=environment)
    texts = [name for name in sorted(files) if not name.endswith(".md")]
    ordered = [decoded(reading, name, name, files[name].encode("utf-8", "surrogatepass")) for name in texts]
    return _load(reading, ordered, folder, (), [File.of(name, files[name]) for name in sorted(set(files) - set(texts))])


def _foreign_json(folder: Path) -> list[Path]:
    """The JSON files that hold documents of other dialects; others (dashboards, say) are somebody else's."""
    found = files_in(folder, ".json")[:FILES_MAX]
    marks = tuple(mark.encode() for mark in dialects.MARKS)
    return [path for path in found if isinstance(text := read(path), bytes) and any(mark in text for mark in marks)]


def _load(reading: Reading, files: list[File], folder: str, paths: tuple[Path, ...], pages: list[File]) -> Loaded:
    declared: Documents = []
    for file in files:
        declared += _documents_of(reading, file)
    for kind, node in declared:
        if kind == "template":
            _note_names(reading, kind, node)
    if not declared and not reading.diagnostics():
        reading.complain_at(
            "SER007", files[0] if files else File.of(".", "", folder), 0, 1, "nothing is declared here",
            hint="`sereno init` writes a first spec",
        )  # fmt: skip
    spec = _build(reading, expanded(reading, declared))
    books, read = _runbooks(reading, pages, spec)
    _warn_of_unused(reading, declared)
    found = reading.diagnostics()
    if any(diagnostic.level == "error" for diagnostic in found):
        return Loaded(None, found, paths, reading.environments)
    whole = replace(spec, runbooks=books, digest=digest_of([*files, *read]))
    return Loaded(whole, found, paths, reading.environments)


def _runbooks(reading: Reading, pages: list[File], spec: Spec) -> tuple[dict[str, Runbook], list[File]]:
    """The pages that are runbooks: those that say so at their top, and those that something refers to."""
    if not pages:
        return {}, []
    from sereno.spec import runbooks

    referred = runbooks.referred(spec.services)
    chosen = [page for page in pages if page.name in referred or runbooks.has_front(page)]
    return {page.name: runbooks.runbook_of(reading, page) for page in chosen}, chosen


def _documents_of(reading: Reading, file: File) -> Documents:
    """The documents of `file` that this version reads, each with its kind."""

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        reading.partial = reading.partial or code in ("SER003", "SER005")
        reading.complain_at(code, file, index, length, message, hint=hint)

    found: Documents = []
    for node in documents(file, complain):
        if isinstance(node, Scalar) and (node.kind == "null" or node.broken):
            continue
        first = node.items[0] if isinstance(node, Sequence) and node.items else None
        if foreign := dialects.foreign_documents(node):
            found += [("foreign", document) for document in foreign]
        elif isinstance(first, MappingNode) and first.get("apiVersion"):
            reading.complain("SER011", first, "a list of documents with `apiVersion` is not read yet; it is skipped")
        elif not isinstance(node, MappingNode):
            expect(reading, node, "a document that begins with a key such as `service:`")
        elif kind := _kind(reading, node):
            found.append((kind, node))
    return found


def _kind(reading: Reading, node: MappingNode) -> str | None:
    """What the document is, typing mistakes forgiven (they are reported when it is read)."""
    keys = {key.value: key for key, _ in node.entries}
    if other := _of_others(node):
        reading.complain("SER011", keys[other], f"a document with `{other}` is not read yet; it is skipped")
        return None
    meant = {_meant_kind(key) for key in keys if key not in KINDS}
    if not any(kind in keys for kind in KINDS) or "apiVersion" in keys or _is_sloth(node):
        foreign = next((key for key in (*_FOREIGN, *_PLANNED) if key in keys), None)
        if foreign:
            what = f"a document with `{foreign}`"
            if foreign == "groups":
                hint = "the setting `rule_files` names Prometheus rule files that are to be run"
                reading.complain("SER011", keys[foreign], f"{what} is no part of the spec", hint=hint)
            else:
                reading.complain("SER011", keys[foreign], f"{what} is not read yet; it is skipped")
            return None
    kind = next((kind for kind in KINDS if kind in keys or kind in meant), None)
    if kind is None:
        reading.complain(
            "SER010", node, "this document is of no known kind", expected=f"one of the keys {', '.join(KINDS)}"
        )
    return kind


def _of_others(node: MappingNode) -> str | None:
    """The key by which a document is of a collector, a shipper of logs or Compose, some of which say `service`."""
    keys = {key.value for key, _ in node.entries}
    whole = node.get("service")
    if whole is None or isinstance(whole, MappingNode):
        if {"sources", "sinks"} <= keys:
            return "sources"
        if other := next((key for key in _PIPELINE if key in keys), None):
            return other
    parts = node.get("services")
    if not isinstance(parts, MappingNode):
        return None
    made = any(isinstance(part, MappingNode) and (part.get("image") or part.get("build")) for _, part in parts.entries)
    return "services" if made else None


def _meant_kind(key: str) -> str | None:
    """The kind that a misspelt key means; strictly, since `description` is not far from `escalation`."""
    return None if key in _LISTS else nearest(key, KINDS, likeness=0.75)


def _is_sloth(node: MappingNode) -> bool:
    version = node.get("version")
    return isinstance(version, Scalar) and version.value.startswith("prometheus/")


def _build(reading: Reading, declared: Documents) -> Spec:
    """The workspace; only to be used if there are no errors."""
    scales = [node for kind, node in declared if kind == "severities"]
    for extra in scales[1:]:
        reading.complain_twice(extra, scales[0], "scale of severities")
    for scale in scales:
        reading.severities = public.severities(reading, scale) or reading.severities
    workspaces = [node for kind, node in declared if kind == "workspace"]
    for extra in workspaces[1:]:
        reading.complain_twice(extra, workspaces[0], "workspace")
    foreign = [node for kind, node in declared if kind == "foreign"]
    for kind, node in declared:
        _note_names(reading, kind, node)
    dialects.note_names(reading, foreign)
    found = {field: _read_all(reading, declared, kind, _reader(place)) for kind, (place, field) in READERS.items()}
    services = cast(dict[str, Service], found.pop("services"))
    pages = cast(dict[str, StatusPage], found.pop("status_pages"))
    whole = next((shared.workspace(reading, node) for node in workspaces), shared.Workspace())
    spec = Spec(
        services=services,
        severities=reading.severities,
        status_pages={name: _fed(reading, page) for name, page in pages.items()},
        name=whole.name,
        environment=reading.environment,
        backtest=whole.backtest,
        addresses=whole.addresses,
        targets=whole.targets,
        pipelines=whole.pipelines,
        raw=whole.raw,
        notifications=whole.notifications,
        blackbox=whole.blackbox,
        **cast(dict[str, Any], found),
    )
    joined = dialects.joined(reading, spec, foreign)
    return replace(joined, services=compose(reading, joined.services))


def _reader(place: str) -> Callable[[Reading, Node], object]:
    """The function at `module:name` of this room, imported when a document needs it."""

    def read(reading: Reading, node: Node) -> object:
        module, _, name = place.partition(":")
        return getattr(import_module(f"sereno.spec.{module}"), name)(reading, node)

    return read


def _note_names(reading: Reading, kind: str, node: MappingNode) -> None:
    """Names are known before anything refers to them, whatever the order of files."""
    if kind in ("severities", "workspace", "foreign"):
        return
    name = node.get(kind) or next((value for key, value in node.entries if _meant_kind(key.value) == kind), None)
    if not isinstance(name, Scalar) or name.kind in ("null", "boolean") or not reading.declare(kind, name):
        return
    if kind == "schedule":
        reading.roles[name.value] = tuple(item.value for item in scalars(node.get("roles"))) or ("primary",)
    if kind == "status_page":
        components = public.component_names(node.get("components"))
        reading.components[name.value] = tuple(component.value.strip() for component in components)


def _read_all(reading: Reading, declared: Documents, kind: str, read: Callable[[Reading, Node], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for document_kind, node in declared:
        if document_kind == kind:
            thing = read(reading, node)
            found.setdefault(str(getattr(thing, "name", "")), thing)
    return found


def _fed(reading: Reading, page: StatusPage) -> StatusPage:
    components = (
        replace(component, services=tuple(reading.fed.get((page.name, component.name), ())))
        for component in page.components
    )
    return replace(page, components=tuple(components))


def _warn_of_unused(reading: Reading, declared: Documents) -> None:
    if reading.partial:
        return
    for kind, why in _UNUSED.items():
        for name, place in reading.names[kind].items():
            if name not in reading.used[kind]:
                reading.complain("SER090", place, f"the {kind.replace('_', ' ')} `{name}` {why}")
    for kind, node in declared:
        name_node = node.get("status_page") if kind == "status_page" else None
        if isinstance(name_node, Scalar) and name_node.value in reading.used["status_page"]:
            for component in public.component_names(node.get("components")):
                if (name_node.value, component.value.strip()) not in reading.fed:
                    message = f"no service feeds the component `{component.value}`"
                    reading.complain("SER091", component, message, hint="its state will be shown as unknown")
    if declared and not reading.names["service"]:
        reading.complain("SER093", declared[0][1], "the spec declares no service")

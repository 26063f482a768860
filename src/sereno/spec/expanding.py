"""Fills in what documents take from elsewhere: environments, templates, defaults, variables.

```yaml
workspace: shop
variables: {target: 99.9%}
environments:
  production: {}
  staging:                      # `--environment staging`, or SERENO_ENVIRONMENT
    title: Where we try things  # optional
    variables: {target: 99%}
    override:                   # keys of documents that are different here; null takes a key away
      - service: api
        slos: [{name: latency, window: 7d}]
defaults:                       # what is not said otherwise
  services: {team: shop}
  slos: {window: 30d, policy: standard}
  alerts: {severity: P2}
---
template: fast                  # of objectives (`slo`), services (`service`) or alerts (`alert`)
description: …                  # optional
extends: base                   # optional: another template of that kind, or a list
variables: {within: {type: duration, default: 500ms}}   # besides those of the workspace
slo:
  objective: 95%
  sli: {http: {within: '${within}'}}
---
service: api
slos:
  - {name: latency, extends: fast}
  - {name: checkout, extends: {template: fast, with: {within: 1s}}, objective: 99%}
```

What a document says itself wins over what it extends, the later template over the earlier, and all of them over the
defaults. Mappings are joined key by key, lists of named things (objectives, alerts, jobs) by name; other lists are
replaced. `${service}`, `${team}`, `${environment}` and `${workspace}` stand for what is being read.
"""

from __future__ import annotations

from collections.abc import Mapping as Mapped
from dataclasses import dataclass, replace

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.merging import merged, without
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence
from sereno.spec.variables import BUILT_IN, Scope, Variable, declared, overridden, substitute

Documents = list[tuple[str, Mapping]]

_OF = ("service", "slo", "alert")
_WITHIN = {"slos": "slo", "alerts": "alert"}
_PLURAL = {"service": "services", "slo": "slos", "alert": "alerts"}
_LENIENT = ("dashboard",)  # Grafana has variables of its own that are written the same way
_EXTENDED_MAX = 20_000
_CHAIN_MAX = 20
_NODES_MAX = 1_000_000
"""How many values templates, defaults and environments may come to, all together."""
_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class Template:
    """Something that others extend: of which kind, its text, what it extends itself, and its own variables."""

    name: Scalar
    of: str
    body: Mapping
    extends: Node | None
    variables: Mapped[str, Variable]


def expanded(reading: Reading, documents: Documents) -> Documents:
    """The documents as they are in the chosen environment, with nothing left to fill in, and without templates."""
    environment = reading.environment
    workspace = next((node for kind, node in documents if kind == "workspace"), None)
    simple = workspace is None or not any(workspace.get(key) for key in ("variables", "environments", "defaults"))
    files = {id(node.file): node.file.text for _, node in documents}
    simple = simple and not environment and not any(kind == "template" for kind, _ in documents)
    if simple and not any("${" in text or "extends" in text for text in files.values()):
        return documents
    return _Expansion(reading, documents, workspace, environment).documents()


class _Expansion:
    """One expansion of all documents."""

    def __init__(self, reading: Reading, documents: Documents, workspace: Mapping | None, environment: str) -> None:
        self._reading = reading
        self._documents = documents
        self._templates: dict[str, Template] = {}
        self._made = self._nodes = 0
        self._sizes: dict[int, tuple[Node, int]] = {}
        self._known: dict[str, Mapping] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._defaults: dict[str, Mapping] = {}
        self._overrides: dict[tuple[str, str], Mapping] = {}
        known: dict[str, Variable] = {}
        if workspace is not None:
            known = self._declared(workspace)
            known = self._environments(workspace.get("environments"), known, environment)
            self._read_defaults(workspace.get("defaults"))
            name = workspace.get("workspace")
            known["workspace"] = _stands("workspace", name.value if isinstance(name, Scalar) else None, workspace)
            known["environment"] = _stands("environment", environment or None, workspace)
        if environment and (workspace is None or workspace.get("environments") is None):
            self._complain_of_environment(workspace, environment, [])
        self._scope = Scope(known)

    def documents(self) -> Documents:
        """The documents, but for templates."""
        for kind, node in self._documents:
            if kind == "template":
                self._read_template(node)
        return [(kind, self._document(kind, node)) for kind, node in self._documents if kind != "template"]

    # The workspace ---------------------------------------------------------------------------------------------

    def _declared(self, workspace: Mapping) -> dict[str, Variable]:
        node = workspace.get("variables")
        return {} if node is None or _empty(node) else declared(self._reading, node)

    def _environments(self, node: Node | None, known: dict[str, Variable], chosen: str) -> dict[str, Variable]:
        if node is None or _empty(node):
            return known
        if not isinstance(node, Mapping):
            expect(self._reading, node, "a mapping of environments, such as {staging: {variables: {…}}}")
            return known
        names = [key.value for key, _ in node.entries]
        self._reading.environments = tuple(names)
        found = known
        for key, value in node.entries:
            values.name(self._reading, key)
            there = self._environment(value, known, chosen=key.value == chosen)
            found = there if key.value == chosen else found
        if chosen and chosen not in names:
            self._complain_of_environment(node, chosen, names)
        return dict(found)

    def _environment(self, node: Node, known: dict[str, Variable], *, chosen: bool) -> dict[str, Variable]:
        if _empty(node):
            return known
        fields = Fields(self._reading, node, "an environment", optional=("title", "variables", "override"))
        fields.read("title", values.text)
        given, override = fields.value("variables"), fields.value("override")
        if override is not None and not _empty(override):
            self._read_overrides(override, chosen=chosen)
        return known if given is None or _empty(given) else overridden(self._reading, known, given)

    def _read_overrides(self, node: Node, *, chosen: bool) -> None:
        if not isinstance(node, Sequence):
            expect(self._reading, node, "a list of documents, each with the keys that are different")
            return
        there = {(kind, _name_of(kind, document)) for kind, document in self._documents}
        kinds = [kind for kind in (*self._reading.names, "severities", "workspace") if kind != "template"]
        for item in node.items:
            if not isinstance(item, Mapping):
                expect(self._reading, item, "a document with the keys that are different, such as {service: api, …}")
                continue
            kind = next((kind for kind in kinds if item.get(kind) is not None), None)
            name = _name_of(kind, item) if kind else ""
            if kind is None or (kind, name) not in there:
                place = (item.get(kind) if kind else None) or item
                what = f"the {kind} `{name[:80]}`" if kind else "such a document"
                near = self._reading.closest(name, (known for of, known in there if of == kind))
                self._reading.complain(
                    "SER134", place, f"there is nothing to override: {what} is not declared", hint=near,
                    expected="the kind and the name of a document",
                )  # fmt: skip
            elif chosen:
                earlier = self._overrides.get((kind, name))
                self._overrides[kind, name] = self._merged(earlier, item) if earlier else item

    def _complain_of_environment(self, node: Node | None, chosen: str, names: list[str]) -> None:
        self._reading.complain(
            "SER130",
            node or self._documents[0][1],
            f"there is no environment `{chosen[:80]}`",
            expected=f"one of {', '.join(names[:_SHOWN_MAX])}" if names else "the key `environments` in the workspace",
            hint=self._reading.closest(chosen, names),
        )

    def _read_defaults(self, node: Node | None) -> None:
        if node is None or _empty(node):
            return
        fields = Fields(self._reading, node, "the defaults", optional=("services", "slos", "alerts"))
        for of, key in _PLURAL.items():
            value = fields.value(key)
            if isinstance(value, Mapping):
                self._defaults[of] = value
            elif value is not None:
                expect(self._reading, value, "a mapping of keys, such as {window: 30d}")

    # Templates -------------------------------------------------------------------------------------------------

    def _read_template(self, node: Mapping) -> None:
        fields = Fields(
            self._reading,
            node,
            "a template",
            required=("template",),
            optional=("description", "extends", "variables", "service", "slo", "alert"),
        )
        fields.read("description", values.text)
        name = fields.value("template")
        of = fields.exactly_one("service", "slo", "alert")
        body = fields.value(of) if of else None
        if body is not None and not isinstance(body, Mapping):
            expect(self._reading, body, "a mapping of keys")
            return
        if of is None or body is None or fields.read("template", values.name) is None or not isinstance(name, Scalar):
            return
        own = fields.value("variables")
        known = declared(self._reading, own) if own is not None and not _empty(own) else {}
        if name.value not in self._templates:
            self._templates[name.value] = Template(name, of, body, fields.value("extends"), known)

    def _extended(self, node: Mapping, of: str, chain: tuple[str, ...] = ()) -> Mapping:
        """`node` over the templates that it names in `extends`."""
        named = node.get("extends")
        if named is None:
            return node
        own = without(node, "extends")
        if not self._may_make(named, 1):
            return own
        base: Mapping | None = None
        for one in named.items if isinstance(named, Sequence) else (named,):
            found = self._template(one, of, chain)
            base = self._merged(base, found) if base is not None and found is not None else base or found
        return own if base is None else self._merged(base, own)

    def _template(self, node: Node, of: str, chain: tuple[str, ...]) -> Mapping | None:
        """The text of the template that `node` names, over what that extends, with its variables put in."""
        name, given = self._named(node)
        if name is None:
            return None
        template = self._templates.get(name.value)
        if template is None or template.of != of:
            known = self._templates_of(of)
            what = f"is a template of a {template.of}, not of a {of}" if template else "is no template"
            shown = f"one of {', '.join(known[:_SHOWN_MAX])}"[:200]
            if not self._reading.partial:
                self._reading.complain(
                    "SER132",
                    name,
                    f"`{name.value[:80]}` {what}",
                    expected=shown if known else f"a document `template` with `{of}`",
                    hint=self._reading.closest(name.value, known),
                )
            return None
        self._reading.used["template"].add(name.value)
        if name.value in chain:
            circle = " → ".join((*chain[chain.index(name.value) :], name.value))
            self._reading.complain("SER133", name, f"templates extend one another in a circle: {circle}")
            return None
        if given is None and name.value in self._known:
            return self._known[name.value]
        if len(chain) >= _CHAIN_MAX:
            self._reading.complain("SER133", name, f"more than {_CHAIN_MAX} templates extend one another")
            return None
        body = template.body
        if template.extends is not None:
            body = replace(
                body, entries=((_extends(template.extends), template.extends), *without(body, "extends").entries)
            )
        found = self._extended(body, of, (*chain, name.value))
        scope = dict(template.variables)
        if given is not None:
            scope = overridden(self._reading, scope, given)
        inner = Scope(scope, lenient=True, spent=self._scope.spent)
        put = substitute(self._reading, found, inner) if scope and self._spend(found) else found
        assert isinstance(put, Mapping)
        if given is None:
            self._known[name.value] = put
        return put

    def _templates_of(self, of: str) -> tuple[str, ...]:
        """The names of the templates of that kind, in order."""
        if of not in self._names:
            self._names[of] = tuple(sorted(one for one, found in self._templates.items() if found.of == of))
        return self._names[of]

    def _named(self, node: Node) -> tuple[Scalar | None, Node | None]:
        """The name of a template, and the values of its variables."""
        if isinstance(node, Mapping):
            fields = Fields(self._reading, node, "an extension", required=("template",), optional=("with",))
            name = fields.value("template")
            return (name if isinstance(name, Scalar) else None), fields.value("with")
        if not isinstance(node, Scalar) or node.kind in ("null", "boolean"):
            expect(self._reading, node, "the name of a template")
            return None, None
        return node, None

    # Documents -------------------------------------------------------------------------------------------------

    def _document(self, kind: str, node: Mapping) -> Mapping:
        if kind == "foreign":
            return node
        override = self._overrides.get((kind, _name_of(kind, node)))
        if override is not None:
            node = self._merged(node, override)
        if kind == "workspace":
            return self._put(node, self._scope, skip=("variables", "environments", "defaults"))
        if kind == "service":
            return self._service(node)
        return self._put(node, Scope(self._scope.known, lenient=kind in _LENIENT, spent=self._scope.spent))

    def _service(self, node: Mapping) -> Mapping:
        node = self._extended(node, "service")
        if "service" in self._defaults:
            node = self._merged(self._defaults["service"], node)
        entries = tuple(
            (key, self._listed(value, _WITHIN[key.value]) if key.value in _WITHIN else value)
            for key, value in node.entries
        )
        node = replace(node, entries=entries)
        known = {}
        for key in ("service", "team"):
            name = node.get(key)
            named = substitute(self._reading, name, self._scope) if name is not None else None
            written = named.value.strip() if isinstance(named, Scalar) and not named.broken else None
            known[key] = _stands(key, written, node)
        return self._put(node, self._scope.and_also(known))

    def _may_make(self, node: Node, number: int) -> bool:
        """Whether so many more things may be put together; templates of templates could ask for any number."""
        before, self._made = self._made, self._made + number
        if before <= _EXTENDED_MAX < self._made:
            self._reading.complain("SER137", node, f"templates make more than {_EXTENDED_MAX:,} things")
        return self._made <= _EXTENDED_MAX

    def _merged(self, base: Mapping, over: Mapping) -> Mapping:
        """`over`, and what only `base` says, as long as all that is put together stays within bounds."""
        return merged(base, over) if self._spend(base) and self._spend(over) else over

    def _spend(self, node: Node) -> bool:
        """Whether there is room for `node` in what templates and defaults may come to."""
        if self._nodes > _NODES_MAX:
            return False
        self._nodes += self._size(node)
        if self._nodes > _NODES_MAX:
            self._reading.complain("SER137", node, f"templates and defaults come to more than {_NODES_MAX:,} values")
        return self._nodes <= _NODES_MAX

    def _size(self, node: Node) -> int:
        """How many values there are in `node`; what several share is counted in each, and looked at once."""
        if isinstance(node, Scalar):
            return 1
        known = self._sizes.get(id(node))
        if known is None:
            inner = node.items if isinstance(node, Sequence) else (value for _, value in node.entries)
            known = self._sizes[id(node)] = (node, 1 + sum(map(self._size, inner)))
        return known[1]

    def _listed(self, node: Node, of: str) -> Node:
        if not isinstance(node, Sequence) or not self._may_make(node, len(node.items)):
            return node
        return replace(node, items=tuple(self._item(item, of) for item in node.items))

    def _item(self, node: Node, of: str) -> Node:
        if not isinstance(node, Mapping):
            return node
        found = self._extended(node, of)
        if of not in self._defaults:
            return found
        base = self._defaults[of]
        return self._merged(without(base, "objective") if of == "slo" and _promises(found) else base, found)

    def _put(self, node: Mapping, scope: Scope, skip: tuple[str, ...] = ()) -> Mapping:
        entries = tuple(
            (key, value if key.value in skip else substitute(self._reading, value, scope))
            for key, value in node.entries
        )
        return replace(node, entries=entries)


def _promises(slo: Mapping) -> bool:
    """Whether an objective is several percentiles, each of which brings its own target."""
    sli = slo.get("sli")
    ways = sli.entries if isinstance(sli, Mapping) else ()
    return any(isinstance(way, Mapping) and way.get("promises") is not None for _, way in ways)


def _extends(place: Node) -> Scalar:
    """The key `extends`, as if it stood inside what the template gives."""
    return Scalar(place.file, place.start, place.start, "extends")


def _stands(name: str, value: str | None, place: Node) -> Variable:
    assert name in BUILT_IN
    return Variable(name, "string", value, place)


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind == "null"


def _name_of(kind: str | None, node: Mapping) -> str:
    if kind in (None, "severities"):
        return ""
    name = node.get(kind or "")
    return name.value.strip() if isinstance(name, Scalar) else ""

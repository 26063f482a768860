"""Reads Prometheus's rule files: what is wrong is reported with its place, and the other rules are read all the same.

```yaml
groups:
  - name: checkout
    interval: 30s            # the evaluator's default if left out
    limit: 100               # the most series or alerts that a rule may give; 0 is any number
    query_offset: 30s
    labels: {team: payments} # put on every rule's own
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
      - alert: TooManyErrors
        expr: job:errors:rate5m > 1
        for: 5m
        keep_firing_for: 10m
        labels: {severity: critical}
        annotations: {summary: '{{ $labels.job }} fails {{ $value | humanize }} times a second'}
```

PrometheusRule manifests, Lists of them and several documents in one file are read as they are. The checks are those
of Prometheus's model/rulefmt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.kernel.template import TemplateError, check
from sereno.spec.fields import Fields, expect
from sereno.spec.ports import PromqlChecker
from sereno.spec.reading import Reading
from sereno.spec.rule_groups import GroupRule, RuleGroup
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence, locate
from sereno.spec.tree import documents
from sereno.spec.values import duration

RULE_FILE_BYTES_MAX = 10_000_000
_NODES_MAX = 1_000_000
_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What one file holds: the groups with the rules that can be run, and everything that is wrong."""

    groups: tuple[RuleGroup, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def good(self) -> bool:
        """Whether Prometheus would take the file."""
        return not any(found.level == "error" for found in self.diagnostics)


def read_rules(
    name: str, content: str | bytes, *, promql: PromqlChecker, dialect: Literal[2, 3] = 3, strict: bool = True
) -> RuleFile:
    """The rule groups in `content`; never raises.

    Args:
        name: the file's name, for keys of groups and for messages.
        content: the text; bytes are taken as UTF-8.
        promql: knows PromQL.
        dialect: Prometheus's major version: 2 refuses names of labels and series that only UTF-8 allows.
        strict: whether keys that mean nothing are mistakes.
    """
    reading = Reading(promql, overlooks=not strict)
    file = _decoded(reading, name, content)
    reader = _Reader(reading, dialect)

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        reading.complain_at(code, file, index, length, message, hint=hint)

    groups = [
        group
        for document in documents(file, complain, nodes_max=_NODES_MAX)
        for group in reader.document(document)
    ]  # fmt: skip
    return RuleFile(tuple(groups), reading.diagnostics())


def _decoded(reading: Reading, name: str, content: str | bytes) -> File:
    if len(content) > RULE_FILE_BYTES_MAX:
        file = File.of(name, "")
        reading.complain_at("SER002", file, 0, 1, f"the file is larger than {RULE_FILE_BYTES_MAX // 1_000_000} MB")
        return file
    if isinstance(content, str):
        return File.of(name, content)
    try:
        return File.of(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        file = File.of(name, content.decode("utf-8-sig", "replace"))
        before = len(content[: error.start].decode("utf-8-sig", "replace"))
        reading.complain_at("SER001", file, before, 1, f"byte 0x{content[error.start]:02X} is not UTF-8")
        return File.of(name, "")


def groups_of(reading: Reading, node: Node) -> tuple[RuleGroup, ...] | None:
    """A list of rule groups that stands in another document; the rules that cannot be run are reported."""
    if not isinstance(node, Sequence):
        expect(reading, node, "a list of rule groups")
        return None
    reader = _Reader(reading, 3)
    return tuple(group for item in node.items if (group := reader.group(item)) is not None)


class _Reader:
    """Reads the documents of one file."""

    def __init__(self, reading: Reading, dialect: Literal[2, 3]) -> None:
        self._reading, self._legacy = reading, dialect == 2
        self._names: dict[str, Scalar] = {}
        self._rules: dict[tuple[str, str, Labels], Node] = {}

    def document(self, node: Node) -> list[RuleGroup]:
        """The groups of one document, or of each of a List's items."""
        if isinstance(node, Scalar) and (node.kind == "null" or node.broken):
            return []
        if not isinstance(node, Mapping):
            expect(self._reading, node, "`groups:` and a list of rule groups")
            return []
        kind = node.get("kind")
        items = node.get("items")
        if isinstance(kind, Scalar) and kind.value.endswith("List") and isinstance(items, Sequence):
            return [group for item in items.items for group in self.document(item)]
        if node.get("apiVersion") is not None:
            return self._manifest(node, kind)
        if not node.entries:
            return []
        if node.get("groups") is None and not any(key.value == "groups" for key, _ in node.entries):
            key = node.entries[0][0]
            self._reading.complain("SER100", key, "this is no rule file", expected="the key `groups`")
            return []
        return self._groups(Fields(self._reading, node, "a rule file", required=("groups",)))

    def _manifest(self, node: Mapping, kind: Node | None) -> list[RuleGroup]:
        spec = node.get("spec")
        if not isinstance(kind, Scalar) or kind.value != "PrometheusRule" or not isinstance(spec, Mapping):
            self._reading.complain(
                "SER100", kind or node, "this manifest holds no rules", expected="`kind: PrometheusRule` and its `spec`"
            )
            return []
        return self._groups(Fields(self._reading, spec, "a PrometheusRule's spec", required=("groups",)))

    def _groups(self, fields: Fields) -> list[RuleGroup]:
        node = fields.value("groups")
        if node is None or (isinstance(node, Scalar) and node.kind == "null"):
            return []
        if not isinstance(node, Sequence):
            expect(self._reading, node, "a list of rule groups")
            return []
        return [group for item in node.items if (group := self.group(item)) is not None]

    def group(self, node: Node) -> RuleGroup | None:
        """One group, or None, with a report, if it has no name of its own."""
        fields = Fields(
            self._reading, node, "a rule group", required=("name",),
            optional=("rules", "interval", "limit", "query_offset", "labels", "partial_response_strategy"),
        )  # fmt: skip
        name = fields.value("name")
        if not isinstance(node, Mapping) or name is None:
            return None
        if not isinstance(name, Scalar) or not name.value:
            self._reading.complain("SER023", name, "a group's name must not be empty", expected="a name of its own")
            return None
        if name.value in self._names:
            self._reading.complain_twice(name, self._names[name.value], f"group `{name.value}`")
            return None
        self._names[name.value] = name
        labels = self._texts(fields, "labels", labels=True)
        rules = fields.value("rules")
        items: tuple[Node, ...] = ()
        if isinstance(rules, Sequence):
            items = rules.items
        elif rules is not None and not (isinstance(rules, Scalar) and rules.kind == "null"):
            expect(self._reading, rules, "a list of rules")
        interval = fields.read("interval", duration)
        return RuleGroup(
            name=name.value,
            rules=tuple(rule for item in items if (rule := self._rule(item, labels)) is not None),
            file=name.file.name,
            interval=interval or None,
            query_offset=fields.read("query_offset", duration) or timedelta(0),
            limit=fields.read("limit", _whole) or 0,
            labels=labels,
        )

    def _rule(self, node: Node, group_labels: Labels) -> GroupRule | None:
        """The rule, or None, with a report, if it cannot be run."""
        mistakes = self._errors()
        fields = Fields(
            self._reading, node, "a rule", required=("expr",),
            optional=("alert", "record", "for", "keep_firing_for", "labels", "annotations"),
        )  # fmt: skip
        kind = fields.exactly_one("alert", "record")
        if not isinstance(node, Mapping) or kind is None:
            return None
        name = _raw(fields.value(kind))
        labels = self._texts(fields, "labels", labels=True)
        annotations = self._texts(fields, "annotations")
        if not name:
            self._reading.complain("SER023", fields.value(kind) or node, f"`{kind}` has no value", expected="a name")
        expr = self._expression(fields)
        if kind == "record":
            self._recording(fields, name)
        else:
            self._templates(fields)
        found = GroupRule(
            kind="alert" if kind == "alert" else "record",
            name=name,
            expr=expr,
            for_=fields.read("for", duration) or timedelta(0),
            keep_firing_for=fields.read("keep_firing_for", duration) or timedelta(0),
            labels=group_labels.merged(labels),
            annotations=annotations,
            line=node.file.place(node.start)[0],
            column=node.file.place(node.start)[1],
        )
        if self._errors() > mistakes:
            return None
        self._note(found, node)
        return found

    def _errors(self) -> int:
        return self._reading.mistakes

    def _note(self, rule: GroupRule, node: Node) -> None:
        key = (rule.kind, rule.name, rule.labels)
        first = self._rules.setdefault(key, node)
        if first is not node:
            line, _ = first.file.place(first.start)
            what = "alert" if rule.kind == "alert" else "recording rule"
            message = f"the {what} `{rule.name}` with the same labels is already given on line {line}"
            self._reading.complain("SER104", node, message, hint="give one of them another name or label")

    def _expression(self, fields: Fields) -> str:
        node = fields.value("expr")
        if node is None:
            return ""
        if not isinstance(node, Scalar):
            expect(self._reading, node, "an expression in PromQL")
            return ""
        if node.kind == "null" or not node.value.strip():
            self._reading.complain("SER023", node, "`expr` has no value", expected="an expression in PromQL")
            return ""
        try:
            self._reading.promql.check(node.value)
        except QueryError as error:
            code = "SER064" if isinstance(error, UnsupportedQuery) else "SER060"
            index = locate(node, error.position or 0)
            self._reading.complain_at(code, node.file, index, 1, error.message, hint=error.hint)
        return node.value

    def _recording(self, fields: Fields, name: str) -> None:
        place = fields.value("record")
        if (
            place is not None
            and name
            and (set(name) & set("{}") or (self._legacy and not _LEGACY_METRIC.fullmatch(name)))
        ):
            self._reading.complain(
                "SER101", place, f"`{name[:80]}` cannot be the name of a series",
                expected="such as job:errors:rate5m", hint="an expression belongs into `expr`",
            )  # fmt: skip
        for key in ("for", "keep_firing_for", "annotations"):
            if (word := fields.key(key)) is not None:
                self._reading.complain("SER102", word, f"`{key}` is not for a recording rule", hint="remove it")

    def _templates(self, fields: Fields) -> None:
        for key in ("labels", "annotations"):
            node = fields.value(key)
            for _, value in node.entries if isinstance(node, Mapping) else ():
                if not isinstance(value, Scalar):
                    continue
                try:
                    check(value.value)
                except TemplateError as error:
                    index = locate(value, error.position)
                    self._reading.complain_at("SER103", value.file, index, 1, error.message)

    def _texts(self, fields: Fields, key: str, *, labels: bool = False) -> Labels:
        """Names and texts, as they are written; of names Prometheus's rules."""
        node = fields.value(key)
        if node is None or (isinstance(node, Scalar) and node.kind == "null"):
            return Labels()
        if not isinstance(node, Mapping):
            expect(self._reading, node, f"a mapping of {key}")
            return Labels()
        for name, value in node.entries:
            legal = bool(_LEGACY_LABEL.fullmatch(name.value)) if self._legacy else bool(name.value)
            if not legal or (labels and name.value == "__name__"):
                self._reading.complain("SER039", name, f"`{name.value[:80]}` cannot be a name here")
            if not isinstance(value, Scalar):
                expect(self._reading, value, "text")
        return Labels((name.value, _raw(value)) for name, value in node.entries)


def _raw(node: Node | None) -> str:
    """A scalar's text as it is written, nothing being empty."""
    return node.value if isinstance(node, Scalar) and node.kind != "null" else ""


def _whole(reading: Reading, node: Node) -> int | None:
    if isinstance(node, Scalar) and node.value.isdecimal() and len(node.value) < 10:
        return int(node.value)
    expect(reading, node, "a whole number, 0 for no limit")
    return None

"""A template computed, within bounds of time and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from sereno.kernel.template_format import Value, kind_of, show
from sereno.kernel.template_functions import PLAIN, ExecutionError, Sample, truth
from sereno.kernel.template_tree import (
    Action,
    Branch,
    Chain,
    Command,
    Constant,
    Dot,
    Function,
    Jump,
    Node,
    Operand,
    Pipeline,
    Text,
)

STEPS_MAX = 50_000
OUTPUT_MAX = 64_000
QUERIES_MAX = 100
HELD_MAX = 4_000_000
"""Characters and elements that functions may be given and give, all calls together: what doubles itself ends soon."""
SEARCHED_MAX = 50_000
"""Characters in which regular expressions look, all calls together."""


class Regexes(Protocol):
    """Regular expressions that end in time; the kernel knows none."""

    def match(self, pattern: str, text: str) -> bool:
        """Whether `pattern` matches somewhere in `text`. Raises ValueError for what is no pattern."""
        ...

    def replace_all(self, pattern: str, replacement: str, text: str) -> str:
        """Every match replaced, with $1 and ${name}. Raises ValueError for what is no pattern."""
        ...


Query = Callable[[str, int], Sequence[tuple[Mapping[str, str], float]]]
"""What an expression gives at an instant (in ms): pairs of labels and value."""


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """What a template knows beside the alert's labels and value.

    `name` is the alert's, for messages; `at_ms` the instant of the evaluation; without `query` or `regexes` the
    functions that need them fail.
    """

    name: str = ""
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    at_ms: int = 0
    query: Query | None = None
    regexes: Regexes | None = None


class _Jumped(Exception):
    """break or continue, on its way to the range."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def run(nodes: Sequence[Node], labels: Mapping[str, str], value: Value, context: TemplateContext) -> str:
    """The text that the template gives. Raises ExecutionError."""
    root = {
        "Labels": labels, "ExternalLabels": context.external_labels, "ExternalURL": context.external_url,
        "Value": value,
    }  # fmt: skip
    machine = _Machine(root, context)
    machine.nodes(nodes, root)
    return "".join(machine.parts)


class _Machine:
    """Walks a tree."""

    def __init__(self, root: dict[str, Value], context: TemplateContext) -> None:
        self.root, self.context = root, context
        self.variables: list[tuple[str, Value]] = [
            ("$", root), ("$labels", root["Labels"]), ("$externalLabels", root["ExternalLabels"]),
            ("$externalURL", root["ExternalURL"]), ("$value", root["Value"]),
        ]  # fmt: skip
        self.parts: list[str] = []
        self.size = self.steps = self.queries = self.held = self.searched = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise ExecutionError(f"the template takes more than {STEPS_MAX} steps")

    def weigh(self, value: Value) -> None:
        """Count what `value` weighs. Raises ExecutionError when all together is too much."""
        left = [value]
        while left:
            one = left.pop()
            self.held += len(one) if isinstance(one, str | list) else 1
            if self.held > HELD_MAX:
                raise ExecutionError(f"the template works on more than {HELD_MAX} characters")
            if isinstance(one, Mapping):
                left += one.values()

    def write(self, text: str) -> None:
        self.size += len(text)
        if self.size > OUTPUT_MAX:
            raise ExecutionError(f"the template gives more than {OUTPUT_MAX} characters")
        self.parts.append(text)

    def nodes(self, nodes: Sequence[Node], dot: Value) -> None:
        for node in nodes:
            self.step()
            if isinstance(node, Text):
                self.write(node.text)
            elif isinstance(node, Action):
                value = self.pipeline(node.pipeline, dot)
                if not node.pipeline.variables:
                    self.weigh(value)
                    self.write("<no value>" if value is None else show(value))
            elif isinstance(node, Jump):
                raise _Jumped(node.kind)
            else:
                self.branch(node, dot)

    def branch(self, node: Branch, dot: Value) -> None:
        scope = len(self.variables)
        try:
            if node.kind == "range":
                self.range(node, dot)
                return
            value = self.pipeline(node.pipeline, dot)
            if truth(value):
                self.nodes(node.body, value if node.kind == "with" else dot)
            else:
                self.nodes(node.otherwise, dot)
        finally:
            del self.variables[scope:]

    def range(self, node: Branch, dot: Value) -> None:
        value = self.pipeline(node.pipeline, dot, declare=False)
        pairs = _pairs(value)
        self.weigh(pairs)
        scope = len(self.variables)
        for key, item in pairs:
            self.step()
            names = node.pipeline.variables
            given = (item,) if len(names) == 1 else (key, item)
            for name, one in zip(names, given, strict=False):
                self.set(name, one, assigns=node.pipeline.assigns)
            try:
                self.nodes(node.body, item)
            except _Jumped as jumped:
                if jumped.kind == "break":
                    break
            finally:
                del self.variables[scope:]
        if not pairs:
            self.nodes(node.otherwise, dot)

    def set(self, name: str, value: Value, *, assigns: bool) -> None:
        if not assigns:
            self.variables.append((name, value))
            return
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return

    # Values ----------------------------------------------------------------------------------------------------

    def pipeline(self, pipeline: Pipeline, dot: Value, *, declare: bool = True) -> Value:
        piped: tuple[Value, ...] = ()
        for command in pipeline.commands:
            piped = (self.command(command, dot, piped),)
        if declare:
            for name in pipeline.variables:
                self.set(name, piped[0], assigns=pipeline.assigns)
        return piped[0]

    def command(self, command: Command, dot: Value, piped: tuple[Value, ...]) -> Value:
        self.step()
        head = command.words[0]
        if isinstance(head, Function):
            return self.call(head, command.words[1:], dot, piped)
        if len(command.words) > 1:
            raise ExecutionError("can't give argument to non-function")
        if isinstance(head, Constant) and head.value is None:
            raise ExecutionError("nil is not a command")
        return self.operand(head, dot)

    def operand(self, operand: Operand, dot: Value) -> Value:
        self.step()
        if isinstance(operand, Constant):
            return operand.value
        if isinstance(operand, Function):
            return self.call(operand, (), dot, ())
        if isinstance(operand, Dot):
            return self.fields(dot, operand.fields)
        if isinstance(operand, Chain):
            return self.fields(self.pipeline(operand.pipeline, dot), operand.fields)
        found = next(value for name, value in reversed(self.variables) if name == operand.name)
        return self.fields(found, operand.fields)

    def fields(self, value: Value, names: tuple[str, ...]) -> Value:
        for name in names:
            if value is self.root:
                if name not in self.root:
                    raise ExecutionError(f"can't evaluate field {name} in type struct")
                value = self.root[name]
            elif isinstance(value, Sample) and name in ("Labels", "Value"):
                value = value.labels if name == "Labels" else value.value
            elif isinstance(value, Mapping):
                value = value.get(name, "" if value is not self.root else None)
            elif value is None:
                raise ExecutionError(f"nil pointer evaluating interface {{}}.{name}")
            else:
                raise ExecutionError(f"can't evaluate field {name} in type {kind_of(value)}")
        return value

    # Functions -------------------------------------------------------------------------------------------------

    def call(self, function: Function, words: Sequence[Operand], dot: Value, piped: tuple[Value, ...]) -> Value:
        name = function.name
        if name in ("and", "or"):
            return self.either(name, words, dot, piped)
        values = [*(self.operand(word, dot) for word in words), *piped]
        try:
            for value in values:
                self.weigh(value)
            if name in PLAIN:
                types, what = PLAIN[name]
                _accept(name, types, values)
                found = what(*values)
            else:
                found = self.worldly(name, values)
            self.weigh(found)
            return found
        except ExecutionError as error:
            raise ExecutionError(f"error calling {name}: {error}") from None

    def either(self, name: str, words: Sequence[Operand], dot: Value, piped: tuple[Value, ...]) -> Value:
        """and, or: the first that decides; what comes after it is not computed."""
        value: Value = None
        if not words and not piped:
            raise ExecutionError(f"wrong number of args for {name}: want at least 1 got 0")
        for word in words:
            value = self.operand(word, dot)
            if truth(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    def worldly(self, name: str, values: Sequence[Value]) -> Value:
        """Functions that need the context."""
        if name == "now":
            return self.context.at_ms / 1000
        if name == "externalURL":
            return self.context.external_url
        if name == "pathPrefix":
            return urlsplit(self.context.external_url).path
        _accept(name, {"query": "s", "match": "ss", "reReplaceAll": "sss"}[name], values)
        if name == "query":
            return self.query(values[0])
        if self.context.regexes is None:
            raise ExecutionError("regular expressions are not to be had here")
        self.searched += len(values[-1])
        if self.searched > SEARCHED_MAX:
            raise ExecutionError(f"the template looks with regular expressions at more than {SEARCHED_MAX} characters")
        try:
            if name == "match":
                return self.context.regexes.match(values[0], values[1])
            return self.context.regexes.replace_all(values[0], values[1], values[2])
        except ValueError as error:
            raise ExecutionError(str(error)) from None

    def query(self, text: str) -> list[Sample]:
        self.queries += 1
        if self.context.query is None:
            raise ExecutionError("queries are not to be had here")
        if self.queries > QUERIES_MAX:
            raise ExecutionError(f"the template asks more than {QUERIES_MAX} queries")
        return [Sample(labels, value) for labels, value in self.context.query(text, self.context.at_ms)]


def _accept(name: str, types: str, values: Sequence[Value]) -> None:
    """Whether the values are what the function takes."""
    least = len(types.replace("m", ""))
    if len(values) < least or (len(values) > least and "m" not in types):
        want = f"at least {least}" if "m" in types else str(least)
        raise ExecutionError(f"wrong number of args for {name}: want {want} got {len(values)}")
    for kind, value in zip(types.replace("m", ""), values, strict=False):
        wanted = {"s": str, "p": Sample, "r": list}.get(kind)
        if wanted is not None and not isinstance(value, wanted):
            words = {"s": "string", "p": "*template.sample", "r": "template.queryResult"}[kind]
            raise ExecutionError(f"wrong type for value; expected {words}; got {kind_of(value)}")


def _pairs(value: Value) -> list[tuple[Value, Value]]:
    """What a range goes through."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return [(place, place) for place in range(min(value, STEPS_MAX + 1))]
    raise ExecutionError(f"range can't iterate over {show(value)}")

"""JSONLogic made into functions once, when a definition is read: evaluating walks no trees and looks up no names.

Source: jsonlogic.com/operations.html, and flagd's own operations (`fractional`, `starts_with`, `ends_with`, `sem_ver`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import local
from typing import Any

from sereno_kit.flags import loose
from sereno_kit.flags.loose import truthy

Data = Any
Rule = Callable[[Data], Any]
Operation = Callable[["Compiler", list[Any]], Rule]

NODES_MOST = 20_000
DEPTH_MOST = 64
LOOPS_MOST = 100
WORK_MOST = 100_000
"""Nodes that an outermost loop and those within it go through, and values of lists that they make."""


class BadRule(ValueError):
    """A rule that cannot be read; the message says why."""


class _Work(local):
    """What the loops of the evaluation that is going on in this thread may still do."""

    def __init__(self) -> None:
        self.loops = 0
        self.left = 0

    def enter(self) -> None:
        """A loop begins, perhaps within another."""
        if not self.loops:
            self.left = WORK_MOST
        self.loops += 1

    def spend(self, amount: int) -> None:
        """Within loops, raise BadRule once they have done too much: a rule must not hold up whoever evaluates it."""
        if self.loops:
            self.left -= amount
            if self.left < 0:
                raise BadRule("its loops do too much")

    def weigh(self, made: list[Any]) -> list[Any]:
        """`made`, whose values count as work: lists of the same list twice double with every turn of a loop."""
        if self.loops:
            open_lists = [made]
            while open_lists:
                found = open_lists.pop()
                self.spend(len(found))
                open_lists += [item for item in found if isinstance(item, list)]
        return made


work = _Work()


class Compiler:
    """Compiles the rules of one flag.

    Args:
        key: the flag's, which is `$flagd.flagKey` and divides users.
        evaluators: the shared rules that `{"$ref": name}` names.
        now: seconds since 1970, for `$flagd.timestamp`.
    """

    def __init__(self, key: str, evaluators: Mapping[str, Any], now: Callable[[], float]) -> None:
        self.key = key
        self.now = now
        self._evaluators = evaluators
        self._nodes = 0
        self._depth = 0
        self._loops = 0

    def compile(self, node: Any) -> Rule:
        """What `node` becomes. Raises BadRule for an unknown operation, a missing `$ref` and what is too deep."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > NODES_MOST or self._depth > DEPTH_MOST:
            raise BadRule("it is too large, or refers to itself")
        try:
            return self._compile(node)
        finally:
            self._depth -= 1

    def _compile(self, node: Any) -> Rule:
        if isinstance(node, list):
            items = [self.compile(item) for item in node]
            return lambda data: work.weigh([item(data) for item in items])
        if not isinstance(node, dict) or len(node) != 1:
            return lambda data: node
        name, arguments = next(iter(node.items()))
        if name == "$ref":
            return self._shared(arguments)
        operation = operations().get(name)
        if operation is None:
            raise BadRule(f"there is no operation {str(name)[:60]!r}")
        return operation(self, arguments if isinstance(arguments, list) else [arguments])

    def _shared(self, name: Any) -> Rule:
        if not isinstance(name, str) or name not in self._evaluators:
            raise BadRule(f"there is no evaluator {str(name)[:60]!r} for `$ref`")
        return self.compile(self._evaluators[name])

    def body(self, node: Any) -> tuple[Rule, int]:
        """What a loop asks of each item, and how many nodes that is. Raises BadRule for too many loops."""
        self._loops += 1
        if self._loops > LOOPS_MOST:
            raise BadRule("it has too many loops")
        before = self._nodes
        return self.compile(node), self._nodes - before

    def each(self, arguments: list[Any]) -> list[Rule]:
        """The functions of all arguments."""
        return [self.compile(argument) for argument in arguments]


def literal(node: Any) -> bool:
    """Whether a node stands for itself."""
    return not isinstance(node, (list, dict))


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return _ALL or _fill()


_ALL: dict[str, Operation] = {}


def _fill() -> Mapping[str, Operation]:
    from sereno_kit.flags import logic_lists, logic_flagd  # noqa: I001 - each of them needs this module

    _ALL.update({**_CORE, **logic_lists.OPERATIONS, **logic_flagd.OPERATIONS})
    return _ALL


def pure(function: Callable[..., Any], least: int = 1) -> Operation:
    """An operation that needs its arguments' values alone; missing ones are nothing."""

    def operation(compiler: Compiler, arguments: list[Any]) -> Rule:
        rules = compiler.each([*arguments, *[None] * (least - len(arguments))])
        if len(rules) == 1:
            first = rules[0]
            return lambda data: function(first(data))
        if len(rules) == 2:
            one, other = rules
            return lambda data: function(one(data), other(data))
        return lambda data: function(*[rule(data) for rule in rules])

    return operation


def _if(compiler: Compiler, arguments: list[Any]) -> Rule:
    rules = compiler.each(arguments)
    if len(rules) == 3:
        when, then, otherwise = rules
        return lambda data: then(data) if truthy(when(data)) else otherwise(data)
    pairs = [(rules[i], rules[i + 1]) for i in range(0, len(rules) - 1, 2)]
    last = rules[-1] if len(rules) % 2 else _nothing

    def choose(data: Data) -> Any:
        for when, then in pairs:
            if truthy(when(data)):
                return then(data)
        return last(data)

    return choose


def _nothing(data: Data) -> Any:
    return None


def _until(stop: bool) -> Operation:
    """`or` and `and`: the first value whose truth is `stop`, otherwise the last."""

    def operation(compiler: Compiler, arguments: list[Any]) -> Rule:
        rules = compiler.each(arguments)

        def run(data: Data) -> Any:
            value = None
            for rule in rules:
                value = rule(data)
                if truthy(value) is stop:
                    return value
            return value

        return run

    return operation


def _between(compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """`<` and `<=`, of two or of three."""

    def relation(one: Any, other: Any, third: Any = other_is_all) -> bool:
        return compare(one, other) and (third is other_is_all or compare(other, third))

    return relation


other_is_all = object()


def _extreme(choose: Callable[[list[float]], float]) -> Callable[..., Any]:
    return lambda *values: loose.plain(choose([loose.number(value) for value in values])) if values else None


def _sum(*values: Any) -> Any:
    return loose.plain(sum([loose.number(value) for value in values]))


def _product(*values: Any) -> Any:
    result = 1.0
    for value in values:
        result *= loose.number(value)
    return loose.plain(result)


def _minus(one: Any, other: Any = other_is_all) -> Any:
    if other is other_is_all:
        return loose.plain(-loose.number(one))
    return loose.plain(loose.number(one) - loose.number(other))


def _quotient(one: Any, other: Any) -> Any:
    divisor = loose.number(other)
    return loose.plain(loose.number(one) / divisor) if divisor else None


def _modulo(one: Any, other: Any) -> Any:
    from math import fmod, isfinite

    value, divisor = loose.number(one), loose.number(other)
    return loose.plain(fmod(value, divisor)) if divisor and isfinite(value) else None


def _cat(*values: Any) -> str:
    try:
        return loose.joined(values, "")
    except loose.TooLong:
        raise BadRule("it makes a text that is too long") from None


def _substr(value: Any, start: Any, length: Any = None) -> str:
    """As PHP's: a negative start counts from the end, a negative length leaves so many away."""
    written, begin = loose.text(value), int(loose.number(start))
    cut = written[begin:] if begin >= 0 else written[max(0, len(written) + begin) :]
    return cut if length is None else cut[: int(loose.number(length))]


def _in(one: Any, where: Any) -> bool:
    if isinstance(where, str):
        return isinstance(one, str) and one in where
    return isinstance(where, list) and any(loose.same(one, item) for item in where)


_CORE: dict[str, Operation] = {
    "if": _if,
    "?:": _if,
    "or": _until(True),
    "and": _until(False),
    "==": pure(loose.equal, 2),
    "===": pure(loose.same, 2),
    "!=": pure(lambda one, other: not loose.equal(one, other), 2),
    "!==": pure(lambda one, other: not loose.same(one, other), 2),
    "!": pure(lambda value: not truthy(value)),
    "!!": pure(truthy),
    "<": pure(_between(loose.less), 2),
    "<=": pure(_between(loose.at_most), 2),
    ">": pure(lambda one, other: loose.less(other, one), 2),
    ">=": pure(lambda one, other: loose.at_most(other, one), 2),
    "max": pure(_extreme(max), 0),
    "min": pure(_extreme(min), 0),
    "+": pure(_sum, 0),
    "*": pure(_product, 0),
    "-": pure(_minus),
    "/": pure(_quotient, 2),
    "%": pure(_modulo, 2),
    "cat": pure(_cat, 0),
    "substr": pure(_substr, 2),
    "in": pure(_in, 2),
    "log": pure(lambda value: value),
}

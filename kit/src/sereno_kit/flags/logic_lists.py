"""Operations of JSONLogic that reach into the data and go through lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sereno_kit.flags import loose
from sereno_kit.flags.logic import Compiler, Data, Operation, Rule, literal, work
from sereno_kit.flags.loose import truthy

_ABSENT = object()


def find(data: Data, path: str) -> Any:
    """What stands at `path` (`user.name`, `items.0`) in `data`; `_ABSENT` if there is nothing."""
    for part in path.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and len(part) < 8 and int(part) < len(data):
            data = data[int(part)]
        else:
            return _ABSENT
    return data


def _var(compiler: Compiler, arguments: list[Any]) -> Rule:
    path = arguments[0] if arguments else ""
    default = compiler.compile(arguments[1]) if len(arguments) > 1 else None
    if path in ("$flagd.flagKey", "$flagd.timestamp"):
        # Ours, whatever the caller's data hold under that name.
        return (lambda data: compiler.key) if path.endswith("flagKey") else lambda data: int(compiler.now())
    if not literal(path):
        computed = compiler.compile(path)
        return lambda data: _or(_at(data, computed(data)), default, data)
    if isinstance(path, str) and path and "." not in path and default is None:
        return lambda data: data.get(path) if type(data) is dict else _known(_at(data, path))
    return lambda data: _or(_at(data, path), default, data)


def _at(data: Data, path: Any) -> Any:
    return data if path is None or path == "" else find(data, loose.text(path))


def _known(value: Any) -> Any:
    return None if value is _ABSENT else value


def _or(value: Any, default: Rule | None, data: Data) -> Any:
    if value is not _ABSENT and value is not None:
        return value
    return None if default is None else default(data)


def _missing(compiler: Compiler, arguments: list[Any]) -> Rule:
    rules = compiler.each(arguments)

    def run(data: Data) -> list[Any]:
        asked = [rule(data) for rule in rules]
        names = asked[0] if asked and isinstance(asked[0], list) else asked
        return [name for name in names if find(data, loose.text(name)) in (_ABSENT, None, "")]

    return run


def _missing_some(compiler: Compiler, arguments: list[Any]) -> Rule:
    needed = compiler.compile(arguments[0] if arguments else 0)
    missing = _missing(compiler, [arguments[1] if len(arguments) > 1 else []])
    names = compiler.compile(arguments[1] if len(arguments) > 1 else [])

    def run(data: Data) -> list[Any]:
        lacking, asked = missing(data), names(data)
        there = len(asked) - len(lacking) if isinstance(asked, list) else 0
        return [] if there >= loose.number(needed(data)) else lacking

    return run


def _over(collect: Callable[[list[Any], Rule], Any]) -> Operation:
    """An operation on a list and a rule that is asked of each of its items."""

    def operation(compiler: Compiler, arguments: list[Any]) -> Rule:
        items = compiler.compile(arguments[0] if arguments else None)
        rule, nodes = compiler.body(arguments[1] if len(arguments) > 1 else None)
        return _loop(items, nodes, lambda found, data: collect(found, rule))

    return operation


def _reduce(compiler: Compiler, arguments: list[Any]) -> Rule:
    listed, body, first = [*arguments, *[None] * (3 - len(arguments))][:3]
    items, start = compiler.compile(listed), compiler.compile(first)
    rule, nodes = compiler.body(body)

    def run(found: list[Any], data: Data) -> Any:
        result = start(data)
        for item in found:
            result = rule({"current": item, "accumulator": result})
        return result

    return _loop(items, nodes, run)


def _loop(items: Rule, nodes: int, run: Callable[[list[Any], Data], Any]) -> Rule:
    """`run` over the list that `items` is, unless that were too much work: so many `nodes` for each item."""

    def loop(data: Data) -> Any:
        work.enter()
        try:
            found = items(data)
            if not isinstance(found, list):
                found = []
            work.spend(len(found) * nodes)
            return run(found, data)
        finally:
            work.loops -= 1

    return loop


def _merge(compiler: Compiler, arguments: list[Any]) -> Rule:
    rules = compiler.each(arguments)

    def run(data: Data) -> list[Any]:
        merged: list[Any] = []
        for rule in rules:
            value = rule(data)
            values = value if isinstance(value, list) else [value]
            work.spend(len(values))
            merged.extend(values)
        return merged

    return run


OPERATIONS: dict[str, Operation] = {
    "var": _var,
    "missing": _missing,
    "missing_some": _missing_some,
    "map": _over(lambda items, rule: [rule(item) for item in items]),
    "filter": _over(lambda items, rule: [item for item in items if truthy(rule(item))]),
    "all": _over(lambda items, rule: bool(items) and all(truthy(rule(item)) for item in items)),
    "some": _over(lambda items, rule: any(truthy(rule(item)) for item in items)),
    "none": _over(lambda items, rule: not any(truthy(rule(item)) for item in items)),
    "reduce": _reduce,
    "merge": _merge,
}

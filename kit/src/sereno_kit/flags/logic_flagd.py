"""The operations that flagd adds to JSONLogic. What is wrong in one is nothing (null), so that the default is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sereno_kit.flags import semver
from sereno_kit.flags.cohorts import WEIGHT_MOST, bucket, divide, weighted
from sereno_kit.flags.logic import Compiler, Data, Operation, Rule, literal

TARGETING_KEY = "targetingKey"


def _fractional(compiler: Compiler, arguments: list[Any]) -> Rule:
    """Divide users by weight: by the text that comes first or, without one, by the flag's key and the user's."""
    if arguments and isinstance(arguments[0], list) and all(_fixed(entry) for entry in arguments):
        return _prepared(compiler.key, arguments)
    rules = compiler.each(arguments)

    def run(data: Data) -> Any:
        values = [rule(data) for rule in rules]
        key = None
        if values and (isinstance(values[0], str) or values[0] is None):
            key = values.pop(0)
        if key is None:
            key = _own_key(compiler.key, data)
        entries = [weighted(value) for value in values]
        if key is None or None in entries:
            return None
        return divide(key, [entry for entry in entries if entry is not None])

    return run


def _fixed(entry: Any) -> bool:
    return isinstance(entry, list) and all(literal(part) for part in entry)


def _own_key(flag: str, data: Data) -> str | None:
    """What divides when nothing else is said; None for somebody who is not known."""
    user = data.get(TARGETING_KEY) if isinstance(data, dict) else None
    return f"{flag}{user}" if isinstance(user, str) and user else None


def _prepared(flag: str, arguments: list[Any]) -> Rule:
    """A division whose weights are known beforehand."""
    entries = [found for entry in arguments if (found := weighted(entry)) is not None]
    total = sum(weight for _, weight in entries)
    if len(entries) < len(arguments) or not 0 < total <= WEIGHT_MOST:
        return lambda data: None
    ends, end = [], 0
    for value, weight in entries:
        end += weight
        ends.append((end, value))

    def run(data: Data) -> Any:
        user = data.get(TARGETING_KEY) if isinstance(data, dict) else None
        if not isinstance(user, str) or not user:
            return None
        place = bucket(flag + user, total)
        for end, value in ends:
            if place < end:
                return value
        return None

    return run


def _texts(test: Callable[[str, str], bool]) -> Operation:
    def operation(compiler: Compiler, arguments: list[Any]) -> Rule:
        if len(arguments) != 2:
            return lambda data: None
        one, other = compiler.each(arguments)

        def run(data: Data) -> bool | None:
            value, sought = one(data), other(data)
            return test(value, sought) if isinstance(value, str) and isinstance(sought, str) else None

        return run

    return operation


def _sem_ver(compiler: Compiler, arguments: list[Any]) -> Rule:
    if len(arguments) != 3:
        return lambda data: None
    one, operator, other = compiler.each(arguments)
    return lambda data: semver.compare(one(data), operator(data), other(data))


OPERATIONS: dict[str, Operation] = {
    "fractional": _fractional,
    "starts_with": _texts(str.startswith),
    "ends_with": _texts(str.endswith),
    "sem_ver": _sem_ver,
}

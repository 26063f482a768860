"""Evaluates the conditions of Argo's analyses: that part of expr-lang which they use, as its documentation says.

Independent of what writes them. An index beyond the end is an error, as there; `&&` and `||` stop early; `isNaN` and
`isInf` are Argo's own functions. What is not known raises `Wrong`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|[<>!()\[\],+\-*/]))")


class Wrong(Exception):
    """The condition cannot be compiled, or fails when it is run."""


def evaluate(text: str, result: object) -> object:
    """What `text` comes to when the provider answered `result`. Raises Wrong."""
    parser = _Parser(_tokens(text), {"result": result})
    found = parser.either()
    if parser.at < len(parser.tokens):
        raise Wrong(f"left over: {parser.tokens[parser.at :]}")
    return found()


def verdict(success: str, failure: str, result: object) -> Literal["Successful", "Failed", "Inconclusive", "Error"]:
    """What Argo makes of a measurement when both conditions are given."""
    try:
        passed, failed = evaluate(success, result), evaluate(failure, result)
    except Wrong:
        return "Error"
    if not isinstance(passed, bool) or not isinstance(failed, bool):
        return "Error"
    if failed:
        return "Failed"
    return "Successful" if passed else "Inconclusive"


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Wrong(f"at {at} of {text!r}")
        found.append(match[0].strip())
        at = match.end()
    return found


Thunk = Callable[[], Any]


class _Parser:
    def __init__(self, tokens: list[str], names: dict[str, object]) -> None:
        self.tokens, self.names, self.at = tokens, names, 0

    def take(self, *wanted: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at] in wanted:
            self.at += 1
            return self.tokens[self.at - 1]
        return ""

    def either(self) -> Thunk:
        left = self.both()
        while self.take("||"):
            left = (lambda a, b: lambda: _boolean(a()) or _boolean(b()))(left, self.both())
        return left

    def both(self) -> Thunk:
        left = self.compared()
        while self.take("&&"):
            left = (lambda a, b: lambda: _boolean(a()) and _boolean(b()))(left, self.compared())
        return left

    def compared(self) -> Thunk:
        left = self.single()
        if operator := self.take("==", "!=", "<=", ">=", "<", ">"):
            right = self.single()
            return lambda: _compare(operator, left(), right())
        return left

    def single(self) -> Thunk:
        if self.take("!"):
            inner = self.single()
            return lambda: not _boolean(inner())
        if self.take("-"):
            inner = self.single()
            return lambda: -inner()
        return self.indexed(self.atom())

    def atom(self) -> Thunk:
        if self.take("("):
            inner = self.either()
            self.need(")")
            return inner
        if self.at >= len(self.tokens):
            raise Wrong("it ends too early")
        token = self.tokens[self.at]
        self.at += 1
        if token[0].isdigit():
            return lambda: float(token)
        if self.take("("):
            inner = self.either()
            self.need(")")
            return lambda: _call(token, inner())
        if token not in self.names:
            raise Wrong(f"unknown name {token}")
        return lambda: self.names[token]

    def indexed(self, inner: Thunk) -> Thunk:
        while self.take("["):
            index = self.either()
            self.need("]")
            inner = (lambda a, b: lambda: _item(a(), b()))(inner, index)
        return inner

    def need(self, token: str) -> None:
        if not self.take(token):
            raise Wrong(f"{token} is missing")


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{value!r} is not a boolean")
    return value


def _item(found: Any, index: float) -> object:
    if not isinstance(found, list) or not 0 <= int(index) < len(found):
        raise Wrong("index out of range")
    return found[int(index)]


def _compare(operator: str, left: Any, right: Any) -> bool:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        raise Wrong(f"{left!r} {operator} {right!r}")
    return bool(
        {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right, ">": left > right,
         ">=": left >= right}[operator]
    )  # fmt: skip


def _call(name: str, value: Any) -> object:
    known: dict[str, Callable[[Any], object]] = {"len": len, "isNaN": math.isnan, "isInf": math.isinf}
    if name not in known:
        raise Wrong(f"unknown function {name}")
    try:
        return known[name](value)
    except TypeError as error:
        raise Wrong(str(error)) from None

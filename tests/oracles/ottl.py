"""Runs the part of OTTL that the collector's redaction uses, as its documentation says; expressions by RE2.

Written apart from what emits the statements. A statement that is not understood raises `Wrong`.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_.]*|[(),]|$)')
_EDITORS = {"set": 2, "delete_matching_keys": 2, "replace_all_patterns": 4, "replace_pattern": 3}


class Wrong(Exception):
    """A statement that OTTL does not have, or that is not known here."""


def resolved(text: str) -> str:
    """`text` after the collector has looked for variables: `$$` is `$`; any other reference is refused here."""
    if found := re.search(r"(?<!\$)(?:\$\$)*\$(\{|[A-Za-z_])", text.replace("$$", "\0")):
        raise Wrong(f"{found[0]} would be a variable of the environment")
    return text.replace("$$", "$")


def parse(statement: str) -> tuple[str, list[Any], str]:
    """The editor, its arguments and the condition."""
    text, _, condition = statement.partition(" where ")
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Wrong(f"at {at} of {text}")
        tokens.append(found[1])
        at = found.end()
    tokens = [token for token in tokens if token]
    if len(tokens) < 4 or tokens[0] not in _EDITORS or tokens[1] != "(" or tokens[-1] != ")":
        raise Wrong(statement)
    arguments: list[Any] = []
    inner = tokens[2:-1]
    while inner:
        first = inner.pop(0)
        if inner[:1] == ["("]:
            if inner[2:3] != [")"]:
                raise Wrong(statement)
            arguments.append((first, inner[1]))
            inner = inner[3:]
        else:
            arguments.append(json.loads(first) if first.startswith('"') else (first,))
        if inner and inner.pop(0) != ",":
            raise Wrong(statement)
    if len(arguments) != _EDITORS[tokens[0]]:
        raise Wrong(f"{tokens[0]} takes {_EDITORS[tokens[0]]} arguments: {statement}")
    return tokens[0], arguments, condition


def run(statements: list[str], record: dict[str, Any]) -> dict[str, Any]:
    """The record, {path: value}, after all of the statements."""
    import re2  # type: ignore[import-not-found]

    record = json.loads(json.dumps(record))
    for statement in statements:
        editor, arguments, condition = parse(resolved(statement))
        path = arguments[0][0]
        if path not in record or not _holds(condition, record):
            continue
        if editor == "set":
            record[path] = _converted(arguments[1], record)
        elif editor == "delete_matching_keys":
            record[path] = {key: value for key, value in record[path].items() if not re2.search(arguments[1], key)}
        elif editor == "replace_all_patterns":
            if arguments[1] != "value":
                raise Wrong(statement)
            record[path] = {key: _replaced(value, arguments[2], arguments[3]) for key, value in record[path].items()}
        else:
            record[path] = _replaced(record[path], arguments[1], arguments[2])
    return record


def _replaced(value: Any, pattern: str, mark: str) -> Any:
    import re2

    if not isinstance(value, str):
        return value
    return re2.sub(pattern, re.sub(r"\$\{(\d)\}", r"\\\1", mark.replace("\\", "\\\\")), value)


def _holds(condition: str, record: dict[str, Any]) -> bool:
    if not condition:
        return True
    found = re.fullmatch(r"(not )?IsString\(([a-z.]+)\)", condition)
    if found is None:
        raise Wrong(condition)
    return isinstance(record.get(found[2]), str) != bool(found[1])


def _converted(argument: Any, record: dict[str, Any]) -> Any:
    if argument[0] != "String":
        raise Wrong(str(argument))
    value = record[argument[1]]
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

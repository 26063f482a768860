"""Programs of pipelines run by the engines that run them in earnest; called by pypi_packages.run in another process.

Vector's programs by VRL itself; Fluent Bit's script by LuaJIT; Logstash's replacements by Oniguruma, of which its own
(Joni) is a port; the collector's statements by an interpreter of the part of OTTL that they use, over RE2.
"""

from __future__ import annotations

import re
from typing import Any


def vrl(given: dict[str, Any]) -> list[Any]:
    """Each of `lines` after the program; None where it is dropped."""
    from pyvrl import Transform  # type: ignore[import-not-found]

    transform = Transform(given["program"] + "\n.")
    found = []
    for line in given["lines"]:
        try:
            found.append(transform.remap({"message": line}))
        except Exception:
            found.append(None)
    return found


def lua(given: dict[str, Any]) -> list[Any]:
    """Each of `lines` after the script's `redact`, as [code, message]."""
    from lupa.luajit21 import LuaRuntime  # type: ignore[import-not-found]

    runtime = LuaRuntime(encoding="utf-8")
    runtime.execute(given["script"])
    redact, found = runtime.globals().redact, []
    for line in given["lines"]:
        code, _, record = redact("tag", 1.0, runtime.table_from({"message": line}))
        found.append([code, record["message"] if not hasattr(record["message"], "keys") else None])
    return found


def oniguruma(given: dict[str, Any]) -> list[str]:
    """Each of `lines` after every [expression, replacement], as Ruby's gsub does it."""
    import onigurumacffi  # type: ignore[import-not-found]

    rules = [(onigurumacffi.compile(pattern), mark) for pattern, mark in given["rules"]]
    found = []
    for line in given["lines"]:
        for expression, mark in rules:
            line = _gsub(expression, mark, line)
        found.append(line)
    return found


def _gsub(expression: Any, mark: str, line: str) -> str:
    out, at = [], 0
    while (match := expression.search(line, at)) is not None:
        kept = re.sub(r"\\(\d)", lambda number: match[int(number[1])], mark)
        out += [line[at : match.start()], kept]
        at = match.end()
        if match.end() == match.start():
            out.append(line[at : at + 1])
            at += 1
        if at > len(line):
            break
    return "".join(out) + line[at:]


def logstash(given: dict[str, Any]) -> Any:
    """The configuration as nested lists: [name, attributes], conditions as ["if", blocks]."""
    from lscl.lang import LsclBlock, LsclConditions  # type: ignore[import-not-found]
    from lscl.parser import parse_lscl  # type: ignore[import-not-found]

    def plain(item: Any) -> Any:
        if isinstance(item, LsclConditions):
            return ["if", [plain(inner) for _, block in item.conditions for inner in block]]
        if isinstance(item, LsclBlock):
            attributes = [[each.name, each.content] for each in item.content if not isinstance(each, LsclBlock)
                          and not isinstance(each, LsclConditions)]  # fmt: skip
            blocks = [plain(each) for each in item.content if isinstance(each, LsclBlock | LsclConditions)]
            return [item.name, attributes, blocks]
        return str(item)

    return [plain(item) for item in parse_lscl(given["text"])]


def ottl(given: dict[str, Any]) -> list[Any]:
    """Each of `records` ({path: value}) after the statements."""
    from tests.oracles import ottl as interpreter

    return [interpreter.run(given["statements"], record) for record in given["records"]]


def re2_accepts(given: dict[str, Any]) -> list[str]:
    """Those of `patterns` that RE2 refuses."""
    import re2  # type: ignore[import-not-found]

    refused = []
    for pattern in given["patterns"]:
        try:
            re2.compile(pattern)
        except re2.error:
            refused.append(pattern)
    return refused


def re2_rules(given: dict[str, Any]) -> list[str]:
    """Each of `lines` after every [expression, replacement], by RE2."""
    import re2

    found = []
    for line in given["lines"]:
        for pattern, mark in given["rules"]:
            line = re2.sub(pattern, mark, line)
        found.append(line)
    return found

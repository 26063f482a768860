"""PromQL of dashboards: Grafana's variables stand in it, and are filled in before anything can be parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*'
    r"|\$\{(?P<braced>[^}]*)\}|\[\[(?P<square>[^\[\]]*)\]\]|\$(?P<plain>\w+)"
)
_DURATIONS = frozenset(("__rate_interval", "__interval", "__range", "__auto", "interval"))
_NUMBERS = frozenset(("__interval_ms", "__range_ms", "__range_s", "__from", "__to"))
_NUMBER = re.compile(r"[0-9.]+(?:ms|[smhdwy])?")


def filled(expr: str, choices: Mapping[str, str]) -> str:
    """`expr` with its variables filled in outside of strings, each as long as before where that can be.

    `choices` holds one possible value of each variable: a number or a duration is put in, anything else becomes a name.
    What stands inside strings is left as it is, for there it is text whatever it means.
    """

    def fill(found: re.Match[str]) -> str:
        name = found["braced"] or found["square"] or found["plain"]
        if not name:
            return found[0]
        name = name.partition(":")[0]
        if name in _DURATIONS or name.startswith("__auto_interval"):
            value = choices.get(name, "5m")
        elif name in _NUMBERS:
            value = "1"
        else:
            value = choices.get(name, "")
            if not _NUMBER.fullmatch(value):
                return "v" * len(found[0])
        return value.ljust(len(found[0]))

    return _TOKEN.sub(fill, expr)

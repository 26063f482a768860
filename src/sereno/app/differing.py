"""What would change if the spec were built: rule by rule against files, or against what runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from sereno.kernel.errors import QueryError
from sereno.promql import parse
from sereno.promql.ast import Binary, Expr, Number
from sereno.promql.dialect import ANY
from sereno.promql.printer import text_of

What = Literal["added", "removed", "changed"]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH_MAX = 100
_COMPARISONS = (">", "<", ">=", "<=", "==", "!=")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be added, removed or changed: `parts` says of each part what it was and what it would be."""

    what: What
    kind: Literal["rule", "file", "configuration"]
    name: str
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule as it stands in a file or runs: comparable whatever its layout."""

    group: str
    name: str
    kind: Literal["alert", "record"]
    expr: str
    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...] = ()
    for_: str = "0s"
    keep_firing_for: str = "0s"

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same rule before and after."""
        told = dict(self.labels)
        about = tuple(told.get(name, "") for name in ("service", "slo", "window_long", "saturation", "probe", "unit"))
        return (self.kind, self.name, *about)


def rules_in(files: Mapping[str, str]) -> list[Seen]:
    """The rules of those of `files` that hold groups."""
    found: list[Seen] = []
    for name in sorted(files):
        try:
            document = _read(files[name])
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        for group in _mappings(document.get("groups") if isinstance(document, dict) else None):
            found += [_of_file(group, rule) for rule in _mappings(group.get("rules")) if "expr" in rule]
    return found


def _mappings(found: object) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _read(text: str) -> object:
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 (both are safe)


def _of_file(group: Mapping[str, Any], rule: Mapping[str, Any]) -> Seen:
    kind: Literal["alert", "record"] = "alert" if "alert" in rule else "record"
    return Seen(
        str(group.get("name", "")), str(rule.get(kind, "")), kind, str(rule["expr"]), _pairs(rule.get("labels")),
        _pairs(rule.get("annotations")), _length(rule.get("for")), _length(rule.get("keep_firing_for")),
    )  # fmt: skip


def rules_running(answer: Mapping[str, Any]) -> list[Seen]:
    """The rules in the answer of Prometheus's `/api/v1/rules`. Raises ValueError when it is no such answer."""
    try:
        groups = answer["data"]["groups"]
        return [_running(group, rule) for group in groups for rule in group["rules"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("this is no answer of /api/v1/rules") from error


def _running(group: Mapping[str, Any], rule: Mapping[str, Any]) -> Seen:
    kind: Literal["alert", "record"] = "alert" if rule["type"] == "alerting" else "record"
    return Seen(
        str(group["name"]), str(rule["name"]), kind, str(rule["query"]), _pairs(rule.get("labels")),
        _pairs(rule.get("annotations")), _seconds(rule.get("duration")), _seconds(rule.get("keepFiringFor")),
    )  # fmt: skip


def _pairs(found: object) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(k), str(v)) for k, v in found.items())) if isinstance(found, dict) else ()


def _length(found: object) -> str:
    return str(found) if found else "0s"


def _seconds(found: object) -> str:
    from datetime import timedelta

    from sereno.kernel.duration import format_duration

    return format_duration(timedelta(seconds=float(found))) if isinstance(found, int | float) else "0s"


def changes(before: Iterable[Seen], after: Iterable[Seen]) -> list[Change]:
    """What becomes of the rules `before`, in the order of `after`; those that go come last."""
    old, new = _numbered(before), _numbered(after)
    found: list[Change] = []
    for key, rule in new.items():
        if key not in old:
            found.append(Change("added", "rule", _title(rule), {"expr": ("", rule.expr)}))
        elif parts := _parts(old[key], rule):
            found.append(Change("changed", "rule", _title(rule), parts))
    found += [
        Change("removed", "rule", _title(rule), {"expr": (rule.expr, "")})
        for key, rule in old.items()
        if key not in new
    ]
    return found


def _numbered(rules: Iterable[Seen]) -> dict[tuple[object, ...], Seen]:
    """Rules by what they are; those that are alike are told apart by their order."""
    found: dict[tuple[object, ...], Seen] = {}
    counts: dict[tuple[str, ...], int] = {}
    for rule in rules:
        count = counts[rule.key] = counts.get(rule.key, -1) + 1
        found[(*rule.key, count)] = rule
    return found


def _title(rule: Seen) -> str:
    return f"{rule.group} · {rule.name}"


def _parts(old: Seen, new: Seen) -> dict[str, tuple[str, str]]:
    found = _expressions(old.expr.strip(), new.expr.strip())
    for name in ("for_", "keep_firing_for"):
        was, becomes = getattr(old, name), getattr(new, name)
        if was != becomes:
            found[name.rstrip("_")] = (was, becomes)
    for what, was, becomes in (("label", old.labels, new.labels), ("annotation", old.annotations, new.annotations)):
        one, other = dict(was), dict(becomes)
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                found[f"{what} {name}"] = (one.get(name, ""), other.get(name, ""))
    return found


def _expressions(old: str, new: str) -> dict[str, tuple[str, str]]:
    """What an expression was and would be, whatever its layout; the thresholds alone where nothing else changed."""
    if old == new:
        return {}
    before, after = _tree(old), _tree(new)
    if before is None or after is None:
        return {"expr": (old, new)}
    was, becomes = text_of(before), text_of(after)
    if was == becomes:
        return {}
    # Nothing but numbers compared with: that is what people look for first.
    if was.split() and _bare(before) == _bare(after):
        low, high = _thresholds(before), _thresholds(after)
        gone, come = (", ".join(each for each in one if each not in other) for one, other in ((low, high), (high, low)))
        return {"threshold": (gone, come)}
    return {"expr": (was, becomes)}


def _tree(text: str) -> Expr | None:
    try:
        return parse(text, ANY)
    except QueryError:
        return None


def _numbers(tree: object) -> Iterable[Number]:
    """The numbers that something is compared with."""
    if isinstance(tree, Binary) and tree.op in _COMPARISONS and isinstance(tree.right, Number):
        yield tree.right
    for name in getattr(tree, "__slots__", ()):
        inner = getattr(tree, name, None)
        for each in inner if isinstance(inner, tuple) else (inner,):
            if hasattr(each, "__slots__") and not isinstance(each, str | int | float):
                yield from _numbers(each)


def _thresholds(tree: Expr) -> list[str]:
    return list(dict.fromkeys(text_of(number) for number in _numbers(tree)))


def _bare(tree: Expr) -> str:
    """The text of `tree` with what it compares with left out."""
    text = text_of(tree)
    for threshold in sorted(_thresholds(tree), key=len, reverse=True):
        text = text.replace(f" {threshold}", " …")
    return text


def of_files(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """What becomes of the files that hold no rules and no tests of rules."""
    found = []
    for name in sorted({*before, *after}):
        if name.startswith(("prometheus/rules/", "prometheus/tests/")):
            continue
        if name not in before:
            found.append(Change("added", "file", name))
        elif name not in after:
            found.append(Change("removed", "file", name))
        elif before[name] != after[name]:
            found.append(Change("changed", "file", name, {"lines": _lines(before[name], after[name])}))
    return found


def _lines(old: str, new: str) -> tuple[str, str]:
    """The lines that only the old, or only the new text has."""
    import difflib

    delta = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))[2:]
    gone = [line[1:] for line in delta if line.startswith("-")]
    come = [line[1:] for line in delta if line.startswith("+")]
    return "\n".join(gone), "\n".join(come)


def of_configuration(running: str, built: str, name: str) -> list[Change]:
    """What becomes of a configuration that runs: compared as values, for a server writes it anew with its defaults.

    Raises ValueError when what runs is no configuration.
    """
    try:
        _refuse_bombs(running)
        one, other = (_read(text) for text in (running, built))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("this is no configuration") from error
    gone = sorted(_paths(other, one))
    return [Change("changed", "configuration", name, {path: (was, becomes)}) for path, was, becomes in gone]


def _refuse_bombs(text: str) -> None:
    """Raises ValueError for what no server writes: aliases, of which few make a text without end, and deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEPTH_MAX:
            raise ValueError("this is no configuration")


def _paths(wanted: object, there: object, path: str = "") -> Iterable[tuple[str, str, str]]:
    """What of `wanted` is not `there`: what the server added of itself is no change."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            inner = there.get(key) if isinstance(there, dict) else None
            yield from _paths(value, inner, f"{path}.{key}" if path else str(key))
    elif isinstance(wanted, list):
        known = there if isinstance(there, list) else []
        if len(known) != len(wanted):
            yield path, _short(known), _short(wanted)
            return
        for index, (value, inner) in enumerate(zip(wanted, known, strict=True)):
            yield from _paths(value, inner, f"{path}[{index}]")
    elif str(wanted) != str(there) and not _same_length(wanted, there):
        yield path, _short(there), _short(wanted)


def _same_length(one: object, other: object) -> bool:
    from sereno.kernel.duration import parse_duration

    try:
        return parse_duration(str(one)) == parse_duration(str(other))
    except ValueError:
        return False


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 400 else f"{text[:400]}…"

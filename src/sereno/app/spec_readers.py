"""What the readers of the spec take, read from their own code: which keys a mapping has, and what each key may hold.

A reader makes `Fields(reading, node, WHAT, required=…, optional=…)` and asks it `fields.read(KEY, READER)`; functions
that are handed the fields may ask for more. All that is followed here, so the schema cannot say other than the reader.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

_NOT_THE_SPEC = ("rule_files", "dialects", "raw_blocks")
_LISTS = ("items", "one_or_more")


@dataclass(frozen=True)
class Taken:
    """What a key holds: `kind` with its `parts`.

    `function` (a reader by itself, by name), `mapping` (a shape, by what it is called), `items` and `one_or_more` (of
    another Taken), a factory's kind with its bounds (`duration`, `share`, `number`, `one_of`, `labels`), `reference`
    (to a kind of thing), or `unknown`.
    """

    kind: str
    parts: tuple[Any, ...] = ()


UNKNOWN = Taken("unknown")
LEAVES = frozenset((
    "values.text", "values.name", "values.flag", "values.duration", "values.objective", "values.url", "values.email",
    "values.secret_url", "values.terminal", "values.zone", "values.day", "values.local_time",
    "values.handover", "values.severity", "values.label_name", "queries.expression", "queries.windowed",
    "queries.comparison", "queries.selector", "sli.metric", "sli.histogram_name", "sli.part", "paths.runbook",
    "recurrence.rrule", "templates_parts.bare", "templates_parts.statuses", "policies.somebody", "tiers._factor",
    "readiness._value", "readiness._when", "readiness._share",
    "workspace._share", "workspace._number", "service._links", "service.planned",
    "kit._admin", "kit._variable",
))  # fmt: skip
"""Readers of single values that the schema knows by name."""


@dataclass
class Shape:
    """One mapping: its keys, which are needed, groups of which exactly one is, and what each holds."""

    what: str
    module: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    exactly_one: list[tuple[str, ...]] = field(default_factory=list)
    takes: dict[str, Taken] = field(default_factory=dict)
    instead: frozenset[str] = frozenset()
    """What may stand in place of the mapping: `Scalar`, `Sequence`."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that is read."""
        return (*self.required, *self.optional)


@dataclass(frozen=True)
class _Context:
    """Where an expression stands: its module, the functions around it, and what their parameters are bound to."""

    module: ModuleType
    around: tuple[ast.FunctionDef, ...]
    bound: dict[str, object] = field(default_factory=dict)


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of the spec that reads documents of ours."""
    import sereno.spec

    names = [one.name for one in pkgutil.iter_modules(sereno.spec.__path__) if one.name not in _NOT_THE_SPEC]
    return tuple(importlib.import_module(f"sereno.spec.{name}") for name in sorted(names))


@cache
def shapes() -> dict[str, Shape]:
    """Every mapping of the spec, by what it is called in messages."""
    found: dict[str, Shape] = {}
    for module in modules():
        for call, around in _calls_of_fields(ast.parse(inspect.getsource(module)), ()):
            shape = _shape(module, call, around)
            if shape is not None:
                found.setdefault(shape.what, shape)
    return found


def shape_of(function: Callable[..., object]) -> str | None:
    """What the mapping is called that `function` reads."""
    taken = _of_function(function)
    return str(taken.parts[0]) if taken.kind == "mapping" else None


def _calls_of_fields(
    node: ast.AST, around: tuple[ast.FunctionDef, ...]
) -> Iterator[tuple[ast.Call, tuple[ast.FunctionDef, ...]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "Fields":
            yield child, around
        yield from _calls_of_fields(child, (*around, child) if isinstance(child, ast.FunctionDef) else around)


def _shape(module: ModuleType, call: ast.Call, around: tuple[ast.FunctionDef, ...]) -> Shape | None:
    context = _Context(module, around)
    what = _value(call.args[2], context) if len(call.args) > 2 else None
    if not isinstance(what, str):
        return None
    keys = {word.arg or "": _value(word.value, context) for word in call.keywords}
    required, optional, planned = (tuple(keys.get(name) or ()) for name in ("required", "optional", "planned"))
    shape = Shape(what, module.__name__, required, optional, planned)
    if around:
        name = _name_of_fields(around[-1], call)
        _collect(shape, around[-1], name, context)
        shape.instead = _instead(around[-1], call)
        for statement in around[-1].body:
            shape.exactly_one += _exclusive(statement, name, context)
    dynamic = shape.takes.pop("", UNKNOWN)
    for key in shape.keys:
        shape.takes.setdefault(key, dynamic)
    return shape


def _name_of_fields(function: ast.FunctionDef, call: ast.Call) -> str:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(child is call for child in ast.walk(node.value)):
            target = node.targets[0]
            return target.id if isinstance(target, ast.Name) else ""
    return ""


def _instead(function: ast.FunctionDef, call: ast.Call) -> frozenset[str]:
    """What else the function takes, as its branches on the type of `node` before the mapping is read say."""
    found: set[str] = set()
    for node in ast.walk(function):
        test = node.test if isinstance(node, ast.If) and node.lineno <= call.lineno else None
        test = test.operand if isinstance(test, ast.UnaryOp) else test
        if not isinstance(test, ast.Call) or not _is(test.func, "isinstance") or not _is(test.args[0], "node"):
            continue
        kinds = {child.id for child in ast.walk(test.args[1]) if isinstance(child, ast.Name)}
        found |= kinds - {"Mapping"} or {"Scalar"}
    return frozenset(found)


def _exclusive(statement: ast.stmt, name: str, context: _Context) -> list[tuple[str, ...]]:
    """The keys of which exactly one is needed, as an unconditional statement says."""
    if not isinstance(statement, ast.Assign | ast.Expr) or not isinstance(statement.value, ast.Call):
        return []
    call = statement.value
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "exactly_one" and _is(call.func.value, name)):
        return []
    keys: list[object] = []
    for argument in call.args:
        value = _value(argument.value if isinstance(argument, ast.Starred) else argument, context)
        keys += list(value) if isinstance(argument, ast.Starred) and isinstance(value, tuple | dict) else [value]
    return [tuple(str(key) for key in keys)] if all(isinstance(key, str) for key in keys) else []


def _collect(shape: Shape, function: ast.FunctionDef, name: str, context: _Context, depth: int = 0) -> None:
    """Note what each `NAME.read(KEY, READER)` in `function`, and in those that are handed the fields, takes."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "read" and _is(node.func.value, name):
            key = _value(node.args[0], context)
            taken = _taken(node.args[1], context)
            if not isinstance(key, str):
                shape.takes[""] = taken if shape.takes.get("", taken) == taken else UNKNOWN
            elif shape.takes.get(key, UNKNOWN) == UNKNOWN:
                shape.takes[key] = taken
        elif depth < 4:
            _follow(shape, node, name, context, depth)


def _follow(shape: Shape, call: ast.Call, name: str, context: _Context, depth: int) -> None:
    """Go on in a function that is handed the fields, or that sees them from inside."""
    if isinstance(call.func, ast.Attribute) and _is(call.func.value, "self"):
        return
    local = _local(call.func, context)
    handed = [index for index, argument in enumerate(call.args) if _is(argument, name)]
    if local is not None and not handed:
        inner = _bound(local, call, context)
        _collect(shape, local, name, _Context(context.module, (*context.around, local), inner), depth + 1)
        return
    found = _value(call.func, context)
    if not handed or not isinstance(found, FunctionType) or not found.__module__.startswith("sereno.spec."):
        return
    tree = _tree(found)
    module = importlib.import_module(found.__module__)
    inside = _Context(module, (tree,), _bound(tree, call, context))
    _collect(shape, tree, tree.args.args[handed[0]].arg, inside, depth + 1)


def _bound(function: ast.FunctionDef, call: ast.Call, context: _Context) -> dict[str, object]:
    """The values of the function's parameters, as far as they are known before anything runs."""
    names = [argument.arg for argument in function.args.args]
    defaults = function.args.defaults
    bound: dict[str, object] = {
        name: value.value
        for name, value in zip(names[len(names) - len(defaults) :], defaults, strict=True)
        if isinstance(value, ast.Constant)
    }
    for name, argument in zip(names, call.args, strict=False):
        value = _value(argument, context)
        if value is not None:
            bound[name] = value
        else:
            bound.pop(name, None)
    return bound


def _taken(node: ast.expr, context: _Context) -> Taken:
    """What the reader that an expression stands for takes."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _LISTS:
            return Taken(name, (_taken(node.args[0], context),))
        if name == "reference":
            return Taken("reference", (_value(node.args[0], context),))
    if isinstance(node, ast.Lambda):
        calls = [child for child in ast.walk(node.body) if isinstance(child, ast.Call)]
        return _taken(calls[0].func, context) if calls else UNKNOWN
    local = _local(node, context)
    if local is not None:
        return _of_tree(local, _Context(context.module, (*context.around, local)))
    assigned = _assigned(node, context)
    if assigned is not None:
        return _taken(assigned, context)
    found = _value(node, context)
    return _of_function(found) if callable(found) else UNKNOWN


def _of_function(function: Callable[..., object]) -> Taken:
    noted = getattr(function, "takes", None)
    if noted is not None:
        kind, parts = noted
        return Taken(kind, tuple(_of_function(part) if callable(part) else part for part in parts))
    if not isinstance(function, FunctionType):
        return UNKNOWN
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    if name in LEAVES:
        return Taken("function", (name,))
    tree = _tree(function)
    found = _of_tree(tree, _Context(importlib.import_module(function.__module__), (tree,)))
    return Taken("function", (name,)) if found == UNKNOWN else found


def _of_tree(tree: ast.FunctionDef, context: _Context) -> Taken:
    """What a function takes: the mapping that it reads, or what the reader takes that it hands its node to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fields":
            what = _value(node.args[2], context)
            if isinstance(what, str) and _is(node.args[1], "node"):
                return Taken("mapping", (what,))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) >= 2 and _is(node.args[0], "reading"):
            if not _is(node.args[1], "node"):
                continue
            found = _taken(node.func, context)
            if found != UNKNOWN and (found.kind != "function" or found.parts[0] in LEAVES):
                return found
    return UNKNOWN


def _tree(function: FunctionType) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


def _local(node: ast.expr, context: _Context) -> ast.FunctionDef | None:
    """The function of that name which stands inside one of those around."""
    if not isinstance(node, ast.Name):
        return None
    inside = (child for function in context.around for child in ast.walk(function))
    return next(
        (child for child in inside if isinstance(child, ast.FunctionDef) and child.name == node.id
         and child is not context.around[0]), None,
    )  # fmt: skip


def _assigned(node: ast.expr, context: _Context) -> ast.expr | None:
    """What a name was set to inside one of the functions around."""
    if not isinstance(node, ast.Name):
        return None
    for function in reversed(context.around):
        for child in ast.walk(function):
            if isinstance(child, ast.Assign) and any(_is(target, node.id) for target in child.targets):
                return child.value
    return None


def _value(node: ast.expr, context: _Context) -> Any:
    """What the expression is worth in its module, or None if only running it would tell."""
    if isinstance(node, ast.Name) and node.id in context.bound:
        return context.bound[node.id]
    try:
        code = compile(ast.Expression(node), context.module.__name__, "eval")
        return eval(code, {**vars(context.module), **_imported(context.around)})  # noqa: S307 -- our own source
    except Exception:  # whatever it is, it is not known before it runs
        return None


def _imported(functions: tuple[ast.FunctionDef, ...]) -> dict[str, object]:
    """What the functions import when they are called."""
    found: dict[str, object] = {}
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sereno.spec"):
                module = importlib.import_module(node.module or "")
                found |= {name.asname or name.name: getattr(module, name.name, None) for name in node.names}
    return found


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name

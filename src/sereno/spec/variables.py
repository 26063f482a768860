"""Reads variables, and puts their values where `${name}` stands.

```yaml
variables:                   # of the workspace; `${name}` stands for them in any text of any document
  region: south              # text, a number, or true/false
  slow: {type: duration, default: 500ms, description: What people call slow}
  target: {type: percentage, default: 99.9%}
  domain: {type: url}        # without a default every environment must say
```
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, field, replace

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.reading import Reading
from sereno.spec.source import Hole, Mapping, Node, Scalar, Sequence, locate

TYPES = ("string", "number", "duration", "percentage", "boolean", "url")
BUILT_IN = ("service", "team", "environment", "workspace")
"""Names that stand for what is being read: `${service}` in a service's document or template, and so on."""
_TYPE = values.one_of(*TYPES)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_HOLE = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_-]{0,62})\}")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_PERCENTAGE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,12})?\s*%")
_VALUE_MAX = 10_000
_TEXT_MAX = 100_000
_TOTAL_MAX = 10_000_000
_NAMES_MAX = 200


@dataclass(frozen=True, slots=True)
class Variable:
    """What `${name}` stands for; `value` None where nobody says."""

    name: str
    type: str
    value: str | None
    place: Node


@dataclass(slots=True)
class Scope:
    """The variables that may be used somewhere. With `lenient` unknown names are left as they are written."""

    known: Mapped[str, Variable]
    lenient: bool = False
    spent: list[int] = field(default_factory=lambda: [0])

    def and_also(self, more: Mapped[str, Variable]) -> Scope:
        """The same with more variables, which win."""
        return Scope({**self.known, **more}, self.lenient, self.spent)


def declared(reading: Reading, node: Node) -> dict[str, Variable]:
    """The variables declared by the mapping `node`."""
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to values, such as {region: south}")
        return {}
    found = {}
    for key, value in node.entries:
        if not _NAME.fullmatch(key.value) or key.value in BUILT_IN:
            stands = key.value in BUILT_IN
            reading.complain(
                "SER128",
                key,
                f"`{key.value[:80]}` cannot be a variable's name",
                expected="letters, digits, - and _, beginning with a letter",
                hint=f"`${{{key.value}}}` already stands for the {key.value} itself" if stands else None,
            )
            continue
        if isinstance(value, Mapping):
            found[key.value] = _typed(reading, key, value)
        elif isinstance(value, Scalar) and value.kind in ("boolean", "number"):
            found[key.value] = Variable(key.value, value.kind, value.value.strip(), value)
        else:
            given = value.value if isinstance(value, Scalar) and _fits(reading, value, "string") else None
            found[key.value] = Variable(key.value, "string", given, value)
    return found


def _typed(reading: Reading, key: Scalar, node: Mapping) -> Variable:
    fields = Fields(reading, node, "a declared variable", required=("type",), optional=("default", "description"))
    fields.read("description", values.text)
    kind = fields.read("type", _TYPE) or "string"
    default = fields.value("default")
    written = default.value.strip() if isinstance(default, Scalar) and _fits(reading, default, kind) else None
    if default is not None and not isinstance(default, Scalar):
        _fits(reading, default, kind)
    return Variable(key.value, kind, written, key)


def overridden(reading: Reading, known: Mapped[str, Variable], node: Node) -> dict[str, Variable]:
    """The variables with the values that an environment gives some of them."""
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of variables to values")
        return dict(known)
    found = dict(known)
    for key, value in node.entries:
        if key.value not in known:
            reading.complain(
                "SER127",
                key,
                f"there is no variable `{key.value[:80]}`",
                expected=_names(known),
                hint=reading.closest(key.value, known),
            )
        elif _fits(reading, value, known[key.value].type):
            assert isinstance(value, Scalar)
            found[key.value] = replace(known[key.value], value=value.value.strip())
    return found


def _fits(reading: Reading, node: Node, kind: str) -> bool:
    """Whether the value is of that type; reported otherwise."""
    if not isinstance(node, Scalar) or node.broken or node.kind == "null":
        expect(reading, node, f"a {kind}")
        return False
    written = node.value.strip()
    if "${" in written or len(written) > _VALUE_MAX:
        reading.complain("SER128", node, "a variable's value holds no other variables, and at most 10,000 characters")
        return False
    fits: dict[str, Callable[[], object]] = {
        "string": lambda: True,
        "number": lambda: _NUMBER.fullmatch(written),
        "percentage": lambda: _PERCENTAGE.fullmatch(written),
        "boolean": lambda: node.kind == "boolean",
        "duration": lambda: values.is_duration(written),
        "url": lambda: values.is_url(written),
    }
    if fits[kind]():
        return True
    examples = {"number": "5", "percentage": "99.9%", "boolean": "true", "duration": "500ms", "url": "https://…"}
    reading.complain(
        "SER128", node, f"`{written[:40]}` is not a {kind}", expected=f"a {kind}, such as {examples[kind]}"
    )
    return False


def substitute(reading: Reading, node: Node, scope: Scope) -> Node:
    """`node` with the values of variables in its texts; unknown names are reported where they stand."""
    if isinstance(node, Scalar):
        return _filled(reading, node, scope) if "${" in node.value else node
    if isinstance(node, Sequence):
        items = tuple(substitute(reading, item, scope) for item in node.items)
        return node if all(map(_same, items, node.items)) else replace(node, items=items)
    entries = tuple((key, substitute(reading, value, scope)) for key, value in node.entries)
    changed = any(new is not old for (_, new), (_, old) in zip(entries, node.entries, strict=True))
    return replace(node, entries=entries) if changed else node


def _same(one: object, other: object) -> bool:
    return one is other


def _filled(reading: Reading, scalar: Scalar, scope: Scope) -> Scalar:
    """The text with its holes filled, each of which remembers what was written there."""
    parts: list[str] = []
    holes: list[Hole] = []
    done = length = 0
    whole: Variable | None = None
    for found in _HOLE.finditer(scalar.value):
        escaped = found[0].startswith("$$")
        variable = None if escaped else scope.known.get(found[1])
        if not escaped and variable is None and scope.lenient:
            continue
        if not escaped and (variable is None or variable.value is None):
            _complain(reading, scalar, found.start(), found[0], found[1], variable, scope)
            return replace(scalar, value="", style="plain", broken=True)
        text = found[0][1:] if escaped else (variable.value or "" if variable else "")
        parts += [scalar.value[done : found.start()], text]
        length += found.start() - done
        holes.append(Hole(length, length + len(text), found.start(), found.end()))
        length += len(text)
        done = found.end()
        whole = variable if found[0] == scalar.value.strip() else None
    if not holes:
        return scalar
    value = "".join([*parts, scalar.value[done:]])
    scope.spent[0] += len(value) + len(holes) * len(scalar.holes)
    if len(value) > _TEXT_MAX or scope.spent[0] > _TOTAL_MAX:
        reading.complain("SER137", scalar, "the text is too long once its variables have their values")
        return replace(scalar, value="", style="plain", broken=True)
    typed = whole is not None and whole.type != "string"
    return replace(
        scalar,
        value=value,
        forced_text=scalar.forced_text or (whole is not None and not typed),
        written=scalar.original,
        holes=_joined(scalar, holes),
        unquoted=typed,
    )


def _joined(scalar: Scalar, later: list[Hole]) -> tuple[Hole, ...]:
    """Where each filled hole stands in the text as it was written: an earlier filling may have moved it."""
    if not scalar.holes:
        return tuple(later)
    moved = [
        Hole(hole.start, hole.end, scalar.as_written(hole.written_start), scalar.as_written(hole.written_end))
        for hole in later
    ]
    kept = []
    for hole in scalar.holes:
        shift = sum(
            (new.end - new.start) - (new.written_end - new.written_start)
            for new in later
            if new.written_end <= hole.start
        )
        kept.append(replace(hole, start=hole.start + shift, end=hole.end + shift))
    return tuple(sorted((*moved, *kept), key=lambda hole: hole.start))


def _complain(
    reading: Reading, scalar: Scalar, offset: int, written: str, name: str, variable: Variable | None, scope: Scope
) -> None:
    index = locate(scalar, offset)
    if variable is not None:
        hint = "it stands for itself only where there is one" if name in BUILT_IN else "choose an environment that says"
        message = f"the variable `{name}` has no value here"
        reading.complain_at("SER129", scalar.file, index, len(written), message, hint=hint)
        return
    near = reading.closest(name, (*scope.known, *BUILT_IN))
    hint = near or f"write `${written}` if the text itself is meant"
    message = f"there is no variable `{name}`"
    reading.complain_at("SER127", scalar.file, index, len(written), message, expected=_names(scope.known), hint=hint)


def _names(known: Mapped[str, Variable]) -> str:
    if len(known) > _NAMES_MAX:
        return f"one of the {len(known):,} variables that are declared"
    names = sorted(name for name in known if name not in BUILT_IN)
    return f"one of {', '.join(names)}"[:200] if names else "a variable that the workspace declares"

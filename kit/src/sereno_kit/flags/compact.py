"""The house's short form of flags, compiled into flagd's, so that every SDK that reads flagd divides users alike.

```yaml
flags: checkout
define:
  - name: new-checkout
    type: boolean
    default: false
    to: true                     # what those get whom the lines below choose
    users: [ana, bo]             # 1. these, whatever else is said
    rules:                       # 2. the first rule that fits
      - {when: {country: [MX, CO], version: {at_least: "2.1"}}, share: 50%}
    share: 10%                   # 3. of everybody else who is known
```
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

PARTS = 100_000
"""Into how many parts users are divided: a share is exact to a thousandth of a percent, and one that grows keeps whom
it had."""
_TYPES = ("boolean", "string", "number", "object")
_KEYS = frozenset({"name", "type", "default", "values", "share", "to", "users", "rules", "title", "owner", "expires",
                   "enabled"})  # fmt: skip
_RULE_KEYS = frozenset({"when", "to", "share"})


def flags_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` in flagd's form. Raises ValueError, naming the flag and what is wrong with it."""
    define = document.get("define")
    if not isinstance(define, Sequence) or isinstance(define, str):
        raise ValueError("`define` is a list of flags")
    made: dict[str, Any] = {}
    for one in define:
        name = one.get("name") if isinstance(one, Mapping) else None
        if not isinstance(name, str) or not name:
            raise ValueError("a flag has a `name`")
        if name in made:
            raise ValueError(f"the flag {name!r} is defined twice")
        try:
            made[name] = flag(one)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return {"flags": made, "metadata": {"flagSetId": str(document.get("flags") or "")}}


def flag(one: Mapping[str, Any]) -> dict[str, Any]:
    """One flag in flagd's form.

    Args:
        one: `name`, `type`, `default`, and perhaps `values`, `to`, `share`, `users`, `rules`, `enabled`, `owner`,
            `expires`, `title`; values of their type, or texts of them.

    Raises:
        ValueError: it is malformed.
    """
    unknown = sorted(str(key) for key in one.keys() - _KEYS)
    if unknown:
        raise ValueError(f"there is no key {unknown[0][:40]!r}")
    kind = one.get("type")
    if kind not in _TYPES:
        raise ValueError(f"`type` is one of {', '.join(_TYPES)}")
    variants = _Variants(str(kind))
    for value in one.get("values") or ():
        variants.name(value)
    if "default" not in one:
        raise ValueError("`default` is missing")
    default = variants.name(one["default"])
    to = variants.name(one["to"]) if one.get("to") is not None else None
    enabled = one.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ValueError("`enabled` is true or false")
    targeting = _targeting(one, default, to, variants)
    made: dict[str, Any] = {
        "state": "ENABLED" if enabled else "DISABLED", "variants": variants.all, "defaultVariant": default,
    }  # fmt: skip
    if targeting is not None:
        made["targeting"] = targeting
    told = {key: str(one[key]) for key in ("title", "owner", "expires") if one.get(key)}
    return {**made, "metadata": told} if told else made


class _Variants:
    """The values that a flag can have, named by what they are."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.all: dict[str, Any] = {"on": True, "off": False} if kind == "boolean" else {}

    def name(self, value: Any) -> str:
        """The name of the variant that is `value`, which becomes one if it was none."""
        parsed = _value(self.kind, value)
        for name, known in self.all.items():
            if known == parsed and type(known) is type(parsed):
                return name
        if self.kind == "boolean":
            raise ValueError("a boolean is true or false")
        name = parsed if isinstance(parsed, str) and parsed else f"v{len(self.all) + 1}"
        if self.kind == "number":
            name = str(parsed)
        self.all[name] = parsed
        return name


def _value(kind: str, value: Any) -> Any:
    if kind == "boolean":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif kind == "number":
        return _number(value)
    elif (kind == "string" and isinstance(value, str)) or (kind == "object" and isinstance(value, (dict, list))):
        return value
    raise ValueError(f"{str(value)[:40]!r} is no {kind}")


def _number(value: Any) -> int | float:
    if isinstance(value, (str, Decimal)):
        try:
            exact = Decimal(value)
        except InvalidOperation:
            raise ValueError(f"{str(value)[:40]!r} is no number") from None
        if not exact.is_finite() or abs(exact.adjusted()) > 300:
            raise ValueError(f"{str(value)[:40]!r} is no number")
        return int(exact) if exact == exact.to_integral_value() and abs(exact) < 2**53 else float(exact)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
        return value
    raise ValueError(f"{str(value)[:40]!r} is no number")


def parts(share: Any) -> int:
    """How many of `PARTS` a share is: `10%`, `12.5%`, a Decimal or number from 0 to 1. Raises ValueError."""
    written = share.strip() if isinstance(share, str) else share
    percent = isinstance(written, str) and written.endswith("%")
    if isinstance(share, bool) or (isinstance(written, str) and not percent):
        raise ValueError(f"{str(share)[:20]!r} is no share: such as 10%")
    try:
        exact = Decimal(written[:-1].strip()) / 100 if percent else Decimal(str(written))
    except InvalidOperation:
        raise ValueError(f"{str(share)[:20]!r} is no share: such as 10%") from None
    if not exact.is_finite() or not 0 <= exact <= 1:
        raise ValueError(f"{str(share)[:20]!r} is no share from 0% to 100%")
    scaled = exact * PARTS
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{str(share)[:20]!r} is finer than a thousandth of a percent")
    return int(scaled)


def division(to: str, other: str, share: Any) -> Any:
    """The rule by which `share` of those who are known get `to`; everybody at 100 %, known or not, nobody at 0 %."""
    some = parts(share)
    if some in (0, PARTS):
        return to if some else other
    return {"fractional": [[to, some], [other, PARTS - some]]}


def _targeting(one: Mapping[str, Any], default: str, to: str | None, variants: _Variants) -> Any:
    branches: list[Any] = []
    users = one.get("users") or []
    if users:
        if not isinstance(users, list) or not all(isinstance(user, (str, int)) for user in users):
            raise ValueError("`users` is a list of users")
        branches += [{"in": [{"var": "targetingKey"}, [str(user) for user in users]]}, _needed(to, "users")]
    rules = one.get("rules") or []
    if not isinstance(rules, list):
        raise ValueError("`rules` is a list of rules")
    for rule in rules:
        if not isinstance(rule, Mapping) or not rule.get("when") or rule.keys() - _RULE_KEYS:
            raise ValueError("a rule has `when`, and perhaps `to` and `share`")
        chosen = variants.name(rule["to"]) if rule.get("to") is not None else _needed(to, "rules")
        share = rule.get("share")
        branches += [condition(rule["when"]), chosen if share is None else division(chosen, default, share)]
    share = one.get("share")
    last = None if share is None else division(_needed(to, "share"), default, share)
    if branches:
        return {"if": [*branches, last]}
    # A rule that is a plain text would be one that decides nothing: flagd wants an object.
    return {"if": [True, last]} if isinstance(last, str) else last


def _needed(to: str | None, what: str) -> str:
    if to is None:
        raise ValueError(f"`{what}` needs `to`: what they get")
    return to


def condition(when: Any) -> dict[str, Any]:
    """JSONLogic for `when`: attributes that must all fit. A value, a list of which one fits, or an operation each."""
    if not isinstance(when, Mapping) or not when:
        raise ValueError("`when` is an object of attributes")
    tests = [_test({"var": _attribute(name)}, wanted) for name, wanted in when.items()]
    return tests[0] if len(tests) == 1 else {"and": tests}


def _attribute(name: Any) -> str:
    if not isinstance(name, str) or not name or len(name) > 100:
        raise ValueError("an attribute's name is a text")
    return "targetingKey" if name == "user" else name


def _test(attribute: dict[str, Any], wanted: Any) -> dict[str, Any]:
    if isinstance(wanted, list):
        return {"in": [attribute, [_plain(item) for item in wanted]]}
    if not isinstance(wanted, Mapping):
        return {"===": [attribute, _plain(wanted)]}
    tests = []
    for operation, operand in wanted.items():
        make = _OPERATIONS.get(str(operation))
        if make is None:
            raise ValueError(f"there is no operation {str(operation)[:40]!r}: {', '.join(_OPERATIONS)}")
        tests.append(make(attribute, operand))
    if not tests:
        raise ValueError("an attribute's test is empty")
    return tests[0] if len(tests) == 1 else {"and": tests}


def _plain(value: Any) -> Any:
    if not isinstance(value, (str, int, float, bool)):
        raise ValueError(f"{str(value)[:40]!r} is no text, number, true or false")
    return value


def _of_version(operator: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    return lambda attribute, operand: {"sem_ver": [attribute, operator, str(_plain(operand))]}


def _of_text(operation: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    return lambda attribute, operand: {operation: [attribute, str(_plain(operand))]}


def _of_number(operator: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    # Somebody of whom nothing is known is not below 5, although JSONLogic takes nothing for 0.
    return lambda attribute, operand: {"and": [{"!==": [attribute, None]}, {operator: [attribute, _number(operand)]}]}


_OPERATIONS: Mapping[str, Callable[[dict[str, Any], Any], dict[str, Any]]] = {
    "starts_with": _of_text("starts_with"),
    "ends_with": _of_text("ends_with"),
    "above": _of_number(">"),
    "below": _of_number("<"),
    "at_least": _of_version(">="),
    "older_than": _of_version("<"),
    "is": lambda attribute, operand: _test(attribute, operand),
    "is_not": lambda attribute, operand: {"!": _test(attribute, operand)},
}

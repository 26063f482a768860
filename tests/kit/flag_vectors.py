"""The cases of OpenFeature's reference (flagd's testbed, July 2026: its evaluator features) as facts of our own making.

A case is (flag, kind, the caller's default, context, what is expected). Expected is a value, a value and a reason, or
the code of an error.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    flag: str
    kind: str
    default: Any
    context: dict[str, Any]
    value: Any
    reason: str | None = None
    code: str | None = None


TEMPLATE = {"showImages": True, "title": "Check out these pics!", "imagesPerPage": 100}
BALLMER = {"email": "ballmer@macrosoft.com"}
_IS_BALLMER = {"$ref": "is_ballmer"}


def _flag(variants: Any, default: Any = None, targeting: Any = None, **more: Any) -> dict[str, Any]:
    made = {"state": "ENABLED", "variants": variants, "defaultVariant": default, **more}
    return made if targeting is None else {**made, "targeting": targeting}


def _names(words: str, default: str, targeting: Any) -> dict[str, Any]:
    """A flag whose variants are texts, each named by itself."""
    return _flag({word: word for word in words.split()}, default, targeting)


def _var(name: str) -> dict[str, str]:
    return {"var": name}


def _quarters(by: Any) -> dict[str, Any]:
    return {"fractional": [by, *[[suit, 25] for suit in ("clubs", "diamonds", "hearts", "spades")]]}


SUITS = "clubs diamonds hearts spades wild"
_ON_OFF = {"on": True, "off": False}
_KEY = _var("targetingKey")
_SEED = {"cat": ["shared-seed", _var("user.name")]}
_VERSION = _var("version")


def _when(test: Any, then: Any, otherwise: Any) -> dict[str, Any]:
    return {"if": [test, then, otherwise]}


def _match(operator: str, wanted: str) -> dict[str, Any]:
    return _names("match no-match", "no-match", _when({"sem_ver": [_VERSION, operator, wanted]}, "match", "no-match"))


def _answers(rule: Any) -> dict[str, Any]:
    return _names("true false fallback", "fallback", rule)


def _halves(words: str, *entries: Any) -> dict[str, Any]:
    return _names(f"{words} fallback", "fallback", {"fractional": [_KEY, *entries]})


def _zero(zero: Any, other: Any, targeted: bool) -> dict[str, Any]:
    return _flag({"zero": zero, "non-zero": other}, "zero", {"if": [_IS_BALLMER, "zero"]} if targeted else None)


_ZEROS = {"boolean": (False, True), "string": ("", "str"), "integer": (0, 1), "float": (0.0, 1.0),
          "object": ({}, TEMPLATE)}  # fmt: skip
_JOBS = {"==": ["jobs@orange.com", {"var": ["email"]}]}
_NUMBERS = {"big": "hundreds", "small": "ones", "fallback": "zero"}

DEFINITIONS: dict[str, Any] = {
    "$evaluators": {"is_ballmer": {"==": ["ballmer@macrosoft.com", {"var": ["email"]}]}},
    "flags": {
        "boolean-flag": _flag(_ON_OFF, "on"),
        "string-flag": _flag({"greeting": "hi", "parting": "bye"}, "greeting"),
        "integer-flag": _flag({"one": 1, "ten": 10}, "ten"),
        "float-flag": _flag({"tenth": 0.1, "half": 0.5}, "half"),
        "object-flag": _flag({"empty": {}, "template": TEMPLATE}, "template"),
        **{f"{kind}-zero-flag": _zero(*pair, targeted=False) for kind, pair in _ZEROS.items()},
        **{f"{kind}-targeted-zero-flag": _zero(*_ZEROS[kind], targeted=True) for kind in _ZEROS if kind != "object"},
        "wrong-flag": _flag({"one": "uno", "two": "dos"}, "one"),
        "null-default-flag": _flag(_ON_OFF),
        "undefined-default-flag": {"state": "ENABLED", "variants": {"small": 10, "big": 1000}},
        "no-default-null": _flag({"normal": "CFO", "special": "CEO"}, None, {"if": [_JOBS, "special", None]}),
        "no-default-undefined": _flag({"normal": "CFO", "special": "CEO"}, None, {"if": [_JOBS, "special"]}),
        "metadata-flag": _flag(
            _ON_OFF, "on", metadata={"string": "1.0.2", "integer": 2, "boolean": True, "float": 0.1}
        ),
        "email": _names("hi bye none", "none", _when(_IS_BALLMER, "hi", "bye")),
        "email-again": _names("yes no none", "none", _when(_IS_BALLMER, "yes", "no")),
        "fractional-flag": _names(SUITS, "wild", _quarters({"cat": [_var("$flagd.flagKey"), _var("user.name")]})),
        "fractional-flag-shorthand": _names("heads tails draw", "draw", {"fractional": [["heads"], ["tails", 1]]}),
        "seed-a": _names(SUITS, "wild", _quarters(_SEED)),
        "seed-b": _flag({suit: f"ace-of-{suit}" for suit in SUITS.split()}, "wild", _quarters(_SEED)),
        "hash-edge": _names("lower upper", "lower", {"fractional": [_KEY, ["lower", 50], ["upper", 50]]}),
        "starts-ends": _names(
            "prefix postfix none", "none",
            _when({"starts_with": [_var("id"), "abc"]}, "prefix",
                  _when({"ends_with": [_var("id"), "xyz"]}, "postfix", "none")),
        ),
        "compared-version": _names(
            "equal greater lesser none", "none",
            _when({"sem_ver": [_VERSION, "=", "2.0.0"]}, "equal",
                  _when({"sem_ver": [_VERSION, ">", "2.0.0"]}, "greater",
                        _when({"sem_ver": [_VERSION, "<", "2.0.0"]}, "lesser", "none"))),
        ),
        "major-minor": _names(
            "minor major none", "none",
            _when({"sem_ver": [_VERSION, "~", "3.0.0"]}, "minor",
                  _when({"sem_ver": [_VERSION, "^", "3.0.0"]}, "major", "none")),
        ),
        "targeting-key": _names(
            "miss hit", "miss", _when({"==": [_KEY, "5c3d8535-f81a-4478-a6d3-afaa4d51199e"]}, "hit", None)
        ),
        "nested-if": _halves(
            "premium standard", [_when({"==": [_var("tier"), "premium"]}, "premium", "standard"), 50], ["standard", 50]
        ),
        "nested-var": _halves("red green blue", [_var("color"), 50], ["blue", 50]),
        "nested-weight": _halves(
            "red blue", ["red", _when({"==": [_var("tier"), "premium"]}, 100, 0)], ["blue", 10]
        ),
        "as-condition": _flag(_NUMBERS, "fallback", _when({"fractional": [[False, 0], [True, 100]]}, "big", "small")),
        "as-condition-false": _flag(
            _NUMBERS, "fallback", _when({"fractional": [[False, 100], [True, 0]]}, "big", "small")
        ),
        "single-entry": _names("single fallback", "fallback", {"fractional": [["single", 1]]}),
        "null-bucket-key": _names(
            "one two fallback", "fallback", {"fractional": [_var("missing_key"), ["one", 50], ["two", 50]]}
        ),
        "zero-weights": _halves("one two", ["one", 0], ["two", 0]),
        "negative-weight": _halves("one two", ["one", -50], ["two", 100]),
        "invalid-version": _answers({"sem_ver": [_VERSION, "=", "1.0.0"]}),
        "invalid-operator": _answers({"sem_ver": [_VERSION, "===", "1.0.0"]}),
        "version-wrong-args": _answers({"sem_ver": [_VERSION, "="]}),
        "v-prefix": _match("=", "v1.0.0"),
        "partial-version": _match("^", "1"),
        "build-metadata": _match("=", "1.0.0+build"),
        "numeric-version": _match(">", "1.1"),
        "no-such-ref": _names("hit miss fallback", "fallback", _when({"$ref": "nonexistent_evaluator"}, "hit", "miss")),
        "starts-with-number": _answers({"starts_with": [_var("num"), "abc"]}),
        "ends-with-number": _answers({"ends_with": [_var("num"), "xyz"]}),
        "starts-with-one": _answers({"starts_with": ["abc"]}),
        "ends-with-one": _answers({"ends_with": ["xyz"]}),
        "disabled-boolean": {**_flag(_ON_OFF, "on"), "state": "DISABLED"},
        "disabled-string": {**_flag({"greeting": "hi", "parting": "bye"}, "greeting"), "state": "DISABLED"},
        "disabled-integer": {**_flag({"one": 1, "ten": 10}, "ten"), "state": "DISABLED"},
        "disabled-float": {**_flag({"tenth": 0.1, "half": 0.5}, "half"), "state": "DISABLED"},
        "disabled-object": {**_flag({"empty": {}, "template": TEMPLATE}, "template"), "state": "DISABLED"},
    },
}  # fmt: skip


def _strings(flag: str, attribute: str, rows: dict[Any, Any], reason: str | None = None) -> list[Case]:
    return [Case(flag, "string", "wrong", {attribute: given}, value, reason) for given, value in rows.items()]


def _people(flag: str, rows: dict[str, str]) -> list[Case]:
    return [Case(flag, "string", "wrong", {"user": {"name": name}}, value) for name, value in rows.items()]


def _tiers(flag: str, attribute: str, rows: list[tuple[str, str, str]]) -> list[Case]:
    return [
        Case(flag, "string", "fallback", {"targetingKey": who, attribute: what}, value) for who, what, value in rows
    ]


_KINDS = {"boolean": "boolean", "string": "string", "integer": "integer", "float": "number", "object": "object"}
_OTHER = {"boolean": True, "string": "hi", "integer": 1, "float": 0.1, "object": {"a": 1}}
_JON, _ONE = "jon@company.com", "user1"

CASES: list[Case] = [
    # Values that nothing chooses.
    Case("boolean-flag", "boolean", False, {}, True),
    Case("string-flag", "string", "bye", {}, "hi"),
    Case("integer-flag", "integer", 1, {}, 10),
    Case("float-flag", "number", 0.1, {}, 0.5),
    Case("object-flag", "object", {}, {}, TEMPLATE),
    # Values that are false in most languages.
    *[Case(f"{k}-zero-flag", _KINDS[k], _OTHER[k], {}, z[0], "STATIC") for k, z in _ZEROS.items()],
    *[Case(f"{k}-targeted-zero-flag", _KINDS[k], _OTHER[k], BALLMER, z[0], "TARGETING_MATCH")
      for k, z in _ZEROS.items() if k != "object"],
    *[Case(f"{k}-targeted-zero-flag", _KINDS[k], _OTHER[k], {"email": "ballmer@none.com"}, z[0], "DEFAULT")
      for k, z in _ZEROS.items() if k != "object"],
    # Errors.
    Case("missing-flag", "string", "uh-oh", {}, "uh-oh", "ERROR", "FLAG_NOT_FOUND"),
    Case("wrong-flag", "integer", 13, {}, 13, "ERROR", "TYPE_MISMATCH"),
    Case("no-such-ref", "string", "fallback", {}, "fallback", "ERROR", "PARSE_ERROR"),
    # Flags that are off, and flags without a default.
    *[Case(f"disabled-{k}", _KINDS[k], d, {}, d, "DISABLED") for k, d in
      {"boolean": False, "string": "bye", "integer": 1, "float": 0.1, "object": {}}.items()],
    Case("null-default-flag", "boolean", True, {"email": ""}, True, "DEFAULT"),
    Case("null-default-flag", "boolean", False, {"email": ""}, False, "DEFAULT"),
    Case("undefined-default-flag", "integer", 100, {"email": ""}, 100, "DEFAULT"),
    Case("no-default-null", "string", "Inventor", {"email": "wozniak@orange.com"}, "Inventor", "DEFAULT"),
    Case("no-default-null", "string", "CEO", {"email": "jobs@orange.com"}, "CEO", "TARGETING_MATCH"),
    Case("no-default-undefined", "string", "Retired", {"email": "wozniak@orange.com"}, "Retired", "DEFAULT"),
    # Shared rules.
    *[Case("email", "string", "wrong", {"email": e}, v, "TARGETING_MATCH") for e, v in
      {"ballmer@macrosoft.com": "hi", "user@example.com": "bye"}.items()],
    Case("email-again", "string", "wrong", BALLMER, "yes"),
    # Shares (the division of 2025, of 32 bits).
    *_people("fractional-flag",
             {"jack": "hearts", "queen": "spades", "ten": "clubs", "nine": "diamonds", "3": "clubs"}),
    *_strings("fractional-flag-shorthand", "targetingKey", {_JON: "heads", "jane@company.com": "tails"}),
    *_people("seed-a", {"seven": "hearts", "eight": "diamonds", "nine": "clubs", "two": "spades"}),
    *_people("seed-b", {"seven": "ace-of-hearts", "eight": "ace-of-diamonds", "nine": "ace-of-clubs",
                        "two": "ace-of-spades"}),
    *_strings("single-entry", "targetingKey", {"some-targeting-key": "single"}),
    *_strings("hash-edge", "targetingKey",
              {"ejOoVL": "lower", "bY9fO-": "lower", "SI7p-": "lower", "6LvT0": "upper", "ceQdGm": "upper"}),
    *_tiers("nested-if", "tier", [(_JON, "premium", "premium"), (_JON, "basic", "standard"),
                                  (_ONE, "premium", "standard"), (_ONE, "basic", "standard")]),
    *_tiers("nested-var", "color", [(_JON, "red", "red"), (_JON, "green", "green"), (_ONE, "red", "blue"),
                                    (_JON, "yellow", "fallback"), (_JON, "", "fallback")]),
    *_tiers("nested-weight", "tier", [(_JON, "premium", "red"), (_JON, "basic", "blue"), (_ONE, "premium", "red"),
                                      (_ONE, "basic", "blue")]),
    Case("as-condition", "string", "zero", {"targetingKey": "some-targeting-key"}, "hundreds"),
    Case("as-condition-false", "string", "zero", {"targetingKey": "some-targeting-key"}, "ones"),
    Case("null-bucket-key", "string", "wrong", {}, "fallback", "DEFAULT"),
    Case("zero-weights", "string", "wrong", {"targetingKey": "any-user"}, "fallback", "DEFAULT"),
    Case("negative-weight", "string", "wrong", {"targetingKey": "any-user"}, "two"),
    # Versions.
    *_strings("compared-version", "version", {"2.0.0": "equal", "2.1.0": "greater", "1.9.0": "lesser",
                                              "2.0.0-alpha": "lesser", "2.0.0.0": "none"}),
    *_strings("major-minor", "version", {"3.0.1": "minor", "3.1.0": "major", "4.0.0": "none"}),
    *_strings("invalid-version", "version", {"not-a-version": "fallback"}, "DEFAULT"),
    *_strings("invalid-operator", "version", {"1.0.0": "fallback"}, "DEFAULT"),
    *_strings("version-wrong-args", "version", {"1.0.0": "fallback"}, "DEFAULT"),
    *_strings("v-prefix", "version", {"1.0.0": "match", "v1.0.0": "match", "V1.0.0": "match", "2.0.0": "no-match"}),
    *_strings("partial-version", "version", {"1.5.0": "match", "1.0.0": "match", "1.0": "match", "1": "match",
                                             1: "match", 1.2: "match", "2.0.0": "no-match"}),
    *_strings("partial-version", "version", {1.0: "match"}),
    *_strings("numeric-version", "version", {1.2: "match", 1.1: "no-match", 2: "match", 1: "no-match", "1.2": "match"}),
    *_strings("build-metadata", "version", {"1.0.0": "match", "1.0.0+other": "match", "2.0.0": "no-match"}),
    # Texts.
    *_strings("starts-ends", "id", {"abcdef": "prefix", "uvwxyz": "postfix", "abcxyz": "prefix", "lmnopq": "none"}),
    *_strings("starts-with-number", "num", {123: "fallback"}, "DEFAULT"),
    *_strings("ends-with-number", "num", {123: "fallback"}, "DEFAULT"),
    Case("starts-with-one", "string", "wrong", {}, "fallback", "DEFAULT"),
    Case("ends-with-one", "string", "wrong", {}, "fallback", "DEFAULT"),
    # The user.
    *_strings("targeting-key", "targetingKey", {"5c3d8535-f81a-4478-a6d3-afaa4d51199e": "hit"}, "TARGETING_MATCH"),
    *_strings("targeting-key", "targetingKey", {"f20bd32d-703b-48b6-bc8e-79d53c85134a": "miss"}, "DEFAULT"),
]  # fmt: skip

"""The JSON Schema of the spec, for editors: made from the readers' own code, with the meanings of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sereno.app.reference_spec import MEANINGS
from sereno.app.spec_readers import UNKNOWN, Shape, Taken, shape_of, shapes

if TYPE_CHECKING:
    from sereno.spec.model import Spec

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = "(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?"
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_URL = "https?://[^\\s]+"
_ENV = "env:[A-Za-z_][A-Za-z0-9_]*"
_TEXT: Schema = {"type": ["string", "number"], "minLength": 1}
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}
_WEEKDAYS = "(?i:mon|tue|wed|thu|fri|sat|sun|lun|mar|mi[eé]|jue|vie|s[aá]b|dom)[a-záé]*"


def _pattern(text: str, **more: object) -> Schema:
    return {"anyOf": [{"type": "string", "pattern": f"^(?:{text})$", **more}, _VARIABLE]}


def _or_variable(schema: Schema) -> Schema:
    return {"anyOf": [schema, _VARIABLE]}


_PERCENT = r"[0-9]{1,4}(?:\.[0-9]{1,12})?\s*%"
_LEAVES: Mapping[str, Schema] = {
    "values.name": {"anyOf": [{"type": "string", "pattern": f"^{_NAME}$"}, {"type": "number"}, _VARIABLE]},
    "values.flag": _or_variable({"type": "boolean"}),
    "values.duration": _or_variable({"type": "string", "pattern": f"^(?!$){_DURATION}$"}),
    "values.objective": _pattern(r"(?!0+(?:\.0+)?\s*%)[0-9]{1,2}(?:\.[0-9]{1,12})?\s*%", examples=["99.9%", "95%"]),
    "values.url": _pattern(_URL, format="uri"),
    "values.email": _pattern(rf"[^@\s]+@[^@\s]+\.[^@\s]+|{_ENV}"),
    "values.secret_url": _pattern(f"{_URL}|{_ENV}"),
    "values.terminal": {"anyOf": [{"const": True}, {"type": "string", "pattern": f"^(?:/.*|{_ENV})$"}, _VARIABLE]},
    "values.zone": _pattern(r"[A-Za-z_+-]+(?:/[A-Za-z0-9_+-]+)*", examples=["America/Lima", "Europe/Madrid", "UTC"]),
    "values.day": _pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}", format="date"),
    "values.local_time": _pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?"),
    "values.handover": _pattern(rf"\s*{_WEEKDAYS}\s+[0-9]{{1,2}}:[0-9]{{2}}\s*", examples=["monday 09:00"]),
    "values.label_name": _pattern("(?!__)[A-Za-z_][A-Za-z0-9_]*"),
    "queries.comparison": _pattern(
        r"\s*(?:==|!=|<=|>=|<|>)\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*", examples=["== 1", "<= 0.8"]
    ),
    "queries.windowed": {"type": "string", "pattern": r"\$window|\$\{"},
    "recurrence.rrule": {"type": "string", "pattern": r"[Ff][Rr][Ee][Qq]=|\$\{"},
    "tiers._factor": {"anyOf": [{"type": "number", "exclusiveMinimum": 1}, {"type": "string", "minLength": 1}]},
    "readiness._value": {"type": ["string", "number", "boolean"]},
    "readiness._when": {"type": "object", "minProperties": 1},
    "readiness._share": _pattern(_PERCENT),
    "workspace._share": _pattern(_PERCENT),
    "workspace._number": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "minLength": 1}]},
    "kit._admin": {
        "anyOf": [
            _pattern(_URL, format="uri"),
            {"const": "scrape"},
            {"type": "array", "items": _pattern(_URL, format="uri"), "minItems": 1},
        ],
    },
    "kit._variable": _pattern("(?:[A-Z][A-Z0-9_]*_)?KIT_TOKEN(?:_[A-Z0-9_]+)?", examples=["PAYMENTS_KIT_TOKEN"]),
    "service._links": {"type": "object", "additionalProperties": _pattern(_URL, format="uri")},
}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_INSTEAD: Mapping[str, Schema] = {
    "a calendar window": {"anyOf": [{"type": "string", "pattern": f"^(?!$){_DURATION}$"}, _VARIABLE]},
    "a component": _TEXT,
    "a part of a composite": {"type": "string"},
}
_PARTIAL = ("service", "slo", "alert")
_OF = {"service": "a service", "slo": "an objective", "alert": "an alert"}
_KINDS_OF_LISTS = {"services": "a service", "slos": "an objective", "alerts": "an alert"}
_EXTENDS: Schema = {
    "anyOf": [
        {"type": "string"},
        {"$ref": "#/$defs/an extension"},
        {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/an extension"}]}, "minItems": 1},
    ]
}
_VARIABLES: Schema = {
    "type": "object",
    "propertyNames": {
        "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$",
        "not": {"enum": ["service", "team", "environment", "workspace"]},
    },
    "additionalProperties": {"anyOf": [{"$ref": "#/$defs/a declared variable"}, _SCALAR]},
}
_PROMISES: Schema = {
    "properties": {
        "sli": {
            "anyOf": [
                {"required": [kind], "properties": {kind: {"required": ["promises"]}}}
                for kind in ("latency", "http", "grpc", "queue", "database")
            ],
        }
    },
    "required": ["sli"],
}
_RULES: Mapping[str, list[Schema]] = {
    "an indicator in PromQL": [
        {
            "if": {"required": ["ratio"]},
            "then": {"maxProperties": 1},
            "else": {"required": ["total"], "oneOf": [{"required": ["bad"]}, {"required": ["good"]}]},
        }
    ],
    "a saturation": [{"anyOf": [{"required": ["levels"]}, {"required": ["ahead"]}]}],
    "a guard of low traffic": [{"minProperties": 1}],
    "a scrape job": [{"anyOf": [{"required": ["targets"]}, {"required": ["discovery"]}]}],
    "an objective": [
        {"if": _PROMISES, "then": {"not": {"required": ["objective"]}}},
        {"if": {"required": ["method"], "properties": {"method": {"const": "timeslices"},
         "sli": {"not": {"required": ["gauge"]}}}}, "then": {"required": ["slice_objective"]}},
    ],
    "an indicator of a queue": [
        {"oneOf": [{"required": [key]} for key in ("lag_below", "processed", "waited")]},
        {"if": {"required": ["lag_below"]}, "then": {"required": ["system"]}},
        {"if": {"required": ["processed"]}, "then": {"required": ["failed"]}},
        {"if": {"required": ["waited"]}, "then": {"oneOf": [{"required": ["within"]}, {"required": ["promises"]}]}},
    ],
    "an indicator of a batch job": [
        {"oneOf": [{"required": [key]} for key in ("last_success", "cronjob", "runs")]},
        {"if": {"required": ["runs"]}, "then": {"oneOf": [{"required": ["failed"]}, {"required": ["succeeded"]}]},
         "else": {"required": ["within"]}},
    ],
    "an indicator of a cache": [
        {"oneOf": [{"required": ["system"]}, {"required": ["hits", "misses"]}]},
    ],
    "an indicator of time to complete": [
        {"oneOf": [{"required": ["histogram", "within"]}, {"required": ["settled", "in_time"]},
                   {"required": ["started", "late", "within"]}]},
    ],
}  # fmt: skip
"""What the readers ask for besides, where one key asks for another; in place of what is read from the code."""
_FOREIGN = ("apiVersion", "version", "groups", "route", "receivers", "global", "scrape_configs", "rule_files")


class _Maker:
    """Makes the definitions; those of a workspace know its names and its defaults."""

    def __init__(self, names: Mapping[str, tuple[str, ...]], given: Mapping[str, frozenset[str]]) -> None:
        self._names = names
        self._given = given
        self.definitions: Schema = {}

    def ref(self, what: str, *, partial: bool = False) -> Schema:
        """A reference to the mapping `what`; `partial` where some of it comes from elsewhere."""
        name = f"{what} (partial)" if partial else what
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self._mapping(shapes()[what], partial=partial)
        found: Schema = {"$ref": f"#/$defs/{name}"}
        return self._alternatives(shapes()[what], found)

    def _alternatives(self, shape: Shape, found: Schema) -> Schema:
        instead = _INSTEAD.get(shape.what)
        if instead is None and shape.instead:
            kinds = (["string", "number", "boolean"] if "Scalar" in shape.instead else []) + (
                ["array"] if "Sequence" in shape.instead else []
            )
            instead = {"type": kinds} if kinds else None
        return found if instead is None else {"anyOf": [instead, found]}

    def _mapping(self, shape: Shape, *, partial: bool) -> Schema:
        meanings = MEANINGS.get(shape.what, {})
        properties: Schema = {}
        for key in shape.keys:
            value = self._key(shape, key, partial=partial)
            meaning = meanings.get(key)
            properties[key] = {"description": _plain(meaning), **value} if meaning else value
        for key in shape.planned:
            properties[key] = {"description": "Not read yet."}
        made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if partial:
            return made
        needed = [key for key in shape.required if key not in self._given.get(shape.what, ())]
        rules = _rules(shape)
        if "extends" in shape.keys:
            rest: Schema = {"required": needed} if needed else {}
            if shape.what == "an objective" and "objective" not in self._given.get(shape.what, ()):
                rest = {**rest, "anyOf": [_PROMISES, {"required": ["objective"]}]}
            name = [key for key in needed if key in ("service", "name", "alert")]
            rules.append({"if": {"required": ["extends"]}, "then": {"required": name}, "else": rest})
        elif needed:
            made["required"] = needed
        if rules:
            made["allOf"] = rules
        if shape.what == "a service":
            return self._service(made)
        return made

    def _service(self, made: Schema) -> Schema:
        """What a service's template says may complete its objectives and alerts."""
        whole = {key: made["properties"][key] for key in ("slos", "alerts")}
        partial = {
            key: {**whole[key], "items": self.ref(what, partial=True)}
            for key, what in _KINDS_OF_LISTS.items()
            if key in whole
        }
        for key in whole:
            made["properties"][key] = {"description": whole[key].get("description", ""), "type": "array"}
        made["allOf"].append(
            {
                "if": {"required": ["extends"]},
                "then": {"properties": partial},
                "else": {"properties": {key: {"items": whole[key]["items"]} for key in whole}},
            }
        )
        return made

    def _key(self, shape: Shape, key: str, *, partial: bool) -> Schema:
        special = self._special(shape.what, key)
        if special is not None:
            return special
        return self.value(shape.takes.get(key, UNKNOWN), partial=partial)

    def _special(self, what: str, key: str) -> Schema | None:
        """What no reader reads by itself: it is put together before anything is read."""
        if key == "extends":
            self.ref("an extension")
            return _EXTENDS
        if key == "variables" and what in ("the workspace", "a template"):
            self.ref("a declared variable")
            return _VARIABLES
        if what == "the workspace" and key == "environments":
            either = {"anyOf": [self.ref("an environment"), {"type": "null"}]}
            return {"type": "object", "additionalProperties": either}
        if what == "the workspace" and key == "defaults":
            return self.ref("the defaults")
        if what == "the defaults":
            return self.ref(_KINDS_OF_LISTS[key], partial=True)
        if what == "a template" and key in _PARTIAL:
            return self.ref(_OF[key], partial=True)
        if what == "an environment" and key == "override":
            return {"type": "array", "items": {"type": "object", "minProperties": 1}}
        if (what, key) in (("an environment", "variables"), ("an extension", "with")):
            return {"type": "object", "additionalProperties": _SCALAR}
        if (what, key) == ("an extension", "template"):
            return {"type": "string"}
        if (what, key) == ("a declared variable", "default"):
            return _SCALAR
        if what == "an indicator":
            from sereno.spec import templates

            return self.ref(str(shape_of(templates.READERS[key]))) if key in templates.READERS else None
        if what == "a contact":
            leaf = {"slack": "secret_url", "webhook": "secret_url"}.get(key, key)
            return _LEAVES.get(f"values.{leaf}", _TEXT)
        return None

    def value(self, taken: Taken, *, partial: bool = False) -> Schema:
        """The schema of what a key takes."""
        match taken.kind:
            case "mapping":
                return self.ref(taken.parts[0], partial=partial and taken.parts[0] in (*_OF.values(), "an indicator"))
            case "items":
                return {"type": "array", "items": self.value(taken.parts[0], partial=partial)}
            case "one_or_more":
                one = self.value(taken.parts[0], partial=partial)
                return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
            case "one_of":
                return _or_variable({"enum": list(taken.parts)})
            case "duration":
                note = f"From {taken.parts[0]} to {taken.parts[1]}."
                zero = [{"const": 0}] if taken.parts[0] in ("0s", "0") else []
                pattern = {"type": "string", "pattern": f"^(?!$){_DURATION}$|^0$", "$comment": note}
                return {"anyOf": [pattern, _VARIABLE, *zero]}
            case "share":
                return _pattern(_PERCENT)
            case "number":
                bounds = {"minimum": float(taken.parts[0]), "maximum": float(taken.parts[1])}
                return {"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": r"^[0-9.]+$|\$\{"}]}
            case "labels":
                return {"type": "object", "additionalProperties": _TEXT}
            case "reference":
                return self._named(str(taken.parts[0]))
            case "function":
                if taken.parts[0] == "values.severity":
                    return self._named("severity")
                if taken.parts[0] == "policies.somebody":
                    return self._named("somebody")
                return _LEAVES.get(taken.parts[0], _TEXT if _is_text(taken.parts[0]) else {})
        return {}

    def _named(self, kind: str) -> Schema:
        """The name of something; where the workspace is known, one of those it has."""
        known = self._names.get(kind)
        return _or_variable({"enum": list(known)}) if known else _LEAVES["values.name"]


def _rules(shape: Shape) -> list[Schema]:
    """What a mapping needs beside keys that are always needed."""
    own = _RULES.get(shape.what, [])
    if own and shape.what != "an objective":
        return list(own)
    return own + [
        {"oneOf": [{"required": [key]} for key in keys]} for keys in shape.exactly_one if set(keys) <= set(shape.keys)
    ]


def _is_text(function: str) -> bool:
    from sereno.app.spec_readers import LEAVES

    return function in LEAVES


def _plain(meaning: str) -> str:
    return meaning[:1].upper() + meaning[1:]


def schema(spec: Spec | None = None, given: Mapping[str, Iterable[str]] | None = None) -> Schema:
    """The schema of one document of the spec.

    Args:
        spec: a workspace whose names are offered: teams, severities, policies …
        given: by kind (`services`, `slos`, `alerts`) the keys that its defaults already say.
    """
    from sereno.spec.loader import KINDS, READERS

    by_what = {_KINDS_OF_LISTS[key]: frozenset(keys) for key, keys in (given or {}).items()}
    maker = _Maker(_names_in(spec) if spec else {}, by_what)
    whats = {kind: shape_of(_function(place)) for kind, (place, _) in READERS.items()}
    whats |= {
        "severities": "the scale of severities", "workspace": "the workspace", "template": "a template",
    }  # fmt: skip
    choice: Schema = {"required": []}
    properties: Schema = {}
    for kind in reversed(KINDS):
        what = whats.get(kind)
        of_kind: Schema = maker.ref(what) if what in shapes() else {}
        choice = {"if": {"required": [kind]}, "then": of_kind, "else": choice}
        properties[kind] = {"description": _plain(MEANINGS.get(what or "", {}).get(kind, ""))}
    foreign = [{"required": [key]} for key in _FOREIGN]
    return {
        "$schema": DIALECT,
        "$id": "https://sereno.invalid/spec.schema.json",
        "title": "Sereno's spec",
        "description": "One document of the folder `reliability/`: its kind is one of its keys.",
        "type": ["object", "null", "array"],
        "properties": dict(sorted(properties.items())),
        "if": {"type": "object"},
        "else": {"items": {"type": "object", "required": ["apiVersion"]}},
        "then": {
            "if": {"anyOf": foreign},
            "then": True,
            "else": {"anyOf": [{"required": [kind]} for kind in KINDS], **choice},
        },
        "$defs": dict(sorted(maker.definitions.items())),
    }


def _function(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"sereno.spec.{module}"), name)


def _names_in(spec: Spec) -> dict[str, tuple[str, ...]]:
    severities = {name for one in spec.severities for name in (one.name, *one.aliases)}
    return {
        "team": tuple(sorted(spec.teams)),
        "person": tuple(sorted(spec.people)),
        "somebody": tuple(sorted({*spec.teams, *spec.people})),
        "escalation": tuple(sorted(spec.escalations)),
        "schedule": tuple(sorted(spec.schedules)),
        "status_page": tuple(sorted(spec.status_pages)),
        "service": tuple(sorted(spec.services)),
        "policy": tuple(sorted(spec.policies)),
        "severity": tuple(sorted(severities)),
    }

"""Definitions read: flagd's JSON (`{"flags": {…}}`) and the house's shorter documents (`{flags: …, define: […]}`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from sereno_kit import clock
from sereno_kit.flags.compact import flags_of
from sereno_kit.flags.evaluation import Flag, FlagSet
from sereno_kit.flags.logic import BadRule, Compiler

BYTES_MOST = 4 * 1024 * 1024
KEY_LONGEST = 200
VALUES_MOST = 1_000_000
"""Of documents of YAML, whose aliases of aliases multiply what they stand for."""
Now = Callable[[], float]


class BadDefinitions(ValueError):
    """Definitions that cannot be taken; the message says what and where."""


def read(content: bytes, *, yaml: bool = False, now: Now = clock.SYSTEM.now) -> FlagSet:
    """The flags that `content` defines: JSON, or YAML with the extra `yaml`.

    A document whose flags are malformed is refused whole; a flag whose rule alone cannot be read answers
    `PARSE_ERROR`, and is named in `faults`, as flagd does.

    Raises:
        BadDefinitions: it is too large, no JSON or YAML, or a flag is malformed.
    """
    if len(content) > BYTES_MOST:
        raise BadDefinitions(f"it is larger than {BYTES_MOST:,} bytes")
    digest = sha256(content).hexdigest()
    return build(_documents(content, yaml), digest=digest, now=now)


def _documents(content: bytes, yaml: bool) -> list[Any]:
    if yaml:
        return _yaml(content)
    try:
        return [orjson.loads(content)]
    except orjson.JSONDecodeError as error:
        raise BadDefinitions(f"it is not JSON: {error}") from None


def need_yaml() -> None:
    """Say at once, and not by defaults for everybody, that the extra is missing. Raises ImportError."""
    try:
        import yaml  # noqa: F401
    except ImportError:
        raise ImportError("flags in YAML need an extra: pip install 'sereno-kit[yaml]'") from None


def _yaml(content: bytes) -> list[Any]:
    try:
        from yaml import YAMLError, safe_load_all
    except ImportError:
        raise BadDefinitions("to read YAML: pip install 'sereno-kit[yaml]'") from None
    try:
        documents = [document for document in safe_load_all(content) if document is not None]
    except (YAMLError, ValueError, RecursionError) as error:
        raise BadDefinitions(f"it is not YAML: {str(error)[:200]}") from None
    if _is_vast(documents):
        raise BadDefinitions(f"its aliases make more than {VALUES_MOST:,} values of it")
    return documents


def _is_vast(documents: list[Any]) -> bool:
    """Whether there are too many values, each alias counted as what it stands for (one of itself has no end)."""
    left = VALUES_MOST
    rest: list[Any] = [documents]
    while rest:
        found = rest.pop()
        left -= len(found)
        if left < 0:
            return True
        values = found.values() if isinstance(found, dict) else found
        rest += [value for value in values if isinstance(value, (dict, list))]
    return False


def build(documents: Sequence[Any], *, digest: str = "", now: Now = clock.SYSTEM.now) -> FlagSet:
    """The flags of `documents` together. Raises BadDefinitions, also for a flag that is defined twice."""
    flags: dict[str, Flag] = {}
    metadata: dict[str, Any] = {}
    faults: dict[str, str] = {}
    if not documents:
        raise BadDefinitions("it is empty")
    for document in documents:
        if not isinstance(document, Mapping):
            raise BadDefinitions("it is no object")
        if "define" in document:
            document = _expanded(document)
        shared = document.get("$evaluators") or {}
        own = document.get("metadata") or {}
        if not isinstance(shared, Mapping) or not isinstance(own, Mapping):
            raise BadDefinitions("`$evaluators` and `metadata` are objects")
        for key, body in _flags(document):
            if key in flags:
                raise BadDefinitions(f"the flag {key!r} is defined twice")
            flags[key] = _flag(key, body, shared, own, faults, now)
        metadata.update(own)
    return FlagSet(flags, metadata=metadata, digest=digest, faults=faults)


def _expanded(document: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return flags_of(document)
    except ValueError as error:
        raise BadDefinitions(str(error)) from None


def _flags(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = document.get("flags")
    pairs: list[tuple[Any, Any]]
    if isinstance(found, Mapping):
        pairs = list(found.items())
    elif isinstance(found, list):
        pairs = [(body.get("key") if isinstance(body, Mapping) else None, body) for body in found]
    else:
        raise BadDefinitions("`flags` is missing: an object of flags by their keys")
    for key, body in pairs:
        if not isinstance(key, str) or not 0 < len(key) <= KEY_LONGEST or not isinstance(body, Mapping):
            raise BadDefinitions(f"{str(key)[:60]!r} is no flag: an object under a key of 1 to {KEY_LONGEST} letters")
        yield key, body


def _flag(
    key: str, body: Mapping[str, Any], shared: Mapping[str, Any], metadata: Mapping[str, Any],
    faults: dict[str, str], now: Now,
) -> Flag:  # fmt: skip
    variants, default, state = body.get("variants"), body.get("defaultVariant"), body.get("state")
    own, targeting = body.get("metadata") or {}, body.get("targeting")
    if state not in ("ENABLED", "DISABLED"):
        raise BadDefinitions(f"{key}: `state` is ENABLED or DISABLED")
    if not isinstance(variants, Mapping) or not variants or not all(isinstance(name, str) for name in variants):
        raise BadDefinitions(f"{key}: `variants` is an object of values by their names")
    if default is not None and (not isinstance(default, str) or (default and default not in variants)):
        raise BadDefinitions(f"{key}: `defaultVariant` is none of its variants")
    if not isinstance(own, Mapping):
        raise BadDefinitions(f"{key}: `metadata` is an object")
    rule, fault = None, ""
    if targeting not in (None, {}):
        try:
            rule = Compiler(key, shared, now).compile(targeting)
        except BadRule as error:
            fault = faults[key] = str(error)
    return Flag(
        key, dict(variants), default or None, enabled=state == "ENABLED", targeting=rule, fault=fault,
        metadata={**metadata, **own},
    )  # fmt: skip

"""A set of flags, and what each of them is for whoever asks. Pure, and total: whatever is asked, something is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sereno_kit.flags.logic import BadRule, Rule

Kind = Literal["boolean", "string", "number", "integer", "object"]

STATIC = "STATIC"
DEFAULT = "DEFAULT"
TARGETING_MATCH = "TARGETING_MATCH"
DISABLED = "DISABLED"
ERROR = "ERROR"
STALE = "STALE"
REASONS = (STATIC, DEFAULT, TARGETING_MATCH, DISABLED, ERROR)
"""Why a value is what it is, in the words of OpenFeature."""

NOT_FOUND = "FLAG_NOT_FOUND"
NOT_READY = "PROVIDER_NOT_READY"
PARSE_ERROR = "PARSE_ERROR"
TYPE_MISMATCH = "TYPE_MISMATCH"
GENERAL = "GENERAL"
INVALID_CONTEXT = "INVALID_CONTEXT"

NO_METADATA: Mapping[str, Any] = {}


class Details(NamedTuple):
    """What a flag is, and why. `value` is the caller's default where no variant is named."""

    value: Any
    variant: str | None = None
    reason: str = DEFAULT
    error_code: str | None = None
    error_message: str = ""
    metadata: Mapping[str, Any] = NO_METADATA


class Flag:
    """One flag, prepared: every answer that it can give exists already.

    Args:
        key: its name.
        variants: values by their names.
        default: the variant for whom no rule names one; None for the caller's own default.
        enabled: whether it is evaluated at all.
        targeting: the rule that names a variant, nothing for the default.
        fault: why its rule could not be read, if so.
        metadata: what else is said of it.
    """

    __slots__ = ("_default", "_matches", "_targeting", "key", "metadata", "static", "variants")

    def __init__(
        self, key: str, variants: Mapping[str, Any], default: str | None, *, enabled: bool = True,
        targeting: Rule | None = None, fault: str = "", metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:  # fmt: skip
        self.key, self.variants, self.metadata = key, variants, metadata
        self._targeting = targeting
        self._default = self._of(default, DEFAULT)
        self._matches = {name: self._of(name, TARGETING_MATCH) for name in variants}
        self.static: Details | None = None
        if not enabled:
            self.static = Details(None, None, DISABLED, metadata=metadata)
        elif fault:
            self.static = self._wrong(PARSE_ERROR, fault)
        elif targeting is None:
            self.static = self._of(default, DEFAULT if default is None else STATIC)

    def evaluate(self, context: Mapping[str, Any]) -> Details:
        """What it is for `context` (attributes, and `targetingKey`: the user)."""
        if self.static is not None:
            return self.static
        assert self._targeting is not None
        try:
            named = self._targeting(context)
            if type(named) is str:
                found = self._matches.get(named)
            elif named is None:
                return self._default
            else:
                found = self._matches.get(_name(named))
        except BadRule as error:
            return self._wrong(PARSE_ERROR, str(error))
        except Exception as error:  # a rule and data that nobody thought of together
            return self._wrong(GENERAL, f"the rule failed with {type(error).__name__}")
        return found if found is not None else self._wrong(GENERAL, "the rule names no variant")

    def _of(self, variant: str | None, reason: str) -> Details:
        value = None if variant is None else self.variants[variant]
        return Details(value, variant, reason, metadata=self.metadata)

    def _wrong(self, code: str, message: str) -> Details:
        return Details(None, None, ERROR, code, message, self.metadata)


def _name(named: Any) -> str:
    """The variant that a rule means which gives no text: `true` is the variant of that name (flagd's shorthand)."""
    if isinstance(named, bool):
        return "true" if named else "false"
    return str(named) if isinstance(named, int) else repr(named) if isinstance(named, float) else ""


class FlagSet:
    """Flags that were read together. It never changes; what is read next is another."""

    __slots__ = ("digest", "faults", "flags", "metadata")

    def __init__(
        self, flags: Mapping[str, Flag], *, metadata: Mapping[str, Any] = NO_METADATA, digest: str = "",
        faults: Mapping[str, str] = NO_METADATA,
    ) -> None:  # fmt: skip
        self.flags, self.metadata, self.digest, self.faults = flags, metadata, digest, faults

    def evaluate(self, key: str, context: Mapping[str, Any]) -> Details:
        """What the flag `key` is for `context`."""
        flag = self.flags.get(key)
        if flag is None:
            return Details(None, None, ERROR, NOT_FOUND, f"there is no flag {key[:80]!r}")
        return flag.static or flag.evaluate(context)


_KINDS: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "object": (dict, list),
}


def typed(found: Details, kind: str, default: Any) -> Details:
    """`found` as the caller who asked for `kind` sees it: never a value of another type, always one of his own."""
    if found.variant is None:
        return found._replace(value=default)
    value = found.value
    if not isinstance(value, _KINDS[kind]) or (kind != "boolean" and isinstance(value, bool)):
        return _mismatch(found, kind, default)
    if kind == "object":
        return found._replace(value=_copy(value))
    if kind == "integer" and isinstance(value, float):
        return found._replace(value=int(value)) if value.is_integer() else _mismatch(found, kind, default)
    return found


def _mismatch(found: Details, kind: str, default: Any) -> Details:
    message = f"the variant {found.variant!r} is no {kind}"
    return Details(default, None, ERROR, TYPE_MISMATCH, message, found.metadata)


def _copy(value: Any) -> Any:
    """A value of JSON that its receiver may change."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value

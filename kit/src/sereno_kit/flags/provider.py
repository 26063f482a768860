"""The provider of OpenFeature (the extra `openfeature`): its API in front of the same evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

try:
    from openfeature.evaluation_context import EvaluationContext
except ImportError:
    raise ImportError("the provider needs OpenFeature: pip install 'sereno-kit[openfeature]'") from None
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata

from sereno_kit.flags.flags import Flags

T = TypeVar("T")


class SerenoProvider(AbstractProvider):
    """`Flags` for OpenFeature: `api.set_provider(SerenoProvider(flags))`.

    Events follow the source: ready, configuration changed (with the keys), stale, and error while nothing was ever
    read.
    """

    def __init__(self, flags: Flags) -> None:
        super().__init__()
        self.flags = flags
        self._end: Callable[[], None] | None = None
        self._state = "ready"

    def get_metadata(self) -> Metadata:
        """Its name."""
        return Metadata(name="sereno")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Begin to follow the source; it is not waited for."""
        self.flags.start()
        self._end = self.flags.on_change(self._changed)
        self._state = self._stands()

    def shutdown(self) -> None:
        """Stop telling. The flags stay whoever's they are."""
        if self._end is not None:
            self._end()

    def _changed(self, keys: frozenset[str]) -> None:
        said = ProviderEventDetails(flags_changed=sorted(keys), message=self.flags.error or None)
        if keys:
            self.emit_provider_configuration_changed(said)
        before, self._state = self._state, self._stands()
        if self._state == "error":
            self.emit_provider_error(ProviderEventDetails(message=self.flags.error, error_code=ErrorCode.GENERAL))
        elif self._state != before:
            (self.emit_provider_stale if self._state == "stale" else self.emit_provider_ready)(said)

    def _stands(self) -> str:
        if not self.flags.ready:
            return "error" if self.flags.error else "waiting"
        return "stale" if self.flags.stale else "ready"

    def _resolve(self, key: str, kind: str, default: T, context: EvaluationContext | None) -> FlagResolutionDetails[T]:
        data: dict[str, Any] = {}
        if context is not None:
            data.update(context.attributes)
            if context.targeting_key:
                data["targetingKey"] = context.targeting_key
        found = self.flags.evaluate(key, kind, default, data)
        return FlagResolutionDetails(
            value=found.value, variant=found.variant, reason=found.reason,
            error_code=ErrorCode(found.error_code) if found.error_code else None,
            error_message=found.error_message or None, flag_metadata=_metadata(found.metadata),
        )  # fmt: skip

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A boolean."""
        return self._resolve(flag_key, "boolean", default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A text."""
        return self._resolve(flag_key, "string", default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A whole number."""
        return self._resolve(flag_key, "integer", default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A number."""
        return self._resolve(flag_key, "number", default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """An object or a list."""
        return self._resolve(flag_key, "object", default_value, evaluation_context)


def _metadata(metadata: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    return {key: value for key, value in metadata.items() if isinstance(value, (bool, int, float, str))}

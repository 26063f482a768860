"""Which PromQL is spoken: the major version of Prometheus, and what of it must be switched on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from sereno.kernel.errors import UsageError

Dialect = Literal[2, 3]

FLAGS = {
    "promql-experimental-functions": "experimental_functions",
    "promql-duration-expr": "duration_expressions",
    "promql-extended-range-selectors": "extended_ranges",
    "promql-binop-fill-modifiers": "fill_modifiers",
    "promql-delayed-name-removal": "delayed_name_removal",
    "type-and-unit-labels": "type_and_unit_labels",
    "use-start-timestamps": "start_timestamps",
}
"""The feature flags of Prometheus (`--enable-feature=`), and the field that each sets."""


@dataclass(frozen=True, slots=True)
class Features:
    """What Prometheus 3 does only when asked to, each field one of its feature flags.

    `experimental_functions`: info, limitk, sort_by_label, mad_over_time … `duration_expressions`: `[5m * 2]`, step()
    (on by default since 3.13). `extended_ranges`: `anchored` and `smoothed`. `fill_modifiers`: `fill(0)`.
    `delayed_name_removal`: metrics keep their names until the whole expression is computed. `type_and_unit_labels`:
    counters are told by their label `__type__`. `start_timestamps`: resets are told by when a counter began.
    """

    experimental_functions: bool = False
    duration_expressions: bool = True
    extended_ranges: bool = False
    fill_modifiers: bool = False
    delayed_name_removal: bool = False
    type_and_unit_labels: bool = False
    start_timestamps: bool = False

    @staticmethod
    def of(flags: Iterable[str]) -> Features:
        """The features named by Prometheus's flags. Raises UsageError for a flag that there is not."""
        found = Features()
        for flag in flags:
            name = flag.strip()
            if name not in FLAGS:
                raise UsageError(f"there is no feature {name!r}", hint=f"the features are: {', '.join(FLAGS)}")
            found = replace(found, **{FLAGS[name]: True})
        return found


STABLE = Features()
"""What Prometheus 3 does when nothing is switched on."""
EVERYTHING = Features(True, True, True, True, True, True, True)
"""Every feature on."""


@dataclass(frozen=True, slots=True)
class Language:
    """What the parser accepts. `dialect` None is the grammar of either version: whatever one of them understands."""

    dialect: Dialect | None = None
    features: Features = STABLE


ANY = Language()
"""Either version's grammar, stable features only."""

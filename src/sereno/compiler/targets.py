"""What `sereno build` can write: each target by name, where it is made, imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import cast

from sereno.kernel.errors import UsageError
from sereno.kernel.message import Language
from sereno.slo.model import SloPlan
from sereno.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Request:
    """What a target is made from: the workspace, the plan of each objective (as `plans_of` gives them), how often rules
    are evaluated, and the language of texts."""

    spec: Spec
    plans: tuple[SloPlan, ...]
    evaluation_interval: timedelta = timedelta(seconds=15)
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Output:
    """Texts by their path below the output folder, and sentences about what was left out and why."""

    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Target = Callable[[Request], Output]

TARGETS: Mapping[str, str] = {}


def build(name: str, request: Request) -> Output:
    """What target `name` makes of `request`: the same bytes every time. Raises UsageError for an unknown name."""
    place = TARGETS.get(name)
    if place is None:
        raise UsageError(f"there is no target {name!r}", hint=f"one of {', '.join(TARGETS)}")
    module, _, function = place.partition(":")
    return cast(Target, getattr(import_module(f"sereno.compiler.{module}"), function))(request)

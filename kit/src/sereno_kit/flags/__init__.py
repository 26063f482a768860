"""Switches that are thrown while the program runs.

Definitions are those of flagd, the reference of OpenFeature, or the house's shorter shape; they come from a file or
from Sereno, and are evaluated here, without a question to anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sereno_kit.flags.evaluation import Details
    from sereno_kit.flags.flags import Flags
    from sereno_kit.flags.provider import SerenoProvider

__all__ = ["Details", "Flags", "SerenoProvider"]

_PLACES = {"Details": "evaluation", "Flags": "flags", "SerenoProvider": "provider"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)

"""What a team declares: the models, and the YAML loader that says file:line:column of every mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno.spec.loader import Loaded, load, load_text
    from sereno.spec.model import Spec
    from sereno.spec.ports import PromqlChecker

__all__ = ["Loaded", "PromqlChecker", "Spec", "load", "load_text"]

_HOME = {"Loaded": "loader", "load": "loader", "load_text": "loader", "Spec": "model", "PromqlChecker": "ports"}


def __getattr__(name: str) -> object:
    """Those who only need the models do not pay for the YAML reader."""
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"sereno.spec.{_HOME[name]}"), name)

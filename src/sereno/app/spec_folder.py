"""Reads the spec as this installation has it: its dialect of PromQL, and the environment that was chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno.promql.plan import Settings as PromqlSettings
    from sereno.spec.loader import Loaded

_ENVIRONMENT = "SERENO_ENVIRONMENT"


def choose_environment(name: str | None) -> None:
    """Make `name` the environment of this process, as SERENO_ENVIRONMENT would; None leaves it as it is."""
    if name is not None:
        os.environ[_ENVIRONMENT] = name


def read_folder(
    folder: Path, *, promql: PromqlSettings | None = None, environment: str | None = None
) -> Loaded:  # fmt: skip
    """The spec in `folder`. Without `promql` and `environment` those of the settings hold.

    Raises UsageError if `folder` is not a folder, or the settings are wrong.
    """
    from sereno.app.meaning import load_meaning
    from sereno.app.promql_checker import Checker

    promql, environment = _settled(promql, environment)
    return load_meaning(folder, promql=Checker(promql), environment=environment)


def read_everywhere(folder: Path) -> Loaded:
    """The spec in `folder`; where environments are declared and none is chosen, what is wrong in any of them as well.

    Then the spec is that without an environment; or, where variables have no value without one, that of the first.
    Raises as `read_folder` does.
    """
    loaded = read_folder(folder)
    if not loaded.environments or _settled(None, None)[1]:
        return loaded
    there = [read_folder(folder, environment=name) for name in loaded.environments]
    errors = [one for one in loaded.diagnostics if one.level == "error"]
    if errors and all(one.code == "SER129" for one in errors):
        loaded = there[0]
    found = {(one.file, one.line, one.column, one.code, one.message): one for one in loaded.diagnostics}
    for other in there:
        for one in other.diagnostics:
            found.setdefault((one.file, one.line, one.column, one.code, one.message), one)
    ordered = tuple(found[key] for key in sorted(found))
    wrong = any(one.level == "error" for one in ordered)
    return replace(loaded, spec=None if wrong else loaded.spec, diagnostics=ordered)


def read_texts(
    files: Mapping[str, str],
    *,
    exists: Callable[[str], bool] | None = None,
    promql: PromqlSettings | None = None,
    environment: str | None = None,
) -> Loaded:
    """The spec that `files` hold, by name. Without `promql` and `environment` those of the settings hold."""
    from sereno.app.promql_checker import Checker
    from sereno.spec.loader import load_text

    promql, environment = _settled(promql, environment)
    return load_text(files, promql=Checker(promql), exists=exists, environment=environment)


def nothing_is_set() -> bool:
    """Whether all settings but the environment have their defaults: then nobody need read them, which takes time."""
    named = any(name.upper().startswith("SERENO_") and name != _ENVIRONMENT for name in os.environ)
    return not named and not Path("sereno.toml").exists()


def usual_promql() -> PromqlSettings:
    """How PromQL is computed where nothing is set."""
    from sereno.promql.plan import Settings as PromqlSettings

    return PromqlSettings(subquery_step_ms=15_000, dialect=3)


def _settled(promql: PromqlSettings | None, environment: str | None) -> tuple[PromqlSettings | None, str]:
    if promql is not None and environment is not None:
        return promql, environment
    if nothing_is_set():
        return promql or usual_promql(), os.environ.get(_ENVIRONMENT, "") if environment is None else environment
    from sereno.app.settings import load_settings

    settings = load_settings()
    return promql or settings.promql, settings.environment if environment is None else environment

"""The pipelines of this process, by name: what the admin endpoint shows and commands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from sereno_kit import forks

if TYPE_CHECKING:
    from sereno_kit.resilience.pipeline import Pipeline

_pipelines: dict[str, Pipeline] = {}
_lock = forks.lock()


def all() -> Mapping[str, Pipeline]:
    """Every pipeline by its name, as of now."""
    return MappingProxyType(dict(_pipelines))


def get(name: str) -> Pipeline | None:
    """The pipeline called `name`, if there is one."""
    return _pipelines.get(name)


def put(pipeline: Pipeline, *, replace: bool) -> Pipeline:
    """Register and bind `pipeline`, or answer the one of its name that was made of the same.

    Raises:
        ValueError: if another of that name is there and is not to be replaced, or a policy is of another pipeline.
    """
    with _lock:
        there = _pipelines.get(pipeline.name)
        if there is not None and not replace:
            if there.same(pipeline):
                return there
            raise ValueError(
                f"a pipeline {pipeline.name!r} of other policies is there; take another name or say replace=True"
            )
        pipeline.bind()
        _pipelines[pipeline.name] = pipeline
        return pipeline


def forget(name: str) -> None:
    """Take the pipeline called `name` out; for tests."""
    with _lock:
        _pipelines.pop(name, None)

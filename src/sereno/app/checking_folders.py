"""Which of the paths that are checked hold a spec, and which files beside it are for the linter alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_HEAD_BYTES = 200_000
_YAML = (".yaml", ".yml")
_HOME = "reliability"
_OF_A_SPEC = re.compile(
    rb"^\{?[\"']?(?:service|team|escalation|schedule|person|status_page|workspace|policy|maintenance|experiment"
    rb"|dashboard|template|readiness|flags)[\"']?[ \t]*:[ \t]+[^\s#{\[]"
    rb"|^[\"']?severities[\"']?[ \t]*:"
    rb"|^apiVersion:[ \t]*[\"']?(?:openslo/|pyrra\.dev/|sloth\.slok\.dev/)|^version:[ \t]*[\"']?prometheus/v1",
    re.MULTILINE,
)
_OF_OTHERS = re.compile(
    rb"^[\"']?(groups|route|receivers|scrape_configs|rule_files|apiVersion|panels|services|sources|pipeline|exporters)"
    rb"[\"']?\s*:|^- (alert|record):|^\s*\{",
    re.MULTILINE,
)


def spec_folders(path: Path) -> list[Path]:
    """The folders of specs in the folder `path`: itself, or those below it that are called `reliability`.

    A folder in which nobody knows anything is taken for a spec, so that somebody says what is wrong with it.
    """
    from sereno.app.linting import gather

    files = gather((path,))
    own = [file for file in files if of_a_spec(file)]
    if _name(path) == _HOME or any(file.parent == path for file in own):
        return [path]
    homes = dict.fromkeys(home for file in own if (home := _home(file, path)) is not None)
    if homes or own:
        return list(homes) or [path]
    return [] if any(_of_others(file) for file in files) else [path]


def around(paths: Sequence[Path], folders: Sequence[Path]) -> list[Path]:
    """The folders of specs of which single files are named, but for `folders`."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_file() and of_a_spec(path):
            near = next((parent for parent in path.parents if parent.name == _HOME), path.parent)
            if near not in folders:
                found.setdefault(near)
    return list(found)


def of_a_spec(path: Path) -> bool:
    """Whether a document of a spec seems to stand in the file; mistakes in it do not hide that."""
    return path.suffix.lower() in _YAML and _OF_A_SPEC.search(_head(path)) is not None


def _of_others(path: Path) -> bool:
    return path.suffix.lower() not in _YAML or _OF_OTHERS.search(_head(path)) is not None


def _home(file: Path, top: Path) -> Path | None:
    """The outermost folder called `reliability` between `top` and the file."""
    inner = file.relative_to(top).parent.parts
    return top.joinpath(*inner[: inner.index(_HOME) + 1]) if _HOME in inner else None


def _name(path: Path) -> str:
    return path.name or path.resolve().name


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(_HEAD_BYTES)
    except OSError:
        return b""

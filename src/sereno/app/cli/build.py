"""`sereno build`: the spec as files for a Prometheus, each written whole or not at all."""

from __future__ import annotations

import json as json_text
import os
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import SpecError, UsageError
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.slo.model import SloPlan
    from sereno.spec.model import Spec

_MANIFEST = "build.json"


@dataclass(frozen=True)
class Built:
    """Texts by their path below the output folder, and what people should know of them."""

    files: dict[str, str] = field(default_factory=dict)
    plans: tuple[SloPlan, ...] = ()
    untested: dict[str, str] = field(default_factory=dict)


def build(
    path: Path = Path("reliability"),
    out: Path = Path("build"),
    *,
    every: str = "15s",
    language: Language = "en",
    json: bool = False,
) -> int:
    """Write Prometheus rules and their tests from the spec.

    Exits 0 when something was written, 1 when the spec has mistakes or asks for nothing.

    Parameters
    ----------
    path
        The spec's folder.
    out
        Where to write; files that an earlier build wrote there and this one does not are removed.
    every
        How often Prometheus evaluates the rules.
    language
        The language of the alerts' texts.
    json
        Print JSON for machines.
    """
    from sereno.app.promql_checker import Checker
    from sereno.app.settings import load_settings
    from sereno.spec.loader import load

    try:
        interval = parse_duration(every)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not interval:
        raise UsageError("rules cannot be evaluated every 0s", hint="--every 15s")
    loaded = load(path, promql=Checker(load_settings().promql))
    if loaded.spec is None:
        raise SpecError(loaded.diagnostics)
    built = compile_spec(loaded.spec, every=every, language=language)
    write(out, built.files)
    print(_as_json(built) if json else _as_text(built, out))
    return 0 if any(name.startswith("prometheus/rules/") for name in built.files) else 1


def compile_spec(spec: Spec, *, every: str, language: Language) -> Built:
    """The texts that `spec` becomes; nothing is written."""
    from sereno.compiler import prometheus
    from sereno.slo import plans_of

    interval = parse_duration(every)
    plans = plans_of(spec, evaluation_interval=interval, language=language)
    files = {"prometheus/prometheus.yml": prometheus.scrape_config(spec, evaluation_interval=interval)}
    plans_by_service: dict[str, list[SloPlan]] = {name: [] for name in spec.services}
    for plan in plans:
        plans_by_service[plan.service].append(plan)
    for name, service in spec.services.items():
        rules = prometheus.service_rules(service, plans_by_service[name], evaluation_interval=interval)
        if rules:
            files[f"prometheus/rules/{_file(name)}.yml"] = rules
    untested = {}
    for plan in plans:
        test = f"prometheus/tests/{_file(plan.service)}.{_file(plan.slo.name)}.yml"
        try:
            files[test] = prometheus.tests_file(plan, rules=f"../rules/{_file(plan.service)}.yml")
        except UsageError as error:
            untested[f"{plan.service}/{plan.slo.name}"] = error.message
    return Built(files, plans, untested)


def write(out: Path, files: dict[str, str]) -> None:
    """Put `files` below `out`, each replaced whole, and remove what only an earlier build had written there."""
    earlier = _earlier(out)
    for name, text in files.items():
        _replace(out / name, text)
    manifest = {name: sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}
    _replace(out / _MANIFEST, json_text.dumps({"files": manifest}, indent=2) + "\n")
    for name in earlier - set(files):
        (out / name).unlink(missing_ok=True)


def _earlier(out: Path) -> set[str]:
    try:
        names = set(json_text.loads((out / _MANIFEST).read_text())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # Only what lies below `out`: a manifest is a file that anyone may have edited.
    root = out.resolve()
    below = {name for name in names if isinstance(name, str) and (out / name).resolve().is_relative_to(root)}
    return {name for name in below if (out / name).is_file()}


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _file(name: str) -> str:
    """`name` as a file's name, whatever is in it."""
    return quote(name, safe=" áéíóúñü").replace(" ", "_").lstrip(".") or "_"


def _as_text(built: Built, out: Path) -> str:
    lines = [f"wrote {out / name}" for name in built.files]
    for plan in built.plans:
        lines += [f"left out of {plan.service}/{plan.slo.name}: {lost.explanation}" for lost in plan.dropped]
    lines += [f"no unit test for {name}: {reason}" for name, reason in built.untested.items()]
    if not any(name.startswith("prometheus/rules/") for name in built.files):
        lines.append("the spec declares no alert and no objective: there is no rule to write")
    return "\n".join(lines)


def _as_json(built: Built) -> str:
    answer = {
        "files": sorted(built.files),
        "dropped": [
            {"service": p.service, "slo": p.slo.name, "reason": d.reason, "explanation": d.explanation}
            for p in built.plans
            for d in p.dropped
        ],
        "untested": built.untested,
    }
    return json_text.dumps(answer, indent=2, ensure_ascii=False)

"""`sereno backtest`: what the rules would have done, before they are merged."""

from __future__ import annotations

import json as json_text
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import UsageError
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.app.backtest import Answer, Asked
    from sereno.app.settings import Settings
    from sereno.insight.model import Knobs

_LOCAL_TIMES = ("never", "nunca")


def backtest(
    path: Path | None = None,
    *,
    since: str = "30d",
    until: str | None = None,
    from_: Annotated[tuple[str, str] | None, Parameter(name="--from")] = None,
    incidents: str | None = None,
    incident_share: str | None = None,
    service: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    interval: Annotated[str | None, Parameter(name=("--interval", "--step"))] = None,
    grace: str = "0s",
    answer: str = "3m",
    beta: str = "1",
    what_if: Annotated[bool, Parameter(negative=())] = False,
    target: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    windows: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    factors: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    for_: Annotated[tuple[str, ...], Parameter(name="--for", negative=())] = (),
    apply: int | None = None,
    slo: str | None = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
    compare: str | None = None,
    jobs: int | None = None,
    ray: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    html: Path | None = None,
    zone: str | None = None,
    language: Language | None = None,
    environment: str | None = None,
) -> int:
    """Replay rules over the past: who would have been called, how fast, how rightly, at what cost.

    Exits 0 when every demand of the spec (`backtest:`) is met, 1 when one is not, or precision or recall is below
    that of --compare.

    Parameters
    ----------
    path
        The spec's folder (reliability), or a file or folder of Prometheus rules.
    since
        How far back to begin.
    until
        When to end, an instant with its zone; now, or the last sample of a source that was named.
    from_
        Where the samples are: `store PATH`, `prometheus URL`, `parquet FILE`. The workspace's own by default.
    incidents
        When people really suffered: a YAML, JSON or CSV file; `recorded` by Sereno; `derived` from the events. By
        default those recorded, or derived where there are none.
    incident_share
        The share of a budget, spent at once, that makes an incident (2%). By default that of the tiers.
    service
        Only this one; may be repeated.
    interval
        How often the rules are evaluated; as `sereno up` does by default.
    grace
        How far outside an incident an alert still counts as being about it.
    answer
        How long whoever is called takes to acknowledge; `never` walks the whole escalation.
    beta
        How much more recall weighs than precision in the F-score.
    what_if
        Try other targets, windows, factors and waits.
    target
        With --what-if: a target to try (99.9%); may be repeated. By default the declared one and its neighbours.
    windows
        With --what-if: how much to stretch the windows (0.5 1 2).
    factors
        With --what-if: how much to stretch the burn factors (0.5 1 1.5 2).
    for_
        With --what-if: how long a burn must hold (0s 2m 5m).
    apply
        Put the variant of that number into the spec: the change is shown, and written with --yes.
    slo
        Which objective --apply is about: service/objective.
    yes
        Write the change of --apply.
    compare
        Another version to hold it against: a git ref, or a folder.
    jobs
        How many processes; as many as there are cores by default.
    ray
        A Ray cluster to use instead: `auto`, `local` or an address.
    json
        Print JSON for machines.
    html
        Write a report to this file.
    zone
        Whose days and hours the report tells; the team's if there is one.
    language
        The language of the output.
    environment
        Which of the environments that the spec declares is replayed.
    """
    from sereno.app import backtest as work
    from sereno.app.settings import load_settings
    from sereno.app.spec_folder import choose_environment

    choose_environment(environment)
    settings = load_settings({} if path is None or not path.is_dir() else {"spec": path})
    asked = work.Asked(
        path=path or settings.spec, since=_duration("--since", since), until=_instant(until), source=from_,
        incidents=incidents, incident_share=_share(incident_share), services=service,
        interval=_interval(interval, settings), grace=_duration("--grace", grace, zero=True),
        answer_after=_answer(answer),
        beta=_number("--beta", beta), knobs=_knobs(what_if or apply is not None, target, windows, factors, for_),
        compare=compare, jobs=jobs, ray=ray, zone=_zone(zone), language=language or settings.language,
    )  # fmt: skip
    if jobs is not None and jobs < 1:
        raise UsageError("--jobs needs at least one")
    with _bar() as progress:
        found = work.run(asked, settings, _now(), progress)
    _show(found, asked, as_json=json, html=html, told=apply is None)
    if apply is not None:
        _apply(found, apply, slo, write=yes)
        return 0
    return 1 if found.failures else 0


def _show(found: Answer, asked: Asked, *, as_json: bool, html: Path | None, told: bool) -> None:
    """Print the answer; unless `told`, only the report that was asked for: a change stands on its own."""
    if html is not None:
        from sereno.insight.html import page

        _write(html, page(found.report, found.failures, found.comparison, asked.language, warnings=found.warnings))
        print(html, file=sys.stderr)
    if not told:
        return
    if as_json:
        from sereno.insight.document import document

        answer = document(found.report, found.failures, found.comparison, warnings=found.warnings)
        print(json_text.dumps(answer, indent=2, ensure_ascii=False))
        return
    from sereno.app.backtest_terminal import show

    show(found, asked.language)


def _apply(found: Answer, number: int, slo: str | None, *, write: bool) -> None:
    from sereno.app import backtest_apply

    change = backtest_apply.change_for(found, number, slo)
    if not change.diff:
        print(f"nothing changes: variant {number} is what {change.file} says", file=sys.stderr)
        return
    print(change.diff, end="")
    if write:
        backtest_apply.write(change)
        print(f"wrote {change.file}", file=sys.stderr)
    else:
        print("nothing was written: --yes writes it", file=sys.stderr)


def _write(path: Path, text: str) -> None:
    """Write a report, whole or not at all."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path.resolve())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _bar() -> AbstractContextManager[Callable[[str, float], None]]:
    """A progress bar on a person's terminal; nothing for machines."""
    if not sys.stderr.isatty():
        return nullcontext(lambda what, done: None)
    from sereno.app.backtest_terminal import Bar

    return Bar()


def _now() -> datetime:
    from sereno.adapters.clock import SystemClock

    return SystemClock().now()


def _duration(name: str, text: str, *, zero: bool = False) -> timedelta:
    try:
        found = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{name}: {error}") from error
    if not found and not zero:
        raise UsageError(f"{name} must be longer than nothing")
    return found


def _interval(text: str | None, settings: Settings) -> timedelta:
    found = settings.evaluation_interval if text is None else _duration("--interval", text)
    if found < timedelta(seconds=1):
        raise UsageError("--interval is at least 1s")
    return found


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--until {text} is no instant", hint="--until 2026-03-31T00:00:00Z") from None
    if found.tzinfo is None:
        raise UsageError("--until needs a zone", hint=f"--until {text}Z")
    return found.astimezone(UTC)


def _answer(text: str) -> timedelta | None:
    return None if text.lower() in _LOCAL_TIMES else _duration("--answer", text, zero=True)


def _number(name: str, text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{name}: {text!r} is no number") from None
    if not found.is_finite() or found <= 0 or found > 1_000_000:
        raise UsageError(f"{name} must be above 0")
    return found


def _share(text: str | None) -> Decimal | None:
    if text is None:
        return None
    found = _number("--incident-share", text.strip().removesuffix("%"))
    return found.scaleb(-2) if text.strip().endswith("%") else found


def _zone(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, KeyError):
        raise UsageError(f"--zone: there is no time zone {text}", hint="--zone America/Lima") from None


def _knobs(
    wanted: bool, targets: tuple[str, ...], windows: tuple[str, ...], factors: tuple[str, ...], fors: tuple[str, ...]
) -> Knobs | None:
    if not (wanted or targets or windows or factors or fors):
        return None
    from sereno.insight.model import FORS, SHARES, SPEEDS, Knobs
    from sereno.spec.model import Objective

    ratios = [(text, _number("--target", text.strip().removesuffix("%")).scaleb(-2)) for text in targets]
    if any(not 0 < ratio < 1 for _, ratio in ratios):
        raise UsageError("--target is a percentage above 0% and below 100%", hint="--target 99.9%")
    return Knobs(
        targets=tuple(Objective(text.strip().removesuffix("%") + "%", ratio) for text, ratio in ratios) or None,
        speeds=tuple(Fraction(_number("--windows", text)) for text in windows) or SPEEDS,
        shares=tuple(Fraction(_number("--factors", text)) for text in factors) or SHARES,
        fors=tuple(_duration("--for", text, zero=True) for text in fors) or FORS,
    )

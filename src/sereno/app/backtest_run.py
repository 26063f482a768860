"""Many cases over all cores, or over a Ray cluster: the same bytes out, whatever the number of hands."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sereno.app.backtest_sources import opened
from sereno.insight.backtest import judge
from sereno.insight.model import Case, Outcome, Question
from sereno.kernel.errors import Unavailable, UsageError

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of everything is (0 … 1)."""
WORTH_A_PROCESS = 3
"""Fewer cases than this are done here: a process takes longer to start than most of them take."""


def run_cases(
    cases: Sequence[Case],
    question: Question,
    path: Path,
    *,
    jobs: int | None = None,
    ray: str | None = None,
    progress: Progress = lambda what, done: None,
) -> tuple[Outcome, ...]:
    """The outcome of every case, in the order of `cases`, over the samples in the store at `path`.

    `jobs` None means as many processes as there are cores; `ray` is the address of a cluster (`auto`, `local` or
    `ray://…`), whose nodes must all see `path`. Raises UsageError when Ray is wanted and not installed.
    """
    if ray is not None:
        return _over_ray(cases, question, path, ray, progress)
    hands = min(jobs or os.cpu_count() or 1, len(cases))
    if hands <= 1 or (jobs is None and len(cases) < WORTH_A_PROCESS):
        return _here(cases, question, path, progress)
    return _over_processes(cases, question, path, hands, progress)


def _here(cases: Sequence[Case], question: Question, path: Path, progress: Progress) -> tuple[Outcome, ...]:
    outcomes = []
    with opened(path) as select:
        for number, case in enumerate(cases):

            def tell(what: str, done: float, number: int = number, case: Case = case) -> None:
                progress(f"{case.name}: {what}", (number + done) / len(cases))

            outcomes.append(judge(case, question, select, tell))
    return tuple(outcomes)


def _one(case: Case, question: Question, path: Path) -> Outcome:
    with opened(path) as select:
        return judge(case, question, select)


def _quiet() -> None:
    """A worker leaves interrupts to whoever asked it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _over_processes(
    cases: Sequence[Case], question: Question, path: Path, hands: int, progress: Progress
) -> tuple[Outcome, ...]:
    pool = ProcessPoolExecutor(hands, mp_context=get_context("spawn"), initializer=_quiet)
    try:
        waiting = {pool.submit(_one, case, question, path): number for number, case in enumerate(cases)}
        found: dict[int, Outcome] = {}
        for done in as_completed(waiting):
            number = waiting[done]
            found[number] = done.result()
            progress(cases[number].name, len(found) / len(cases))
        return tuple(found[number] for number in range(len(cases)))
    except BaseException:
        _stop(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End what is under way: nothing of it is written anywhere, so nothing is lost by it."""
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.terminate()


def _over_ray(
    cases: Sequence[Case], question: Question, path: Path, address: str, progress: Progress
) -> tuple[Outcome, ...]:
    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed", hint="pip install 'sereno[ray]'") from None
    ours = not ray.is_initialized()
    if ours:
        _join(ray, address)
    try:
        shared, task = ray.put(question), ray.remote(_one)
        waiting = {task.remote(case, shared, path.resolve()): number for number, case in enumerate(cases)}
        found: dict[int, Outcome] = {}
        while len(found) < len(cases):
            done, _ = ray.wait([one for one, number in waiting.items() if number not in found], num_returns=1)
            for one in done:
                number = waiting[one]
                found[number] = _got(ray, one)
                progress(cases[number].name, len(found) / len(cases))
        return tuple(found[number] for number in range(len(cases)))
    finally:
        if ours:
            ray.shutdown()


def _join(ray: Any, address: str) -> None:
    try:
        ray.init(
            address=None if address == "local" else address, log_to_driver=False, logging_level="ERROR",
            include_dashboard=False if address == "local" else None, configure_logging=False,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise Unavailable(f"the Ray cluster {address} cannot be reached: {error}", hint="--ray local") from error


def _got(ray: Any, one: Any) -> Outcome:
    try:
        found: Outcome = ray.get(one)
    except ray.exceptions.RayTaskError as error:
        raise error.cause or error from None
    return found

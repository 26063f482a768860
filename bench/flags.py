"""Flags: the reference met, cohorts that do not move, shares that are what they say, what an evaluation costs, and how
long `sereno flags set` takes to reach a service."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from tests.kit.flag_vectors import CASES, DEFINITIONS

from bench.figure import Figure
from sereno_kit.flags import Flags

SEEDS = ("0", "1", "42", "random")
USERS = 100_000
ROUNDS, CALLS = 40, 2_000
CHANGES = 7
COHORT = """
from hashlib import sha256
from sereno_kit.flags import Flags
flags = Flags.of({"flags": "f", "define": [
    {"name": "new", "type": "boolean", "default": False, "share": "10%", "to": True}]})
print(sha256(bytes(flags.enabled("new", user=f"user-{n}") for n in range(20000))).hexdigest())
"""


def measure() -> list[Figure]:
    """All of it, the real control plane last."""
    return [_vectors(), _seeds(), *_shares(), *_cost(), _propagation()]


def _vectors() -> Figure:
    flags, met = Flags.of(DEFINITIONS), 0
    for case in CASES:
        found = flags.evaluate(case.flag, case.kind, case.default, case.context)
        met += (
            found.value == case.value and case.reason in (None, found.reason) and case.code in (None, found.error_code)
        )
    return Figure("cases of OpenFeature's reference met", met, "cases", least=len(CASES), beside=f"of {len(CASES)}")


def _seeds() -> Figure:
    said = {
        subprocess.run(
            [sys.executable, "-c", COHORT], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in SEEDS
    }
    naive = {
        subprocess.run(
            [sys.executable, "-c", "print([hash(f'new:{n}') % 100 < 10 for n in range(1000)])"],
            env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True,
        ).stdout
        for seed in SEEDS
    }  # fmt: skip
    return Figure("cohorts over 4 hash seeds", len(said), "cohorts", most=1, beside=f"`hash()`: {len(naive)}")


def _shared(share: str) -> Flags:
    define = [{"name": "new", "type": "boolean", "default": False, "share": share, "to": True}]
    return Flags.of({"flags": "f", "define": define})


def _shares() -> list[Figure]:
    inside = {}
    for share in ("0%", "10%", "100%"):
        flags = _shared(share)
        inside[share] = sum(flags.enabled("new", user=f"customer-{n}") for n in range(USERS))
    off = abs(inside["10%"] / USERS * 100 - 10)
    return [
        Figure("users in a share of 0 %", inside["0%"], "users", most=0),
        Figure("users outside a share of 100 %", USERS - inside["100%"], "users", most=0),
        Figure("a share of 10 % over 100,000 users: error", off, "points", most=0.5),
    ]


def _cost() -> list[Figure]:
    """CPU of one evaluation, everything counted, beside OpenFeature's own provider: interleaved rounds, median."""
    variants = {"on": True, "off": False}
    plain = Flags.of({"flags": {"new": {"state": "ENABLED", "variants": variants, "defaultVariant": "on"}}})
    share = _shared("50%")
    api.set_provider(InMemoryProvider({"new": InMemoryFlag("on", variants)}))
    client, context = api.get_client(), EvaluationContext("user-1", {})
    subjects = {
        "plain": lambda: plain.enabled("new", user="user-1"),
        "share": lambda: share.enabled("new", user="user-1"),
        "openfeature": lambda: client.get_boolean_value("new", False, context),
    }
    spent: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, call in subjects.items():
            began = time.process_time()
            for _ in range(CALLS):
                call()
            spent[name].append((time.process_time() - began) / CALLS * 1e6)
    low = {name: sorted(found)[ROUNDS // 10] for name, found in spent.items()}
    api.shutdown()
    beside = f"OpenFeature's in-memory provider: {low['openfeature']:.1f} µs"
    return [
        Figure("evaluation of a simple flag", low["plain"], "µs", most=5, beside=beside),
        Figure("evaluation of a share", low["share"], "µs", most=5, beside=beside),
    ]


def _propagation() -> Figure:
    """From the start of `sereno flags set` to the service that evaluates otherwise; the command's own time too."""
    from tests.delivery.conftest import running

    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (url, token):
        flags = Flags.sereno(url, token=token, cache=Path(folder) / "kept")
        flags.start()
        _until(lambda: flags.ready)
        environment = {**os.environ, "SERENO_URL": url, "SERENO_TOKEN": token}
        whole = []
        for number in range(CHANGES):
            wanted = "off" if number % 2 == 0 else "on"
            whole.append(asyncio.run(_seen(flags, wanted == "on", wanted, environment)))
        flags.close()
    return Figure(
        "`sereno flags set` to a service that knows", max(whole), "s", most=2,
        beside=f"slowest of {CHANGES}, the command's own start and end included; median {median(whole):.2f} s",
    )  # fmt: skip


async def _seen(flags: Flags, value: bool, wanted: str, environment: dict[str, str]) -> float:
    began = time.monotonic()
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sereno", "flags", "set", "banner", wanted, "--reason", "measured", env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    ended = asyncio.create_task(command.wait())
    while flags.enabled("banner", not value) is not value:
        await asyncio.sleep(0.002)
        if time.monotonic() - began > 30:
            raise AssertionError("the change did not arrive")
    known = time.monotonic()
    assert await ended == 0
    return known - began


def _until(what: object) -> None:
    end = time.monotonic() + 20
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)

"""Budgets of a running control plane: what does not count, where they stand without it, and corrections to them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sereno.adapters.samples.source import thinned_of
from sereno.app.evaluate import fetch
from sereno.kernel.errors import NotFound, UsageError
from sereno.kernel.inert import inert
from sereno.slo import Budget, Correction, Effect, Exclusions, SloPlan, budget, budget_selections

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.app.control import Control

REASON_LONGEST = 2000
CORRECTION_LONGEST = timedelta(days=92)
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)


async def exclusions_of(control: Control) -> Exclusions:
    """Everything that does not count just now: planned maintenance of the spec, and the ledger's corrections."""
    standing = await control.database.read(lambda unit: unit.corrections.standing())
    return Exclusions(tuple(control.spec.current.maintenances.values()), standing)


async def counted(control: Control, plan: SloPlan, now: datetime, exclusions: Exclusions) -> Budget:
    """Where one objective stands at `now`. Raises QueryError, or Unavailable, if its samples cannot be had."""
    thinned = await asyncio.to_thread(thinned_of, control.samples)
    select = await fetch(control, budget_selections(plan.slo, now, thinned))
    return await asyncio.to_thread(budget, plan.service, plan.slo, select, now, thinned, exclusions)


async def correct(
    control: Control, *, service: str, slo: str | None, start: datetime, end: datetime, reason: str, actor: str
) -> Correction:
    """Leave (start, end] out of one objective's budget, or of all of a service's, with an entry in the ledger.

    What was left of each budget before and after is in the entry and in the audit log. Raises NotFound for what is not
    declared, UsageError for a time that is none, lies ahead or is longer than a quarter, or without a reason.
    """
    now = control.clock.now()
    plans, reason = _concerned(control, service, slo), inert(reason)
    _check(start, end, reason, now)
    entry = Correction(control.ids.new("co"), service, slo, start, end, reason.strip(), actor, now)
    before = await exclusions_of(control)
    after = replace(before, corrections=(*before.corrections, entry))
    found = {plan.slo.name: await _both(control, plan, now, before, after) for plan in plans}
    effects = tuple(Effect(name, one.remaining, two.remaining) for name, (one, two) in found.items())
    entry = replace(entry, effects=effects)

    def write(unit: Unit) -> None:
        unit.corrections.add(entry)
        unit.audit.write(now, actor, "budget.correct", f"{service}/{slo or '*'}", _details(entry))

    await control.database.write(write)
    await _show(control, {name: two for name, (_, two) in found.items()}, service)
    return entry


async def withdraw(control: Control, correction_id: str, *, reason: str, actor: str) -> Correction:
    """Let an entry of the ledger count no more. Raises NotFound, or Conflict if it was withdrawn already."""
    reason = inert(reason)
    if not reason.strip() or len(reason) > REASON_LONGEST:
        raise UsageError(f"a withdrawal needs a reason of 1 to {REASON_LONGEST:,} characters")
    now, entry_id = control.clock.now(), control.ids.new("co")

    def write(unit: Unit) -> Correction:
        found = unit.corrections.withdraw(correction_id, entry_id, at=now, by=actor, why=reason.strip())
        details = {"reason": reason.strip(), "correction": correction_id}
        unit.audit.write(now, actor, "budget.withdraw", f"{found.service}/{found.slo or '*'}", details)
        return found

    withdrawn = await control.database.write(write)
    exclusions = await exclusions_of(control)
    plans = [plan for plan in control.plans.values() if plan.service == withdrawn.service]
    mine = [plan for plan in plans if withdrawn.slo in (None, plan.slo.name)]
    found = {plan.slo.name: await counted(control, plan, now, exclusions) for plan in mine}
    await _show(control, found, withdrawn.service)
    return withdrawn


async def _both(
    control: Control, plan: SloPlan, now: datetime, before: Exclusions, after: Exclusions
) -> tuple[Budget, Budget]:
    return await counted(control, plan, now, before), await counted(control, plan, now, after)


async def _show(control: Control, found: dict[str, Budget], service: str) -> None:
    """The new figures at once, not only after the next round."""
    for name, one in found.items():
        if (service, name) in control.plans:
            control.budgets[service, name] = one
            control.metrics.show_budget(one)


def _concerned(control: Control, service: str, slo: str | None) -> list[SloPlan]:
    if service not in control.spec.current.services:
        raise NotFound(f"there is no service {service!r}")
    plans = [plan for (of, name), plan in control.plans.items() if of == service and slo in (None, name)]
    if not plans:
        names = ", ".join(name for of, name in control.plans if of == service)
        raise NotFound(f"{service} has no objective {slo!r}", hint=f"its objectives are {names}" if names else None)
    return plans


def _check(start: datetime, end: datetime, reason: str, now: datetime) -> None:
    if start.tzinfo is None or end.tzinfo is None:
        raise UsageError("say of which zone the times are", hint="such as 2026-03-02T03:00:00Z or …-05:00")
    if start < _EARLIEST:
        raise UsageError(f"there is no budget of before {_EARLIEST:%Y}")
    if not start < end:
        raise UsageError("a correction ends after it starts")
    if end > now:
        raise UsageError("a correction is about the past", hint="declare planned work as `maintenance` in the spec")
    if end - start > CORRECTION_LONGEST:
        raise UsageError(f"a correction may be {CORRECTION_LONGEST.days} days long")
    if not reason.strip() or len(reason) > REASON_LONGEST:
        raise UsageError(f"a correction needs a reason of 1 to {REASON_LONGEST:,} characters")


def _details(entry: Correction) -> dict[str, object]:
    return {
        "correction": entry.id,
        "start": entry.start.isoformat(),
        "end": entry.end.isoformat(),
        "reason": entry.reason,
        "effects": {
            one.slo: [None if value is None else f"{value:f}" for value in (one.before, one.after)]
            for one in entry.effects
        },
    }

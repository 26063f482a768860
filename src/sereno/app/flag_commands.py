"""What people ask of switches: each is one transaction, the change and its audit line together."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sereno.delivery import service as delivery
from sereno.delivery.model import Override, State

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.app.control import Control


async def override(
    control: Control, key: str, *, state: State, share: Decimal | None, reason: str, expires_at: datetime | None,
    actor: str,
) -> Override:  # fmt: skip
    """Make a switch on, off or a share, on all replicas. Raises NotFound, UsageError."""
    now = control.clock.now()

    def write(unit: Unit) -> Override:
        before = {one.flag: one for one in unit.overrides.all()}
        made = delivery.override(
            unit.overrides, control.spec.current, key, state=state, share=share, reason=reason, expires_at=expires_at,
            now=now, actor=actor,
        )  # fmt: skip
        unit.audit.write(now, actor, "flag.override", made.flag, _details(made, before.get(made.flag)))
        return made

    made = await control.database.write(write)
    await control.flags.refresh()
    return made


async def reset(control: Control, key: str, *, reason: str, actor: str) -> str:
    """Let a switch be as it is declared. Raises NotFound, UsageError."""
    now, said = control.clock.now(), delivery.reason_of(reason)

    def write(unit: Unit) -> str:
        flag = delivery.reset(unit.overrides, key, control.spec.current, now)
        unit.audit.write(now, actor, "flag.reset", flag, {"reason": said})
        return flag

    flag = await control.database.write(write)
    await control.flags.refresh()
    return flag


def _details(made: Override, before: Override | None) -> dict[str, str]:
    told = {"state": made.state, "reason": made.reason}
    if made.share is not None:
        told["share"] = f"{made.share:f}"
    if made.expires_at is not None:
        told["expires_at"] = made.expires_at.isoformat()
    if before is not None:
        told["before"] = before.state if before.share is None else f"share {before.share:f}"
    return told

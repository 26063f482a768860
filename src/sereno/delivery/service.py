"""Overriding switches: read, decide, write."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sereno.delivery.model import Override, State
from sereno.delivery.ports import Overrides
from sereno.delivery.rules import settable, switches, the_switch
from sereno.kernel.errors import NotFound, UsageError
from sereno.kernel.inert import inert
from sereno.spec.model import Spec

REASON_LONGEST = 2_000


def override(
    store: Overrides, spec: Spec, key: str, *, state: State, share: Decimal | None, reason: str,
    expires_at: datetime | None, now: datetime, actor: str,
) -> Override:  # fmt: skip
    """Make a switch on, off or a share, for a reason.

    Raises:
        NotFound: there is no such switch.
        UsageError: it cannot be made so, there is no reason, or it would have expired already.
    """
    found = the_switch(switches(spec, (), now), key)
    settable(found, state, share)
    said = reason_of(reason)
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise UsageError("an override expires in the future", hint="such as 2h from now")
    made = Override(found.id, state, share, said, actor, now, expires_at)
    store.put(made)
    return made


def reset(store: Overrides, key: str, spec: Spec, now: datetime) -> str:
    """Let a switch be as it is declared again; returns which. Raises NotFound where nothing overrides it."""
    named = next((one.flag for one in store.all() if one.flag == key), None)
    flag = named or the_switch(switches(spec, (), now), key).id
    if not store.drop(flag):
        raise NotFound(f"nothing overrides {flag}", hint="see `sereno flags list`")
    return flag


def reason_of(reason: str) -> str:
    """The reason as it is kept. Raises UsageError for none, or one in which there is nothing to read."""
    said = inert(reason).strip()
    if len(said) > REASON_LONGEST or not any(letter.isalnum() for letter in said):
        raise UsageError(f"an override needs a reason of 1 to {REASON_LONGEST:,} characters")
    return said

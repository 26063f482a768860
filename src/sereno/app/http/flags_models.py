"""What the API says and hears of switches."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from sereno.app.http.api_shapes import Exact, In, Out
from sereno.delivery.model import Explanation, Override, Switch

Reason = Annotated[str, Field(min_length=1, max_length=2000)]


class OverrideOut(Out):
    """What somebody made of a switch at run time."""

    state: str
    share: Exact | None
    reason: str
    author: str
    at: datetime
    expires_at: datetime | None


class FlagOut(Out):
    """A switch as it is declared, and the override that counts."""

    id: str
    name: str
    set: str
    title: str
    type: str
    default: str
    to: str
    share: Exact | None
    users: int
    rules: int
    services: list[str]
    owner: str
    expires: date | None
    overdue: bool
    override: OverrideOut | None


class OverrideIn(In):
    """What is to be made of a switch: a share is a decimal as text, from 0 to 1."""

    state: Literal["on", "off", "share"]
    share: Annotated[str, Field(max_length=20, pattern=r"^[0-9]+(\.[0-9]+)?$")] | None = None
    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=525_600)] | None = None
    """After so long it is as declared again; without, it stands until it is reset."""


class ResetIn(In):
    """Why it is as declared again."""

    reason: Reason


class ExplainIn(In):
    """Who asks."""

    user: Annotated[str, Field(max_length=1000)] = ""
    attributes: Annotated[dict[str, Any], Field(max_length=100, default_factory=dict)]


class ExplanationOut(Out):
    """What somebody gets, and why."""

    flag: str
    value: Any
    variant: str | None
    reason: str
    because: str
    rule: int | None
    place: Exact | None
    share: Exact | None
    override: OverrideOut | None


def flag_out(one: Switch, today: date) -> FlagOut:
    """A switch as it travels."""
    flag = one.flag
    return FlagOut(
        id=one.id, name=flag.name, set=one.set, title=flag.title, type=flag.type, default=flag.default, to=flag.to,
        share=flag.share, users=len(flag.users), rules=len(flag.rules), services=list(one.services),
        owner=flag.owner, expires=flag.expires, overdue=one.overdue(today), override=override_out(one.override),
    )  # fmt: skip


def override_out(found: Override | None) -> OverrideOut | None:
    """An override as it travels."""
    return None if found is None else OverrideOut.model_validate(found)


def explanation_out(found: Explanation) -> ExplanationOut:
    """An explanation as it travels."""
    return ExplanationOut.model_validate(found)


def share_of(text: str | None) -> Decimal | None:
    """The share that was said, exact."""
    return None if text is None else Decimal(text)

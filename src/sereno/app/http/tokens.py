"""Tokens of programs: made, named and withdrawn by administrators. A token is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from sereno.adapters.sql.accounts import Role, Token
from sereno.app.http import api_models as m
from sereno.app.http.api import ERRORS, Admin
from sereno.app.http.auth import digest, require
from sereno.kernel.errors import Conflict, NotFound

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.app.control import Control

OPERATOR = "local"
TOKENS_MAX = 1000
TokenName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class TokenIn(m.In):
    """A token to make. `samples` may send samples and nothing else; the other roles are a person's."""

    name: TokenName
    role: Role
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class TokenOut(m.Out):
    """A token as it may be shown: how it begins, never the whole."""

    name: str
    role: Role
    prefix: str
    created_at: datetime
    expires_at: datetime | None


class TokenMadeOut(TokenOut):
    """A token just made: the whole, this once."""

    token: str


class Withdrawn(m.Out):
    """A token that opens nothing any more."""

    name: str


def router(control: Control) -> APIRouter:
    """The routes of /api/v1/tokens."""
    routes = APIRouter(prefix="/api/v1/tokens", responses=ERRORS, tags=["tokens"])

    @routes.get("", summary="Tokens of programs", dependencies=[Depends(require("admin"))])
    async def tokens() -> list[TokenOut]:
        found = await control.database.read(lambda unit: unit.accounts.tokens())
        return [TokenOut.model_validate(token) for token in found]

    @routes.post("", summary="Make a token; it is shown this once")
    async def make(me: Admin, wanted: TokenIn) -> TokenMadeOut:
        token, text = await make_token(control, wanted, actor=me.name)
        return TokenMadeOut(token=text, **TokenOut.model_validate(token).model_dump())

    @routes.post("/{name}/withdraw", summary="Withdraw a token: it opens nothing from now on")
    async def withdraw(me: Admin, name: str) -> Withdrawn:
        await withdraw_token(control, name, actor=me.name)
        return Withdrawn(name=name)

    return routes


async def make_token(control: Control, wanted: TokenIn, *, actor: str) -> tuple[Token, str]:
    """Make a token and its line in the audit log. Raises Conflict if the name is taken."""
    now = control.clock.now()
    text = f"sereno_{'samples' if wanted.role == 'samples' else 'api'}_{control.ids.secret()}"
    expires = now + timedelta(days=wanted.days) if wanted.days else None
    prefix = text[: text.index("_", 7) + 5]
    token = Token(digest(control, "token", text), prefix, wanted.name, wanted.role, now, expires)

    def write(unit: Unit) -> None:
        known = unit.accounts.tokens()
        if wanted.name == OPERATOR or any(one.name == wanted.name for one in known):
            raise Conflict(f"there is already a token {wanted.name}", hint="withdraw it first, or take another name")
        if len(known) >= TOKENS_MAX:
            raise Conflict(f"there are {TOKENS_MAX} tokens already", hint="withdraw some")
        unit.accounts.add_token(token)
        unit.audit.write(now, actor, "token.make", f"token/{wanted.name}", {"role": wanted.role})

    await control.database.write(write)
    return token, text


async def withdraw_token(control: Control, name: str, *, actor: str) -> None:
    """Withdraw the token of that name. Raises NotFound."""
    now = control.clock.now()

    def write(unit: Unit) -> None:
        if name == OPERATOR or not unit.accounts.drop_tokens(name):
            raise NotFound(f"there is no token {name}" if name != OPERATOR else "the operator's own token stays")
        unit.audit.write(now, actor, "token.withdraw", f"token/{name}", {})

    await control.database.write(write)

"""Who is asking, and what they may do. Nobody is let in by default.

People sign in with a password and hold a session: an opaque cookie of which the database knows only an HMAC.
Programs hold a token `sereno_<kind>_<random>`, kept likewise. Roles are a ladder: viewer < responder < admin.
Beside it stands `samples`: a program that may send samples, which an administrator may too, and nothing else.
Every route declares `require(role)` or `public`; `check_guarded` refuses to serve one that does not.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio.to_thread
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sereno.adapters.sql.accounts import Role, Session, Token, User
from sereno.app.http.errors import TooMany
from sereno.app.http.passwords import Passwords
from sereno.kernel.errors import Forbidden, Unauthenticated, Unavailable, UsageError

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.app.control import Control

ROLES: tuple[Role, ...] = ("viewer", "responder", "admin")
SIGN_INS_PER_MINUTE = 5
SIGN_INS_PER_MINUTE_ADDRESS = 30
SESSION_DAYS_MAX = 30
SESSIONS_MAX = 20
SEEN_EVERY = timedelta(minutes=1)
OPERATOR_TOKEN_FILE = "operator.token"  # noqa: S105 — a file's name, not a secret
FIRST_ADMIN = "admin"
BASIC_PATHS = ("/prometheus/",)
"""Where a token may come as the password of basic authentication: what Grafana and promtool know to send."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone known: a person with a session, or a program with a token."""

    name: str
    role: Role
    via: Literal["session", "token"]

    def may(self, role: Role) -> bool:
        """Whether this principal stands at `role` or above."""
        if "samples" in (role, self.role):
            return self.role in (role, "admin")
        return ROLES.index(self.role) >= ROLES.index(role)


class Require:
    """A dependency: the caller, who must stand at `role` or above (Unauthenticated, Forbidden)."""

    def __init__(self, role: Role) -> None:
        self.role: Role = role

    async def __call__(self, request: Request) -> Principal:
        """The caller. Raises Unauthenticated or Forbidden."""
        caller = await identify(request, basic=request.url.path.startswith(BASIC_PATHS) or self.role == "samples")
        if caller is None:
            raise Unauthenticated("sign in first", hint="send a token: `Authorization: Bearer sereno_…`")
        if not caller.may(self.role):
            raise Forbidden(f"this asks for the role {self.role}; you are {caller.role}")
        request.state.principal = caller
        return caller


def require(role: Role) -> Require:
    """What a route declares to be guarded."""
    return Require(role)


async def public() -> None:
    """What a route declares to be open to everyone."""


def guard_of(route: BaseRoute) -> Role | Literal["public"] | None:
    """What the route declares: a role, `public`, or None for nothing at all."""
    if not isinstance(route, APIRoute):
        return None
    for dependant in _walk(route.dependant):
        if isinstance(dependant.call, Require):
            return dependant.call.role
        if dependant.call is public:
            return "public"
    return None


def _walk(dependant: Dependant) -> Iterator[Dependant]:
    for inner in dependant.dependencies:
        yield inner
        yield from _walk(inner)


async def identify(request: Request, *, basic: bool = False) -> Principal | None:
    """The caller, or None for nobody. A request with an Authorization header is judged by it alone.

    With `basic` a token may come as the password of basic authentication, for programs that know nothing else.
    """
    control: Control = request.app.state.control
    header = request.headers.get("authorization")
    if header is not None:
        return await _by_token(control, _bearer(header) if basic else header)
    value = request.cookies.get(cookie_name(control))
    return await _by_session(control, value) if value else None


def _bearer(header: str) -> str:
    """A basic authorization with a token for a password, as the bearer's; any other as it is."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > 2000:
        return header
    try:
        return f"Bearer {base64.b64decode(encoded, validate=True).decode('ascii').partition(':')[2]}"
    except (binascii.Error, UnicodeDecodeError):
        return header


async def _by_token(control: Control, header: str) -> Principal:
    scheme, _, token = header.partition(" ")
    wrong = Unauthenticated("the token is wrong or has expired", hint="send `Authorization: Bearer sereno_…`")
    if scheme.lower() != "bearer" or not token.startswith("sereno_") or len(token) > 200:
        raise wrong
    key = digest(control, "token", token)
    found = await control.database.read(lambda unit: unit.accounts.find_token(key))
    if found is None or (found.expires_at is not None and found.expires_at <= control.clock.now()):
        raise wrong
    return Principal(found.name, found.role, "token")


async def _by_session(control: Control, value: str) -> Principal | None:
    now, key = control.clock.now(), digest(control, "session", value)
    found = await control.database.read(lambda unit: unit.accounts.find_session(key))
    idle = timedelta(hours=control.settings.session_hours)
    if found is None or found.expires_at <= now or found.seen_at + idle <= now:
        return None
    user = await control.database.read(lambda unit: unit.accounts.find_user(found.user))
    if user is None:
        return None
    if now - found.seen_at >= SEEN_EVERY:
        with suppress(Unavailable):  # a full disk must not shut people out of reading
            await control.database.write(lambda unit: unit.accounts.touch_session(key, now))
    return Principal(user.name, user.role, "session")


def digest(control: Control, purpose: str, value: str) -> str:
    """What the database keeps of a credential: HMAC-SHA256 under the installation's key, by purpose."""
    return hmac.new(control.secret, f"{purpose}:{value}".encode(), sha256).hexdigest()


def is_https(control: Control) -> bool:
    """Whether people reach this installation over TLS."""
    return control.settings.address.startswith("https://")


def cookie_name(control: Control) -> str:
    """The session cookie's name; the prefix makes browsers insist on TLS, this host and the path `/`."""
    return "__Host-sereno" if is_https(control) else "sereno"


async def sign_in(
    control: Control, passwords: Passwords, name: str, password: str, address: str, old: str | None
) -> str:
    """Check a password and begin a session; returns the cookie's value.

    `address` is the caller's, for the throttle; `old` is the cookie they came with, whose session ends.
    Raises TooMany, or Unauthenticated saying nothing about which half was wrong.
    """
    now, name = control.clock.now(), name.strip().lower()[:64]
    if not await control.database.write(lambda unit: _may_try(unit, name, address, now)):
        raise TooMany("too many attempts; wait a minute and try again")
    user = await control.database.read(lambda unit: unit.accounts.find_user(name))
    right = await passwords.check(user.password_hash if user else None, password)
    if user is None or not right:
        detail = {"address": address}
        await control.database.write(lambda unit: unit.audit.write(now, name, "sign_in_failed", "session", detail))
        raise Unauthenticated("the name or the password is wrong")
    value = control.ids.secret()

    def begin(unit: Unit) -> None:
        if old:
            unit.accounts.drop_session(digest(control, "session", old))
        unit.accounts.drop_expired(now)
        unit.throttle.forget(now - timedelta(hours=1))
        for oldest in unit.accounts.sessions(user.name)[SESSIONS_MAX - 1 :]:
            unit.accounts.drop_session(oldest.hash)
        expires = now + timedelta(days=SESSION_DAYS_MAX)
        unit.accounts.add_session(Session(digest(control, "session", value), user.name, now, now, expires))
        unit.audit.write(now, user.name, "sign_in", "session", {"address": address})

    await control.database.write(begin)
    return value


def _may_try(unit: Unit, name: str, address: str, now: datetime) -> bool:
    # The address first: names are the attacker's to invent, and each would leave a row behind.
    address = network_of(address)
    each_minute = SIGN_INS_PER_MINUTE_ADDRESS
    if not unit.throttle.take(f"sign-in:{address}", now, per_minute=each_minute, burst=each_minute):
        return False
    each_minute = SIGN_INS_PER_MINUTE
    return unit.throttle.take(f"sign-in:{name}@{address}", now, per_minute=each_minute, burst=each_minute)


async def sign_out(control: Control, value: str, actor: str) -> None:
    """End the session of the cookie `value`, for good."""
    now = control.clock.now()

    def end(unit: Unit) -> None:
        unit.accounts.drop_session(digest(control, "session", value))
        unit.audit.write(now, actor, "sign_out", "session", {})

    await control.database.write(end)


def set_session_cookie(control: Control, response: Response, value: str) -> None:
    """Give the session to the browser: unreadable to scripts, not sent along by other sites' forms."""
    response.set_cookie(
        cookie_name(control), value, max_age=SESSION_DAYS_MAX * 86400, path="/",
        secure=is_https(control), httponly=True, samesite="lax",
    )  # fmt: skip


def clear_session_cookie(control: Control, response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(cookie_name(control), path="/", secure=is_https(control), httponly=True, samesite="lax")


def caller_address(connection: HTTPConnection) -> str:
    """The caller's network address as the server knows it."""
    return connection.client.host if connection.client else "unknown"


def network_of(address: str) -> str:
    """What one caller holds: an IPv4 address, or the /64 of an IPv6 one, in which addresses cost nothing."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))


async def ensure_admin(control: Control) -> str | None:
    """Make the first administrator if there is nobody yet; returns the password, this once, else None."""
    if await control.database.read(lambda unit: bool(unit.accounts.users())):
        return None
    now, password = control.clock.now(), control.ids.secret()[:20]
    encoded = await Passwords().hash(password)

    def make(unit: Unit) -> bool:
        if unit.accounts.users():  # another replica got there first
            return False
        unit.accounts.add_user(User(FIRST_ADMIN, encoded, "admin", now))
        unit.audit.write(now, "sereno", "user_added", f"user/{FIRST_ADMIN}", {"role": "admin"})
        return True

    return password if await control.database.write(make) else None


async def set_password(control: Control, name: str, password: str, *, actor: str) -> None:
    """Give `name` another password and end their sessions. Raises UsageError, NotFound."""
    if not 10 <= len(password) <= 1024:
        raise UsageError("a password has 10 to 1024 characters")
    encoded, now = await Passwords().hash(password), control.clock.now()

    def change(unit: Unit) -> None:
        unit.accounts.set_password(name, encoded)
        unit.accounts.drop_sessions(name)
        unit.audit.write(now, actor, "password_changed", f"user/{name}", {})

    await control.database.write(change)


async def add_token(control: Control, *, name: str, role: Role, kind: str, expires_at: datetime | None = None) -> str:
    """Make an API token; returns it, this once. `kind` is a word in it that says what it is for."""
    now, token = control.clock.now(), f"sereno_{kind}_{control.ids.secret()}"

    def make(unit: Unit) -> None:
        prefix = token[: len(kind) + 12]
        unit.accounts.add_token(Token(digest(control, "token", token), prefix, name, role, now, expires_at))
        unit.audit.write(now, "sereno", "token_added", f"token/{name}", {"role": role, "kind": kind})

    await control.database.write(make)
    return token


async def ensure_operator_token(control: Control) -> str:
    """The command line's token, in a file that only its owner may read; made, or made anew if it no longer opens."""
    path = control.settings.data_dir / OPERATOR_TOKEN_FILE
    if path.exists():
        token = path.read_text().strip()
        key = digest(control, "token", token)
        if await control.database.read(lambda unit: unit.accounts.find_token(key)) is not None:
            return token
        path.unlink()
    token = await add_token(control, name="local", role="admin", kind="operator")
    path.parent.mkdir(parents=True, exist_ok=True)
    await anyio.to_thread.run_sync(_write_private, path, token + "\n")
    return token


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)

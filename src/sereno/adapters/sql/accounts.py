"""Users, their sessions, and tokens of machines. Only hashes are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
import sqlalchemy.exc as sa_exc

from sereno.adapters.sql.rows import instant
from sereno.adapters.sql.tables import session, token, user
from sereno.kernel.errors import Conflict, NotFound
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

Role = Literal["viewer", "responder", "admin", "samples"]
"""A ladder, and beside it `samples`: a program that may send samples and nothing else."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may sign in."""

    name: str
    password_hash: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in. `hash` is the HMAC of the cookie's value; past `expires_at` it is nothing."""

    hash: str
    user: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A machine's credential. `hash` is the HMAC of the token, `prefix` its recognisable beginning."""

    hash: str
    prefix: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None


class SqlAccounts:
    """Users, sessions and tokens. Whether something has expired is the caller's judgement, but for `drop_expired`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add_user(self, new: User) -> None:
        """Insert. Raises Conflict if the name is taken."""
        row = {
            "name": new.name,
            "password_hash": new.password_hash,
            "role": new.role,
            "created_us": to_us(new.created_at),
        }
        try:
            with self._unit.savepoint():
                self._unit.connection.execute(sa.insert(user), row)
        except sa_exc.IntegrityError:
            raise Conflict(f"there is already a user {new.name}") from None

    def find_user(self, name: str) -> User | None:
        """The user of that name."""
        row = self._unit.connection.execute(sa.select(user).where(user.c.name == name)).one_or_none()
        return None if row is None else _user(row)

    def users(self) -> tuple[User, ...]:
        """Every user, by name."""
        return tuple(_user(row) for row in self._unit.connection.execute(sa.select(user).order_by(user.c.name)))

    def set_password(self, name: str, password_hash: str) -> None:
        """Replace the password. Raises NotFound. Ending the user's sessions is `drop_sessions`."""
        change = sa.update(user).where(user.c.name == name).values(password_hash=password_hash)
        if self._unit.connection.execute(change).rowcount != 1:
            raise NotFound(f"there is no user {name}")

    def drop_user(self, name: str) -> bool:
        """Forget the user and its sessions; says whether there was one."""
        self.drop_sessions(name)
        return self._unit.connection.execute(sa.delete(user).where(user.c.name == name)).rowcount == 1

    def add_session(self, new: Session) -> None:
        """Insert."""
        row = {
            "hash": new.hash,
            "user_name": new.user,
            "created_us": to_us(new.created_at),
            "seen_us": to_us(new.seen_at),
            "expires_us": to_us(new.expires_at),
        }
        self._unit.connection.execute(sa.insert(session), row)

    def find_session(self, hashed: str) -> Session | None:
        """The session of that hash, expired or not."""
        row = self._unit.connection.execute(sa.select(session).where(session.c.hash == hashed)).one_or_none()
        return None if row is None else _session(row)

    def touch_session(self, hashed: str, now: datetime) -> bool:
        """Note that it was used; says whether it is there."""
        change = sa.update(session).where(session.c.hash == hashed).values(seen_us=to_us(now))
        return self._unit.connection.execute(change).rowcount == 1

    def drop_session(self, hashed: str) -> bool:
        """End it; says whether it was there."""
        return self._unit.connection.execute(sa.delete(session).where(session.c.hash == hashed)).rowcount == 1

    def drop_sessions(self, name: str) -> int:
        """End every session of the user; returns how many."""
        return self._unit.connection.execute(sa.delete(session).where(session.c.user_name == name)).rowcount

    def sessions(self, name: str | None = None) -> tuple[Session, ...]:
        """Sessions of the user (or of all), newest first."""
        query = sa.select(session).order_by(session.c.created_us.desc(), session.c.hash)
        if name is not None:
            query = query.where(session.c.user_name == name)
        return tuple(_session(row) for row in self._unit.connection.execute(query))

    def drop_expired(self, now: datetime) -> int:
        """Forget sessions and tokens that have expired; returns how many."""
        gone = self._unit.connection.execute(sa.delete(session).where(session.c.expires_us <= to_us(now))).rowcount
        return gone + self._unit.connection.execute(sa.delete(token).where(token.c.expires_us <= to_us(now))).rowcount

    def add_token(self, new: Token) -> None:
        """Insert."""
        row = {
            "hash": new.hash,
            "prefix": new.prefix,
            "name": new.name,
            "role": new.role,
            "created_us": to_us(new.created_at),
            "expires_us": None if new.expires_at is None else to_us(new.expires_at),
        }
        self._unit.connection.execute(sa.insert(token), row)

    def find_token(self, hashed: str) -> Token | None:
        """The token of that hash, expired or not."""
        row = self._unit.connection.execute(sa.select(token).where(token.c.hash == hashed)).one_or_none()
        return None if row is None else _token(row)

    def drop_tokens(self, name: str) -> int:
        """Forget the tokens of that name; returns how many."""
        return self._unit.connection.execute(sa.delete(token).where(token.c.name == name)).rowcount

    def tokens(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        query = sa.select(token).order_by(token.c.created_us, token.c.hash)
        return tuple(_token(row) for row in self._unit.connection.execute(query))


def _user(row: Any) -> User:
    return User(row.name, row.password_hash, row.role, from_us(row.created_us))


def _session(row: Any) -> Session:
    return Session(row.hash, row.user_name, from_us(row.created_us), from_us(row.seen_us), from_us(row.expires_us))


def _token(row: Any) -> Token:
    return Token(row.hash, row.prefix, row.name, row.role, from_us(row.created_us), instant(row.expires_us))

"""What goes wrong in a state store, said in the kernel's words."""

from __future__ import annotations

import sqlalchemy.exc as sa_exc

from sereno.kernel.errors import SerenoError, Unavailable, UsageError

_FULL_HINT = "make room; work goes on by itself"
_SQLITE_UNAVAILABLE = ("full", "locked", "busy", "disk i/o", "unable to open", "readonly")
# 08 connection, 25006 a standby, 40 rolled back, 53 resources (disk full), 55P03 lock timeout, 57 shut down, 58 system
_POSTGRES_UNAVAILABLE = ("08", "40", "53", "55P03", "57", "25006", "58")
_POSTGRES_UNKEEPABLE = ("22021", "22P05")  # NUL in a text, in JSON


class DatabaseDied(SerenoError):
    """The store's writer is gone; the program must end and start again."""

    code = "database_died"
    status = 503


def translate(error: Exception) -> Exception:
    """`error` as callers understand it: Unavailable when trying again later is right, UsageError for characters that
    no store keeps, else `error` itself.

    The text never holds the statement or its parameters.
    """
    if not isinstance(error, sa_exc.DBAPIError | sa_exc.TimeoutError):
        return error
    if isinstance(error, sa_exc.TimeoutError):
        return Unavailable("every connection to the database is busy", retry_after_seconds=1)
    state = sqlstate(error)
    text = _first_line(error)
    if state is not None:
        if state in _POSTGRES_UNKEEPABLE:
            return UsageError("the text holds a character that cannot be kept")
        lost = error.connection_invalidated
        return Unavailable(f"the database cannot take it now: {text}") if lost or _matches(state) else error
    if isinstance(error, sa_exc.DataError) and "NUL" in text:  # psycopg's own word, before anything is sent
        return UsageError("the text holds a NUL character, which cannot be kept")
    if isinstance(error, sa_exc.OperationalError):
        lower = text.lower()
        if error.connection_invalidated or any(word in lower for word in _SQLITE_UNAVAILABLE) or _is_postgres(error):
            hint = _FULL_HINT if "full" in lower or "i/o" in lower else None
            return Unavailable(f"the database cannot take it now: {text}", hint=hint)
    return error


def is_trouble(error: BaseException) -> bool:
    """Whether the store, not the work, is at fault: the whole transaction must end, no part of it can go on."""
    return isinstance(error, Unavailable | DatabaseDied) or (
        isinstance(error, Exception) and isinstance(translate(error), Unavailable)
    )


def is_retryable(error: sa_exc.DBAPIError) -> bool:
    """Whether PostgreSQL asks to run the transaction again (serialization failure, deadlock)."""
    return (sqlstate(error) or "").startswith("40")


def sqlstate(error: sa_exc.DBAPIError) -> str | None:
    """PostgreSQL's five-character code, if it gave one."""
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def _matches(state: str) -> bool:
    return state.startswith(_POSTGRES_UNAVAILABLE)


def _is_postgres(error: sa_exc.DBAPIError) -> bool:
    """Connection failures of psycopg carry no code."""
    return type(error.orig).__module__.startswith("psycopg")


def _first_line(error: sa_exc.DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__

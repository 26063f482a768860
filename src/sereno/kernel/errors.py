"""The error tree.

SerenoError                    anything a person or a client must hear about
├── UsageError                 the command or request was put wrongly            400, exit 2
├── SpecError                  the spec has mistakes; carries every diagnostic   422, exit 1
├── QueryError                 a PromQL expression is wrong; carries a position  422, exit 1
│   ├── UnsupportedQuery       valid PromQL that this version does not compute
│   └── QueryLimit             a limit ended the query; says which and how to raise it
├── Unauthenticated            who are you?                                      401
├── Forbidden                  you may not                                       403
├── NotFound                   there is no such thing                            404
├── Conflict                   it has changed, or is held by someone else        409, exit 1
├── Unavailable                try again later (full disk, locked database)      503, retry
└── DeliveryError              a message did not reach its peer; says whether to try again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno.kernel.diagnostics import Diagnostic


class SerenoError(Exception):
    """Something went wrong that a person or a client must hear about.

    `code` is stable and machine-readable; `hint` says what to do next.
    """

    code = "error"
    status = 500
    exit_code = 1
    retry = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SerenoError):
    """The command or request was put wrongly."""

    code = "usage"
    status = 400
    exit_code = 2


class SpecError(SerenoError):
    """The spec has mistakes; `diagnostics` holds all of them."""

    code = "spec"
    status = 422

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        count = sum(one.level == "error" for one in self.diagnostics) or len(self.diagnostics)
        super().__init__(f"the spec has {count} mistake{'s' * (count != 1)}", hint="run `sereno check`")


class QueryError(SerenoError):
    """A PromQL expression is wrong; `position` is the offset of the offending character, if known, and `end` that
    after the last one."""

    code = "query"
    status = 422

    def __init__(
        self, message: str, *, position: int | None = None, end: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.position = position
        self.end = end


class UnsupportedQuery(QueryError):
    """Valid PromQL that this version does not compute; never silently wrong."""

    code = "query_unsupported"


class QueryLimit(QueryError):
    """A limit on samples, series or steps ended the query."""

    code = "query_limit"


class Unauthenticated(SerenoError):
    """Nobody is signed in, or the credential is wrong or expired."""

    code = "unauthenticated"
    status = 401


class Forbidden(SerenoError):
    """The person is known and may not do this."""

    code = "forbidden"
    status = 403


class NotFound(SerenoError):
    """There is no such thing."""

    code = "not_found"
    status = 404


class Conflict(SerenoError):
    """It has changed meanwhile, is in a state that does not allow this, or is held by someone else."""

    code = "conflict"
    status = 409


class Unavailable(SerenoError):
    """The store cannot take it now; nothing was accepted, trying again later is right."""

    code = "unavailable"
    status = 503
    retry = True

    def __init__(self, message: str, *, retry_after_seconds: int = 5, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class DeliveryError(SerenoError):
    """A message did not reach its peer.

    `permanent` means trying the same address again is useless; `retry_after_seconds` is the peer's wish.
    """

    code = "delivery"
    status = 502

    def __init__(self, message: str, *, permanent: bool = False, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry = not permanent
        self.retry_after_seconds = retry_after_seconds

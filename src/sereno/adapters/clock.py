"""The only place that reads a clock or makes randomness."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class RandomIds:
    """Identities that sort by time of making (48 bits of milliseconds, 80 of randomness, as ULID)."""

    def new(self, kind: str) -> str:
        """A new identity with `kind` as its prefix."""
        number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        return f"{kind}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))

    def secret(self) -> str:
        """256 unguessable bits, safe in URLs."""
        return secrets.token_urlsafe(32)

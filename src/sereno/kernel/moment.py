"""Instants: aware datetimes in UTC inside, integer microseconds in the state store, milliseconds in samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(instant: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """The instant `us` microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=us)


def to_ms(instant: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The instant `ms` milliseconds after the epoch."""
    return EPOCH + timedelta(milliseconds=ms)


def iso(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"

"""Frozen values to rows and back. Instants are integer microseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

T = TypeVar("T")
Row = Mapping[str, Any]


def us(instant: datetime | None) -> int | None:
    """Microseconds since the epoch, or None."""
    return None if instant is None else to_us(instant)


def instant(us: int | None) -> datetime | None:
    """The instant of a nullable column."""
    return None if us is None else from_us(us)


def pack(value: object, but: Iterable[str]) -> dict[str, Any]:
    """The fields of a frozen value as JSON, less those of `but`, which have columns of their own."""
    body: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_encode)
    for name in but:
        del body[name]
    return body


def unpack(kind: type[T], body: Mapping[str, Any], **columns: object) -> T:
    """The frozen value whose `body` and `columns` those are. Fields that a later version added take their default."""
    return msgspec.convert({**body, **columns}, kind, dec_hook=_decode)


def _encode(value: object) -> object:
    if isinstance(value, Labels):
        return dict(value)
    raise NotImplementedError(type(value).__name__)


def _decode(kind: type, value: object) -> object:
    if kind is Labels and isinstance(value, Mapping):
        return Labels(value)
    raise NotImplementedError(kind.__name__)


def upsert(unit: Unit, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Insert `rows` or replace those whose `key` is there."""
    if rows:
        unit.connection.execute(_upsert(table, key, unit.postgres), rows)


def insert_new(unit: Unit, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, key: tuple[str, ...]) -> None:
    """Insert those of `rows` whose `key` is not there yet."""
    if rows:
        unit.connection.execute(_insert_new(table, key, unit.postgres), rows)


def inserted(unit: Unit, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert `row`, unless something unique in it is there already; says whether it was inserted."""
    (key,) = table.primary_key
    insert = _insert(table, unit.postgres).values(dict(row)).on_conflict_do_nothing().returning(key)
    return unit.connection.execute(insert).scalar_one_or_none() is not None


def _insert(table: sa.Table, postgres: bool) -> Any:
    make: Callable[[sa.Table], Any] = postgresql.insert if postgres else sqlite.insert
    return make(table)


@cache
def _upsert(table: sa.Table, key: str, postgres: bool) -> Any:
    insert = _insert(table, postgres)
    rest = {column.name: insert.excluded[column.name] for column in table.columns if column.name != key}
    return insert.on_conflict_do_update(index_elements=[key], set_=rest)


@cache
def _insert_new(table: sa.Table, key: tuple[str, ...], postgres: bool) -> Any:
    return _insert(table, postgres).on_conflict_do_nothing(index_elements=list(key))

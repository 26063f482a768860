"""Brings a database to the schema of this version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from sereno.adapters.sql.migrations import HEAD
from sereno.adapters.sql.tables import metadata
from sereno.kernel.errors import Conflict

_MIGRATION_LOCK = 0x5E4E_0001
_VERSION = sa.Table(
    "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True, nullable=False)
)


def ensure_schema(engine: sa.Engine) -> None:
    """Create the tables in an empty database, or upgrade those of an earlier version.

    Alembic, which is slow to import, is asked only if there is something to upgrade. Raises Conflict if the
    database belongs to a later version of the program.
    """
    with engine.connect() as connection:
        with connection.begin():
            _lock(connection)
            stored = stored_revision(connection)
            if stored is None and _empty(connection):
                metadata.create_all(connection)
                _VERSION.create(connection, checkfirst=True)
                connection.execute(sa.insert(_VERSION), [{"version_num": HEAD}])
                return
        if stored != HEAD:
            upgrade(connection)


def stored_revision(connection: sa.Connection) -> str | None:
    """The revision of the schema in the database, or None if there is none."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Run the migrations up to `revision`. Raises Conflict for a revision that this version does not know."""
    from alembic import command
    from alembic.util import CommandError

    config = configuration()
    config.attributes["connection"] = connection
    sqlite = connection.dialect.name == "sqlite"
    # SQLite rebuilds a table to change it; with foreign keys on, that would delete the children.
    if sqlite:
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
    try:
        with connection.begin():
            _lock(connection)
            command.upgrade(config, revision)
            if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise Conflict("the upgrade would leave rows without their parents; nothing was changed")
    except CommandError as error:
        raise Conflict(
            f"the database was written by another version of sereno ({error})", hint="run the later version"
        ) from None
    finally:
        if sqlite:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]


def configuration() -> "alembic.config.Config":  # type: ignore[name-defined]  # noqa: F821, UP037
    """Alembic's configuration; the connection goes into its `attributes`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


def _empty(connection: sa.Connection) -> bool:
    return not set(sa.inspect(connection).get_table_names()) & set(metadata.tables)

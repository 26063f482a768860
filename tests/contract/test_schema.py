"""The schema is the same however a database came to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sereno.adapters.sql.connect import postgres_engine, sqlite_engine
from sereno.adapters.sql.migrations import HEAD
from sereno.adapters.sql.schema import configuration, ensure_schema, stored_revision, upgrade
from sereno.adapters.sql.tables import metadata
from sereno.kernel.errors import Conflict


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    if database_url.startswith("sqlite"):
        made = sqlite_engine(Path(database_url.removeprefix("sqlite:///")), reading=False)
    else:
        made = postgres_engine(database_url, connections=2)
    yield made
    made.dispose()


def differences(engine: sa.Engine) -> list[object]:
    """What `alembic check` would say."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection, connection.begin():
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_head_is_the_end_of_one_linear_history() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [HEAD]
    assert len(scripts.get_bases()) == 1


def test_an_empty_database_is_created_at_head(engine: sa.Engine) -> None:
    ensure_schema(engine)
    assert differences(engine) == []
    with engine.connect() as connection, connection.begin():
        assert stored_revision(connection) == HEAD


def test_the_migrations_lead_to_the_same_schema_down_and_up_again(engine: sa.Engine) -> None:
    from alembic import command

    with engine.connect() as connection:
        upgrade(connection)
    assert differences(engine) == []
    with engine.connect() as connection, connection.begin():
        config = configuration()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.connect() as connection:
        assert not set(sa.inspect(connection).get_table_names()) & set(metadata.tables)
    ensure_schema(engine)
    assert differences(engine) == []


def test_a_second_start_changes_nothing_and_does_not_load_alembic(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_schema(engine)
    monkeypatch.setitem(sys.modules, "alembic", None)
    ensure_schema(engine)


def test_a_database_of_a_later_version_is_refused(engine: sa.Engine) -> None:
    ensure_schema(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(Conflict, match="another version"):
        ensure_schema(engine)

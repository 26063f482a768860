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


def shape(engine: sa.Engine) -> dict[str, object]:
    """Everything about the tables that matters, checks and conditions of partial indexes included."""
    look = sa.inspect(engine)
    return {
        name: {
            "columns": [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(name)],
            "key": look.get_pk_constraint(name),
            "unique": sorted(map(str, look.get_unique_constraints(name))),
            "checks": sorted(map(str, look.get_check_constraints(name))),
            "parents": sorted(map(str, look.get_foreign_keys(name))),
            "indexes": sorted(
                str({**i, "dialect_options": {k: str(v) for k, v in i.get("dialect_options", {}).items()}})
                for i in look.get_indexes(name)
            ),
        }
        for name in look.get_table_names()
        if name != "alembic_version"
    }


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


def test_the_short_way_of_an_empty_database_and_the_migrations_meet(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        upgrade(connection)
    migrated = shape(engine)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("drop table alembic_version")
    ensure_schema(engine)
    assert shape(engine) == migrated
    assert migrated.keys() == metadata.tables.keys()


def test_no_migration_follows_the_living_tables() -> None:
    folder = Path(configuration().get_main_option("script_location") or "") / "versions"
    scripts = sorted(folder.glob("*.py"))
    assert scripts
    assert not [path.name for path in scripts if "sereno" in path.read_text()], "what was released never changes"


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

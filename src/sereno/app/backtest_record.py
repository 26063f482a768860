"""The incidents that this workspace's control plane recorded, read beside it: nothing is locked, nothing written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sereno.insight.model import Incident
from sereno.kernel.moment import to_ms

if TYPE_CHECKING:
    import sqlalchemy as sa

    from sereno.app.settings import Settings

MOST = 5000


def recorded(settings: Settings, now: datetime) -> tuple[Incident, ...]:
    """Every incident recorded, those unresolved lasting until `now`; none where there is no control plane's state.

    They begin when the trouble began as far as was known then, and end when it was mitigated, or else resolved.
    """
    engine = _engine(settings)
    if engine is None:
        return ()
    from sereno.adapters.sql.unit import Unit

    try:
        with engine.connect() as connection, connection.begin():
            found = Unit(connection, writing=False).incidents.recent(MOST)
    finally:
        engine.dispose()
    return tuple(
        Incident(
            one.service, to_ms(one.started_at), to_ms(one.mitigated_at or one.resolved_at or now),
            f"#{one.number} {one.title}", "recorded",
        )
        for one in reversed(found)
    )  # fmt: skip


def _engine(settings: Settings) -> sa.Engine | None:
    path = settings.data_dir / "state.db"
    if settings.database is None and not path.is_file():
        return None
    from sereno.adapters.sql.connect import postgres_engine, sqlite_engine

    if settings.database is not None:
        return postgres_engine(settings.database.get_secret_value(), connections=1)
    return sqlite_engine(path, reading=True, readers=1)

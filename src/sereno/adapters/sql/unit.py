"""One unit of work: a transaction and the stores that take part in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TypeVar

import sqlalchemy as sa

from sereno.adapters.sql.accounts import SqlAccounts
from sereno.adapters.sql.alerts import SqlAlerts
from sereno.adapters.sql.audit import SqlAudit
from sereno.adapters.sql.corrections import SqlCorrections
from sereno.adapters.sql.delivery import SqlOverrides
from sereno.adapters.sql.duties import SqlDuties
from sereno.adapters.sql.errors import translate
from sereno.adapters.sql.facts import SqlFacts
from sereno.adapters.sql.incidents import SqlIncidents
from sereno.adapters.sql.intervals import SqlIntervals
from sereno.adapters.sql.ledger import SqlLedger
from sereno.adapters.sql.outbox import SqlOutbox
from sereno.adapters.sql.pages import SqlPages
from sereno.adapters.sql.retention import SqlRetention
from sereno.adapters.sql.throttle import SqlThrottle
from sereno.adapters.sql.wake import Topic

T = TypeVar("T")


class Unit:
    """A transaction and its stores. It is good until the work it was handed to returns.

    `topics` collects what was written, so that the loops can be woken once it is committed.
    """

    def __init__(self, connection: sa.Connection, *, writing: bool) -> None:
        self.connection = connection
        self.writing = writing
        self.postgres = connection.dialect.name == "postgresql"
        self.topics: set[Topic] = set()
        self._depth = 0

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone if it raises; the exception goes on to the caller."""
        self._depth += 1
        name = f"inner_{self._depth}"
        topics = set(self.topics)
        self.connection.exec_driver_sql(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self.topics = topics
            self._undo(name)
            raise
        else:
            self.connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")
        finally:
            self._depth -= 1

    def _undo(self, name: str) -> None:
        # A full disk or a lost connection has already ended the whole transaction: that error must be the one seen.
        if not self.alive:
            return
        self.connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {name}")
        self.connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")

    @property
    def alive(self) -> bool:
        """Whether the transaction still stands."""
        if self.connection.invalidated or self.connection.closed:
            return False
        return self.postgres or bool(self.connection.connection.driver_connection.in_transaction)  # type: ignore[union-attr]

    @cached_property
    def alerts(self) -> SqlAlerts:
        """Alerts."""
        return SqlAlerts(self)

    @cached_property
    def pages(self) -> SqlPages:
        """Pages and their next moments."""
        return SqlPages(self)

    @cached_property
    def outbox(self) -> SqlOutbox:
        """Outgoing messages."""
        return SqlOutbox(self)

    @cached_property
    def incidents(self) -> SqlIncidents:
        """Incidents and their timelines."""
        return SqlIncidents(self)

    @cached_property
    def intervals(self) -> SqlIntervals:
        """State intervals of public components."""
        return SqlIntervals(self)

    @cached_property
    def ledger(self) -> SqlLedger:
        """Events, and who has yet to hear them."""
        return SqlLedger(self)

    @cached_property
    def duties(self) -> SqlDuties:
        """Work that recurs, and who does it now."""
        return SqlDuties(self)

    @cached_property
    def accounts(self) -> SqlAccounts:
        """Users, sessions and tokens."""
        return SqlAccounts(self)

    @cached_property
    def throttle(self) -> SqlThrottle:
        """Token buckets."""
        return SqlThrottle(self)

    @cached_property
    def audit(self) -> SqlAudit:
        """Who did what."""
        return SqlAudit(self)

    @cached_property
    def facts(self) -> SqlFacts:
        """Small facts about this installation."""
        return SqlFacts(self)

    @cached_property
    def corrections(self) -> SqlCorrections:
        """Corrections to budgets."""
        return SqlCorrections(self)

    @cached_property
    def overrides(self) -> SqlOverrides:
        """Overrides of switches."""
        return SqlOverrides(self)

    @cached_property
    def retention(self) -> SqlRetention:
        """What may be forgotten."""
        return SqlRetention(self)


def read(engine: sa.Engine, work: Callable[[Unit], T]) -> T:
    """What `work` returns over one state of `engine`, which only reads. Raises what callers understand."""
    try:
        with engine.connect() as connection, connection.begin():
            return work(Unit(connection, writing=False))
    except sa.exc.SQLAlchemyError as error:
        raise translate(error) from error

"""The database: who asked, what was decided, what is owed. Every change of state is one conditional write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sql

from .credit import AGE_FROM_DAYS, DISBURSE_WITHIN_DAYS, LATE_FROM_DAYS, WEEK_DAYS, Age, Late, instalments

_tables = sql.MetaData()
drivers = sql.Table(
    "drivers", _tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.Text, nullable=False),
    sql.Column("curp", sql.Text, nullable=False, unique=True),
    sql.Column("rfc", sql.Text, nullable=False),
    sql.Column("clabe", sql.Text, nullable=False),
    sql.Column("email", sql.Text, nullable=False, unique=True),
    sql.Column("phone", sql.Text, nullable=False),
    sql.Column("card", sql.Text, nullable=False),
    sql.Column("password_digest", sql.Text, nullable=False),
    sql.Column("income_cents", sql.Integer, nullable=False),
    sql.Column("vehicle", sql.Text, nullable=False),
)  # fmt: skip
applications = sql.Table(
    "applications", _tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("driver_id", sql.ForeignKey("drivers.id"), nullable=False),
    sql.Column("amount_cents", sql.Integer, nullable=False),
    sql.Column("weeks", sql.Integer, nullable=False),
    sql.Column("status", sql.Text, nullable=False),  # received, approved, rejected
    sql.Column("score", sql.Integer),
    sql.Column("tier", sql.Text),
    sql.Column("reason", sql.Text),
)  # fmt: skip
credits = sql.Table(
    "credits", _tables,
    sql.Column("id", sql.ForeignKey("applications.id"), primary_key=True),
    sql.Column("driver_id", sql.ForeignKey("drivers.id"), nullable=False),
    sql.Column("amount_cents", sql.Integer, nullable=False),
    sql.Column("weeks", sql.Integer, nullable=False),
    sql.Column("approved_day", sql.Float, nullable=False),
    sql.Column("disbursed_day", sql.Float),
    sql.Column("transfer", sql.Text),
    sql.Column("settled", sql.Boolean, nullable=False, default=False),
    sql.Column("leased_until_day", sql.Float, nullable=False, default=0.0),
    sql.Index("credits_waiting", "disbursed_day"),
)  # fmt: skip
dues = sql.Table(
    "dues", _tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("credit_id", sql.ForeignKey("credits.id"), nullable=False),
    sql.Column("number", sql.Integer, nullable=False),
    sql.Column("amount_cents", sql.Integer, nullable=False),
    sql.Column("due_day", sql.Float, nullable=False),
    sql.Column("status", sql.Text, nullable=False),  # due, charging, queued, paid
    sql.Column("attempt", sql.Integer, nullable=False, default=0),
    sql.Column("method", sql.Text),
    sql.Column("charge", sql.Text),
    sql.Column("leased_until_day", sql.Float, nullable=False, default=0.0),
    sql.Index("dues_open", "status", "due_day"),
    sql.UniqueConstraint("credit_id", "number"),
)  # fmt: skip
readings = sql.Table(
    "readings", _tables,
    sql.Column("vehicle", sql.Text, primary_key=True),
    sql.Column("km_a_day", sql.Float, nullable=False),
    sql.Column("place", sql.Text, nullable=False),
)  # fmt: skip

Row = sql.RowMapping


def connect(path: str) -> sql.Engine:
    """An engine of the SQLite file at `path`, or of a database's address; its tables are made if they are missing."""
    address = path if "://" in path else f"sqlite:///{path}"
    if not address.startswith("sqlite"):
        engine = sql.create_engine(address, pool_pre_ping=True)
    else:
        engine = sql.create_engine(address, connect_args={"timeout": 5})
        sql.event.listen(engine, "connect", _wal)
    _tables.create_all(engine)
    return engine


def _wal(connection: Any, _: object) -> None:
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=normal")


class Store:
    """Questions and changes, each its own transaction."""

    def __init__(self, engine: sql.Engine) -> None:
        self.engine = engine

    def answers(self) -> bool:
        """Whether the database can be asked."""
        return self._one(sql.select(sql.literal(1).label("one"))) is not None

    # Drivers and applications. ----------------------------------------------------------------------------

    def add_driver(self, document: Mapping[str, Any]) -> int | None:
        """The number of a new driver, or None where the CURP or the e-mail is known already."""
        try:
            return self._insert(sql.insert(drivers).values(**document))
        except sql.exc.IntegrityError:
            return None

    def driver(self, number: int) -> Row | None:
        """One driver."""
        return self._one(sql.select(drivers).where(drivers.c.id == number))

    def driver_by_email(self, email: str) -> Row | None:
        """One driver, as they enter."""
        return self._one(sql.select(drivers).where(drivers.c.email == email))

    def add_application(self, driver_id: int, amount_cents: int, weeks: int) -> int:
        """The number of a new application."""
        row = {"driver_id": driver_id, "amount_cents": amount_cents, "weeks": weeks, "status": "received"}
        return self._insert(sql.insert(applications).values(row))

    def application(self, number: int) -> Row | None:
        """One application."""
        return self._one(sql.select(applications).where(applications.c.id == number))

    def decided(self, application: Row, points: int, tier: str | None, reason: str | None, today: float) -> bool:
        """Keep a decision, and the credit if it is a yes; False where it was decided before."""
        with self.engine.begin() as connection:
            kept = connection.execute(
                sql.update(applications)
                .where(applications.c.id == application["id"], applications.c.status == "received")
                .values(status="rejected" if tier is None else "approved", score=points, tier=tier, reason=reason)
            )
            if kept.rowcount and tier is not None:
                wanted = {key: application[key] for key in ("id", "driver_id", "amount_cents", "weeks")}
                connection.execute(sql.insert(credits).values(**wanted, approved_day=today))
            return bool(kept.rowcount)

    # Credits. ---------------------------------------------------------------------------------------------

    def credit(self, number: int) -> Row | None:
        """One credit."""
        return self._one(sql.select(credits).where(credits.c.id == number))

    def plan(self, credit_id: int) -> list[Row]:
        """Its instalments."""
        return self._all(sql.select(dues).where(dues.c.credit_id == credit_id).order_by(dues.c.number))

    def claim_disbursement(self, today: float, lease_days: float) -> Row | None:
        """An approved credit whose money nobody else is sending now; it is ours until the lease ends."""
        waiting = sql.select(credits.c.id).where(credits.c.disbursed_day.is_(None), credits.c.leased_until_day < today)
        row = self._one(
            sql.update(credits)
            .where(
                credits.c.id == waiting.order_by(credits.c.leased_until_day, credits.c.id).limit(1).scalar_subquery()
            )
            .where(credits.c.leased_until_day < today)
            .values(leased_until_day=today + lease_days)
            .returning(credits)
        )
        return row

    def disbursed(self, credit: Row, transfer: str, today: float) -> bool:
        """Keep that the money has gone, and what is owed from now on; False where that is known already."""
        with self.engine.begin() as connection:
            kept = connection.execute(
                sql.update(credits)
                .where(credits.c.id == credit["id"], credits.c.disbursed_day.is_(None))
                .values(disbursed_day=today, transfer=transfer)
            )
            if not kept.rowcount:
                return False
            owed = [
                {"credit_id": credit["id"], "number": number, "amount_cents": cents, "status": "due",
                 "due_day": today + number * WEEK_DAYS}
                for number, cents in enumerate(instalments(credit["amount_cents"], credit["weeks"]), start=1)
            ]  # fmt: skip
            connection.execute(sql.insert(dues), owed)
        return True

    def settle(self, today: float) -> tuple[int, int]:
        """How many credits have just turned out in time, and how many too late; each is told once."""
        limit = credits.c.approved_day + DISBURSE_WITHIN_DAYS
        in_time = sql.update(credits).where(
            sql.not_(credits.c.settled), credits.c.disbursed_day.is_not(None), credits.c.disbursed_day <= limit
        )
        late = sql.update(credits).where(
            sql.not_(credits.c.settled), limit < sql.func.coalesce(credits.c.disbursed_day, today)
        )
        with self.engine.begin() as connection:
            told = [connection.execute(which.values(settled=True)).rowcount for which in (in_time, late)]
        return told[0], told[1]

    def active_credits(self) -> int:
        """Credits that were disbursed and are not paid back."""
        owed = sql.select(dues.c.id).where(dues.c.credit_id == credits.c.id, dues.c.status != "paid")
        return self._count(sql.select(sql.func.count()).select_from(credits).where(owed.exists()))

    def waiting_credits(self, age: Age, today: float) -> int:
        """Approved credits that have waited so long for their money."""
        least, most = AGE_FROM_DAYS[age]
        waited = sql.literal(today) - credits.c.approved_day
        return self._count(
            sql.select(sql.func.count()).select_from(credits)
            .where(credits.c.disbursed_day.is_(None), waited >= least, waited < min(most, 1e9))
        )  # fmt: skip

    # Instalments. -----------------------------------------------------------------------------------------

    def claim_due(self, credit_id: int, method: str, today: float, lease_days: float) -> Row | None:
        """The first open instalment of a credit, ours to charge; None where none is open, or one is being charged."""
        first = sql.select(dues.c.id).where(dues.c.credit_id == credit_id, dues.c.status != "paid")
        return self._one(
            sql.update(dues)
            .where(dues.c.id == first.order_by(dues.c.number).limit(1).scalar_subquery())
            .where(sql.or_(dues.c.status == "due", _abandoned(today)))
            .values(status="charging", method=method, leased_until_day=today + lease_days)
            .returning(dues)
        )

    def claim_queued(self, today: float, lease_days: float) -> Row | None:
        """A payment that could not be made when it was wanted, or whose worker died; ours to make."""
        waits = sql.select(dues.c.id).where(
            sql.or_(sql.and_(dues.c.status == "queued", dues.c.leased_until_day < today), _abandoned(today))
        )
        return self._one(
            sql.update(dues)
            .where(dues.c.id == waits.order_by(dues.c.leased_until_day).limit(1).scalar_subquery())
            .where(dues.c.leased_until_day < today, dues.c.status != "paid")
            .values(status="charging", leased_until_day=today + lease_days)
            .returning(dues)
        )

    def charged(self, due: Row, charge: str) -> bool:
        """Keep that it is paid; False where that is known already."""
        return self._change(
            sql.update(dues).where(dues.c.id == due["id"], dues.c.status != "paid").values(status="paid", charge=charge)
        )

    def queue(self, due: Row, again_day: float) -> bool:
        """It is wanted, and will be charged later under the same key."""
        return self._change(_charging(due).values(status="queued", leased_until_day=again_day))

    def declined(self, due: Row) -> bool:
        """The bank said no; the next attempt is another one, with a key of its own."""
        return self._change(_charging(due).values(status="due", attempt=dues.c.attempt + 1, leased_until_day=0.0))

    def late_dues(self, level: Late, today: float) -> int:
        """Open instalments that have been due so long."""
        least, most = LATE_FROM_DAYS[level]
        since = sql.literal(today) - dues.c.due_day
        return self._count(
            sql.select(sql.func.count()).select_from(dues)
            .where(dues.c.status != "paid", since >= least, since < min(most, 1e9))
        )  # fmt: skip

    # Readings of vehicles. --------------------------------------------------------------------------------

    def last_reading(self, vehicle: str) -> Row | None:
        """What was read of a vehicle last."""
        return self._one(sql.select(readings).where(readings.c.vehicle == vehicle))

    def keep_reading(self, vehicle: str, km_a_day: float, place: str) -> None:
        """Keep it, for when nothing can be read."""
        with self.engine.begin() as connection:
            found = {"km_a_day": km_a_day, "place": place}
            mine = readings.c.vehicle == vehicle
            if not connection.execute(sql.update(readings).where(mine).values(**found)).rowcount:
                connection.execute(sql.insert(readings).values(vehicle=vehicle, **found))

    # ------------------------------------------------------------------------------------------------------

    def _one(self, statement: sql.Executable) -> Row | None:
        with self.engine.begin() as connection:
            return connection.execute(statement).mappings().first()

    def _all(self, statement: sql.Select[Any]) -> list[Row]:
        with self.engine.connect() as connection:
            return list(connection.execute(statement).mappings())

    def _count(self, statement: sql.Select[Any]) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(statement).scalar_one())

    def _insert(self, statement: sql.Insert) -> int:
        with self.engine.begin() as connection:
            key = connection.execute(statement).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _change(self, statement: sql.Update) -> bool:
        with self.engine.begin() as connection:
            return bool(connection.execute(statement).rowcount)


def _abandoned(today: float) -> sql.ColumnElement[bool]:
    """Charging, by a worker whose lease is over."""
    return sql.and_(dues.c.status == "charging", dues.c.leased_until_day < today)


def _charging(due: Row) -> sql.Update:
    """A change of an instalment that is still ours: whoever came after our lease has another one."""
    return sql.update(dues).where(
        dues.c.id == due["id"], dues.c.status == "charging", dues.c.leased_until_day == due["leased_until_day"]
    )

"""The schema of the state: one for SQLite and PostgreSQL. Instants are integer microseconds since the epoch."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Json = sa.JSON().with_variant(JSONB(), "postgresql")
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.BigInteger


def _partial(name: str, column: sa.Column[int], where: sa.ColumnElement[bool]) -> sa.Index:
    return sa.Index(name, column, sqlite_where=where, postgresql_where=where)


event = sa.Table(
    "event", metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("at_us", Instant, nullable=False),
    sa.Column("due_us", Instant),  # when to hand it out (again); NULL once every hearer has it
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
)  # fmt: skip
_partial("ix_event_due", event.c.due_us, event.c.due_us.is_not(None))

alert = sa.Table(
    "alert", metadata,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("alert", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("labels", Json, nullable=False),
    sa.Column("annotations", Json, nullable=False),
    sa.Column("value", sa.Text, nullable=False),  # repr of the float: NaN and Inf survive JSON and SQL
    sa.Column("active_us", Instant, nullable=False),
    sa.Column("last_true_us", Instant, nullable=False),
    sa.Column("evaluated_us", Instant, nullable=False),
    sa.Column("fired_us", Instant),
    sa.Column("resolved_us", Instant),
    sa.Column("absent_us", Instant),
    sa.CheckConstraint("state in ('pending', 'firing', 'resolved')", name="state"),
)  # fmt: skip
_partial("ix_alert_active", alert.c.active_us, alert.c.state != "resolved")
sa.Index("ix_alert_resolved", alert.c.resolved_us)

page = sa.Table(
    "page", metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("opened_us", Instant, nullable=False),
    sa.Column("due_us", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", Json, nullable=False),  # the rest of the frozen value
    sa.CheckConstraint("state in ('open', 'acknowledged', 'closed')", name="state"),
)  # fmt: skip
_partial("ix_page_due", page.c.due_us, page.c.state == "open")
sa.Index(
    "uq_page_unclosed", page.c.service, page.c.severity, unique=True,
    sqlite_where=page.c.state != "closed", postgresql_where=page.c.state != "closed",
)  # fmt: skip
sa.Index("ix_page_opened", page.c.opened_us)

message = sa.Table(
    "message", metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("page", sa.Text, index=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("person", sa.Text),
    sa.Column("contact", sa.Integer, nullable=False),
    sa.Column("body", Json, nullable=False),  # subject, text, ack_url, language, data
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("due_us", Instant, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_us", Instant),
    sa.Column("error", sa.Text),
    sa.Column("created_us", Instant, nullable=False),
    sa.Column("sent_us", Instant),
    sa.CheckConstraint("state in ('pending', 'sent', 'failed', 'cancelled')", name="state"),
)  # fmt: skip
_partial("ix_message_due", message.c.due_us, message.c.state == "pending")
_partial("ix_message_lease", message.c.lease_us, message.c.lease_owner.is_not(None))
sa.Index("ix_message_created", message.c.created_us)

duty = sa.Table(  # work that recurs: who does it now, and when it is next due
    "duty", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("due_us", Instant, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_us", Instant),
    sa.Column("fence", sa.Integer, nullable=False),
)  # fmt: skip

incident = sa.Table(
    "incident", metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("opened_us", Instant, nullable=False),
    sa.Column("resolved_us", Instant),
    sa.Column("due_us", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", Json, nullable=False),
)  # fmt: skip
_partial("ix_incident_due", incident.c.due_us, incident.c.due_us.is_not(None))
sa.Index("ix_incident_opened", incident.c.opened_us)

incident_page = sa.Table(
    "incident_page", metadata,
    sa.Column("page", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), nullable=False, index=True),
)  # fmt: skip

timeline = sa.Table(
    "timeline", metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("incident", sa.Text, sa.ForeignKey("incident.id"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("at_us", Instant, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("phrase", sa.Text),
    sa.Column("values", Json, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.UniqueConstraint("incident", "key", name="uq_timeline_key"),
)  # fmt: skip

interval = sa.Table(
    "interval", metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("status_page", sa.Text, nullable=False),
    sa.Column("component", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_us", Instant, nullable=False),
    sa.Column("ended_us", Instant),
    sa.Column("cause", sa.Text, nullable=False),
)  # fmt: skip
sa.Index("ix_interval_started", interval.c.status_page, interval.c.component, interval.c.started_us)
sa.Index(
    "uq_interval_open", interval.c.status_page, interval.c.component, unique=True,
    sqlite_where=interval.c.ended_us.is_(None), postgresql_where=interval.c.ended_us.is_(None),
)  # fmt: skip

user = sa.Table(
    "user_account", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),  # viewer, responder, admin
    sa.Column("created_us", Instant, nullable=False),
)  # fmt: skip

session = sa.Table(
    "session", metadata,
    sa.Column("hash", sa.Text, primary_key=True),  # HMAC of the cookie's value
    sa.Column("user_name", sa.Text, sa.ForeignKey("user_account.name", ondelete="CASCADE"), nullable=False),
    sa.Column("created_us", Instant, nullable=False),
    sa.Column("seen_us", Instant, nullable=False),
    sa.Column("expires_us", Instant, nullable=False),
)  # fmt: skip

token = sa.Table(
    "token", metadata,
    sa.Column("hash", sa.Text, primary_key=True),  # HMAC of the token
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_us", Instant, nullable=False),
    sa.Column("expires_us", Instant),
)  # fmt: skip

throttle = sa.Table(  # token buckets for sign-in, in the database so that replicas share them
    "throttle", metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("tokens", sa.Float, nullable=False),
    sa.Column("at_us", Instant, nullable=False),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("at_us", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("details", Json, nullable=False),
)  # fmt: skip

fact = sa.Table(  # small facts about this installation: last heartbeat, generated history, schema of the demo
    "fact", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("at_us", Instant, nullable=False),
)  # fmt: skip

correction = sa.Table(  # appended to, never changed: what withdraws an entry is an entry
    "correction", metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("slo", sa.Text),  # NULL: all objectives of the service
    sa.Column("start_us", Instant, nullable=False),
    sa.Column("end_us", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("at_us", Instant, nullable=False),
    sa.Column("effects", Json, nullable=False),  # [slo, before, after], figures as text
    sa.Column("withdraws", sa.Text, sa.ForeignKey("correction.id"), unique=True),
    sa.CheckConstraint("start_us < end_us", name="forward"),
)  # fmt: skip
sa.Index("ix_correction_at", correction.c.at_us)

flag_override = sa.Table(
    "flag_override", metadata,
    sa.Column("flag", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("share", sa.Text),  # of 1, as text: exact
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("at_us", Instant, nullable=False),
    sa.Column("expires_us", Instant),
    sa.CheckConstraint("state in ('on', 'off', 'share')", name="state"),
)  # fmt: skip

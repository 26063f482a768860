"""The first schema, as it was released. It never changes: what comes later is a migration of its own."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(JSONB(), "postgresql")
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "timeline",
    "session",
    "incident_page",
    "user_account",
    "token",
    "throttle",
    "page",
    "message",
    "interval",
    "incident",
    "fact",
    "event",
    "duty",
    "audit",
    "alert",
)


def where(condition: str) -> dict[str, Any]:
    """An index over some rows only."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("annotations", Json, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("active_us", sa.BigInteger, nullable=False),
        sa.Column("last_true_us", sa.BigInteger, nullable=False),
        sa.Column("evaluated_us", sa.BigInteger, nullable=False),
        sa.Column("fired_us", sa.BigInteger),
        sa.Column("resolved_us", sa.BigInteger),
        sa.Column("absent_us", sa.BigInteger),
        sa.CheckConstraint("state in ('pending', 'firing', 'resolved')", name=op.f("ck_alert_state")),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_alert"),
    )
    op.create_index("ix_alert_active", "alert", ["active_us"], **where("state != 'resolved'"))
    op.create_index("ix_alert_resolved", "alert", ["resolved_us"])
    op.create_table(
        "audit",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_table(
        "duty",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_us", sa.BigInteger),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_duty"),
    )
    op.create_table(
        "event",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_due", "event", ["due_us"], **where("due_us IS NOT NULL"))
    op.create_table(
        "fact",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_fact"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("opened_us", sa.BigInteger, nullable=False),
        sa.Column("resolved_us", sa.BigInteger),
        sa.Column("due_us", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
        sa.UniqueConstraint("number", name="uq_incident_number"),
    )
    op.create_index("ix_incident_due", "incident", ["due_us"], **where("due_us IS NOT NULL"))
    op.create_index("ix_incident_opened", "incident", ["opened_us"])
    op.create_table(
        "interval",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("status_page", sa.Text, nullable=False),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("cause", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_interval"),
    )
    op.create_index("ix_interval_started", "interval", ["status_page", "component", "started_us"])
    op.create_index(
        "uq_interval_open", "interval", ["status_page", "component"], unique=True, **where("ended_us IS NULL")
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("page", sa.Text),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("contact", sa.Integer, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_us", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("sent_us", sa.BigInteger),
        sa.CheckConstraint("state in ('pending', 'sent', 'failed', 'cancelled')", name=op.f("ck_message_state")),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("key", name="uq_message_key"),
    )
    op.create_index("ix_message_created", "message", ["created_us"])
    op.create_index("ix_message_due", "message", ["due_us"], **where("state = 'pending'"))
    op.create_index("ix_message_lease", "message", ["lease_us"], **where("lease_owner IS NOT NULL"))
    op.create_index("ix_message_page", "message", ["page"])
    op.create_table(
        "page",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("opened_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.CheckConstraint("state in ('open', 'acknowledged', 'closed')", name=op.f("ck_page_state")),
        sa.PrimaryKeyConstraint("id", name="pk_page"),
    )
    op.create_index("ix_page_due", "page", ["due_us"], **where("state = 'open'"))
    op.create_index("ix_page_opened", "page", ["opened_us"])
    op.create_index("uq_page_unclosed", "page", ["service", "severity"], unique=True, **where("state != 'closed'"))
    op.create_table(
        "throttle",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("tokens", sa.Float, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttle"),
    )
    op.create_table(
        "token",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_token"),
    )
    op.create_table(
        "user_account",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_user_account"),
    )
    op.create_table(
        "incident_page",
        sa.Column("page", sa.Text, nullable=False),
        sa.Column("incident", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_incident_page_incident"),
        sa.PrimaryKeyConstraint("page", name="pk_incident_page"),
    )
    op.create_index("ix_incident_page_incident", "incident_page", ["incident"])
    op.create_table(
        "session",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("seen_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["user_account.name"], name="fk_session_user_name", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_session"),
    )
    op.create_table(
        "timeline",
        sa.Column("id", Serial, autoincrement=True, nullable=False),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("phrase", sa.Text),
        sa.Column("values", Json, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_timeline_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_timeline"),
        sa.UniqueConstraint("incident", "key", name="uq_timeline_key"),
    )


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)

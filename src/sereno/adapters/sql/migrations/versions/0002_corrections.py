"""The ledger of corrections to budgets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("slo", sa.Text),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("effects", Json, nullable=False),
        sa.Column("withdraws", sa.Text),
        sa.CheckConstraint("start_us < end_us", name="forward"),
        sa.ForeignKeyConstraint(["withdraws"], ["correction.id"], name="fk_correction_withdraws"),
        sa.PrimaryKeyConstraint("id", name="pk_correction"),
        sa.UniqueConstraint("withdraws", name="uq_correction_withdraws"),
    )
    op.create_index("ix_correction_at", "correction", ["at_us"])


def downgrade() -> None:
    op.drop_table("correction")

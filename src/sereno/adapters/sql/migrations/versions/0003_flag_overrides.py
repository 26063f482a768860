"""Overrides of switches."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flag_override",
        sa.Column("flag", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("share", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.CheckConstraint("state in ('on', 'off', 'share')", name="state"),
        sa.PrimaryKeyConstraint("flag", name="pk_flag_override"),
    )


def downgrade() -> None:
    op.drop_table("flag_override")

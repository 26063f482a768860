"""The first schema.

Until a version has been released it follows `tables.py`. Whoever writes 0002 first freezes what is created here.
"""

from alembic import op

from sereno.adapters.sql.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), checkfirst=False)

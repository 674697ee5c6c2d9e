"""Jobs know the trace that they belong to, workers tell what they count, and the longest wait is found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_WAITS = sa.text("status = 'queued'")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("traceparent", sa.String(55), nullable=True))
    op.add_column("workers", sa.Column("tallies", sa.JSON(), server_default="{}", nullable=False))
    op.create_index("ix_jobs_waiting", "jobs", ["queued_at"], sqlite_where=_WAITS, postgresql_where=_WAITS)


def downgrade() -> None:
    op.drop_index("ix_jobs_waiting", "jobs")
    op.drop_column("workers", "tallies")
    op.drop_column("jobs", "traceparent")

"""How far jobs were told to trackers and to the hub, and at which commit a hub model is read."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("base_commit", sa.String(64)))
    op.create_table(
        "trackings",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("project_id", sa.String(255), server_default="proj_default", nullable=False),
        sa.Column("job_id", sa.String(255), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("metric_id", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.JSON(), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("num_failures", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("num_claims", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_trackings_due", "trackings", ["status", "next_try_at"])
    op.create_index("ix_trackings_job", "trackings", ["job_id", "id"])


def downgrade() -> None:
    op.drop_table("trackings")
    op.drop_column("jobs", "base_commit")

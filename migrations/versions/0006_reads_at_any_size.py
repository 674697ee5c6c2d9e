"""Reading costs the same at any size: indexes in the order of each list, and spans of long curves."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FILL = """
INSERT INTO metric_spans
SELECT DISTINCT
    job_id, {width}, name, attempt, step / {width},
    count(*) OVER span,
    first_value(step) OVER (span ORDER BY step), first_value(value) OVER (span ORDER BY step),
    first_value(step) OVER (span ORDER BY value, step), first_value(value) OVER (span ORDER BY value, step),
    first_value(step) OVER (span ORDER BY value DESC, step), first_value(value) OVER (span ORDER BY value DESC, step),
    first_value(step) OVER (span ORDER BY step DESC), first_value(value) OVER (span ORDER BY step DESC)
FROM metrics
WINDOW span AS (PARTITION BY job_id, name, attempt, step / {width})
"""


def upgrade() -> None:
    op.drop_index("ix_jobs_claim", "jobs")
    op.create_index("ix_jobs_claim", "jobs", ["status", sa.text("priority DESC"), "queued_at", "id"])
    op.create_index("ix_jobs_status", "jobs", ["status", "id"])
    op.create_index("ix_jobs_base_model_status", "jobs", ["base_model", "status", "id"])
    op.create_table(
        "metric_spans",
        sa.Column("job_id", sa.String(255), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("num_points", sa.Integer(), nullable=False),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.Column("first_value", sa.Float(), nullable=False),
        sa.Column("least_step", sa.Integer(), nullable=False),
        sa.Column("least_value", sa.Float(), nullable=False),
        sa.Column("greatest_step", sa.Integer(), nullable=False),
        sa.Column("greatest_value", sa.Float(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("last_value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "width", "name", "attempt", "number"),
        sqlite_with_rowid=False,
    )
    for width in (16, 64, 256, 1024):
        op.execute(FILL.format(width=width))


def downgrade() -> None:
    op.drop_table("metric_spans")
    op.drop_index("ix_jobs_base_model_status", "jobs")
    op.drop_index("ix_jobs_status", "jobs")
    op.drop_index("ix_jobs_claim", "jobs")
    op.create_index("ix_jobs_claim", "jobs", ["status", "priority", "queued_at", "id"])

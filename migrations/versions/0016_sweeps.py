"""Jobs tell which sweep they are of in a column of their own, so that those of one are found at any size."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEX = "ix_jobs_sweep"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("sweep", sa.Text(), nullable=True))
    jobs = sa.table("jobs", sa.column("spec", sa.JSON), sa.column("sweep", sa.Text))
    op.execute(jobs.update().values(sweep=jobs.c.spec["metadata"]["sweep"].as_string()))
    op.create_index(_INDEX, "jobs", ["project_id", "sweep", "id"])


def downgrade() -> None:
    op.drop_index(_INDEX, "jobs")
    op.drop_column("jobs", "sweep")

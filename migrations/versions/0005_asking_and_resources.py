"""What is asked of jobs, what they need, and what workers have."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("finish_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("first_attempt", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("jobs", "first_attempt")
    op.drop_column("jobs", "finish_requested_at")

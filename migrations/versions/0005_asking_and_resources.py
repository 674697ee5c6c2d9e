"""What is asked of jobs, what they need, and what workers have."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("finish_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("first_attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("num_gpus", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("device_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("slots", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("attempts", sa.Column("num_batches", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("workers", sa.Column("memory_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("workers", sa.Column("gpus", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("workers", "gpus")
    op.drop_column("workers", "memory_bytes")
    op.drop_column("attempts", "num_batches")
    op.drop_column("attempts", "slots")
    op.drop_column("jobs", "device_bytes")
    op.drop_column("jobs", "num_gpus")
    op.drop_column("jobs", "first_attempt")
    op.drop_column("jobs", "finish_requested_at")

"""Trained models may be shared with other projects."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checkpoint_permissions",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("project_id", sa.String(255), server_default="proj_default", nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("grantee_id", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_checkpoint_permissions_model", "checkpoint_permissions", ["project_id", "model", "id"])
    op.create_index("ix_checkpoint_permissions_grantee", "checkpoint_permissions", ["grantee_id", "model"])


def downgrade() -> None:
    op.drop_table("checkpoint_permissions")

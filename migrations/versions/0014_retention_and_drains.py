"""Projects say how long what they have is kept; workers can be drained."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIMITS = tuple(f"keep_{what}_days" for what in ("artifacts", "checkpoints", "logs", "metrics", "datasets", "jobs"))


def upgrade() -> None:
    for name in LIMITS:
        op.add_column("projects", sa.Column(name, sa.Integer()))
    op.create_table(
        "drains",
        sa.Column("worker", sa.String(255), primary_key=True),
        sa.Column("gives_back", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("drains")
    for name in LIMITS:
        op.drop_column("projects", name)

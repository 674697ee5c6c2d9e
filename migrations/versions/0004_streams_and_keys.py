"""Points of metrics are numbered, so that a stream can go on behind one; keys that clients send with their jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = "job_id, name, attempt, step, value, created_at"


def upgrade() -> None:
    _set_aside()
    op.create_table(
        "metrics",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *_columns(),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "name", "attempt", "step", name="uq_metrics_point"),
    )
    op.create_index("ix_metrics_job", "metrics", ["job_id", "id"])
    _bring_back()

    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    _set_aside()
    op.create_table(
        "metrics",
        *_columns(),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("job_id", "name", "attempt", "step"),
    )
    _bring_back()


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("job_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    ]


def _set_aside() -> None:
    op.rename_table("metrics", "metrics_before")
    if op.get_bind().dialect.name == "postgresql":  # a key keeps its name when its table gets another
        op.drop_constraint("metrics_pkey", "metrics_before")


def _bring_back() -> None:
    op.execute(
        f"INSERT INTO metrics ({_COLUMNS}) SELECT {_COLUMNS} FROM metrics_before "  # noqa: S608 - nothing comes from outside
        "ORDER BY created_at, attempt, step, name"
    )
    op.drop_table("metrics_before")

"""Projects own what there is; keys open the service."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OWNED = ("datasets", "image_files", "jobs", "inspections")
DEFAULT = "proj_default"


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("share", sa.Integer(), server_default="1", nullable=False),
        sa.Column("max_queued_jobs", sa.Integer()),
        sa.Column("max_running_jobs", sa.Integer()),
        sa.Column("max_gpu_hours", sa.Float()),
        sa.Column("max_storage_bytes", sa.BigInteger()),
        sa.Column("max_upload_bytes", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute("INSERT INTO projects (id, name, created_at) VALUES ('proj_default', 'default', CURRENT_TIMESTAMP)")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("project_id", sa.String(255), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_api_keys_project", "api_keys", ["project_id", "id"])
    op.create_table(
        "used_hours",
        sa.Column("project_id", sa.String(255), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("slot_seconds", sa.Float(), nullable=False),
        sa.Column("num_attempts", sa.Integer(), nullable=False),
    )
    for table in OWNED:  # no foreign key: SQLite would have to copy each table for it, and projects are never deleted
        op.add_column(table, sa.Column("project_id", sa.String(255), server_default=DEFAULT, nullable=False))
    _index_jobs()
    op.create_index("ix_datasets_project", "datasets", ["project_id", "id"])
    op.create_index("ix_image_files_project", "image_files", ["project_id", "id"])
    _name_keys_by_project()


def _index_jobs() -> None:
    for name in ("ix_jobs_claim", "ix_jobs_status", "ix_jobs_base_model", "ix_jobs_base_model_status"):
        op.drop_index(name, "jobs")
    op.create_index("ix_jobs_claim", "jobs", ["status", "project_id", sa.text("priority DESC"), "queued_at", "id"])
    op.create_index("ix_jobs_project", "jobs", ["project_id", "id"])
    op.create_index("ix_jobs_status", "jobs", ["project_id", "status", "id"])
    op.create_index("ix_jobs_base_model", "jobs", ["project_id", "base_model", "id"])
    op.create_index("ix_jobs_base_model_status", "jobs", ["project_id", "base_model", "status", "id"])


def _name_keys_by_project() -> None:
    """Keys of submissions are names that a project gives: another may use the same. Those of three days go."""
    op.drop_table("idempotency_keys")
    op.create_table(
        "idempotency_keys",
        sa.Column("project_id", sa.String(255), server_default=DEFAULT, nullable=False),
        *_columns_of_keys(),
        sa.PrimaryKeyConstraint("project_id", "key"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _columns_of_keys() -> list[sa.Column[object]]:
    return [
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("spec_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(255), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    ]


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.create_table("idempotency_keys", *_columns_of_keys(), sa.PrimaryKeyConstraint("key"))
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.drop_index("ix_datasets_project", "datasets")
    op.drop_index("ix_image_files_project", "image_files")
    for name in (
        "ix_jobs_claim",
        "ix_jobs_project",
        "ix_jobs_status",
        "ix_jobs_base_model",
        "ix_jobs_base_model_status",
    ):
        op.drop_index(name, "jobs")
    for table in OWNED:
        op.drop_column(table, "project_id")
    op.create_index("ix_jobs_claim", "jobs", ["status", sa.text("priority DESC"), "queued_at", "id"])
    op.create_index("ix_jobs_status", "jobs", ["status", "id"])
    op.create_index("ix_jobs_base_model", "jobs", ["base_model", "id"])
    op.create_index("ix_jobs_base_model_status", "jobs", ["base_model", "status", "id"])
    for table in ("used_hours", "api_keys", "projects"):
        op.drop_table(table)

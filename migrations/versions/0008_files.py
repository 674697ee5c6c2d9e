"""Files as OpenAI's API has them, uploads in parts, and what requests that are sent again have made."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DEFAULT = "proj_default"


def upgrade() -> None:
    _make_files()
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(255), primary_key=True),
        _project(),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("mime_type", sa.String(255), nullable=False),
        sa.Column("num_bytes", sa.BigInteger(), nullable=False),
        sa.Column("lives_seconds", sa.Integer()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("file_id", sa.String(255)),
        _time("expires_at"),
        _time("created_at"),
    )
    op.create_index("ix_uploads_status", "uploads", ["status", "expires_at"])
    op.create_table(
        "upload_parts",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("upload_id", sa.String(255), sa.ForeignKey("uploads.id"), nullable=False),
        sa.Column("num_bytes", sa.BigInteger(), nullable=False),
        _time("created_at"),
    )
    op.create_index("ix_upload_parts_upload", "upload_parts", ["upload_id"])
    op.create_table(
        "submissions",
        _project(),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("answer_id", sa.String(255), nullable=False),
        sa.Column("is_retry", sa.Boolean(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("project_id", "name"),
    )
    op.create_index("ix_submissions_created_at", "submissions", ["created_at"])


def _make_files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.String(255), primary_key=True),
        _project(),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("num_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("status_details", sa.Text()),
        sa.Column("faults", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(255), sa.ForeignKey("jobs.id")),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        _time("created_at"),
    )
    op.create_index("ix_files_project", "files", ["project_id", "id"])
    op.create_index("ix_files_purpose", "files", ["project_id", "purpose", "id"])
    op.create_index("ix_files_job", "files", ["job_id"])
    op.create_index("ix_files_expires_at", "files", ["expires_at"])
    _take_over("datasets", "fine-tune", "'datasets/' || id || '.jsonl'")
    _take_over("image_files", "vision", "'images/' || project_id || '/' || id")


def _take_over(table: str, purpose: str, path: str) -> None:
    """What was uploaded before is a file too."""
    op.execute(
        "INSERT INTO files (id, project_id, purpose, filename, num_bytes, sha256, status, path, created_at) "  # noqa: S608 - nothing comes from outside
        f"SELECT id, project_id, '{purpose}', filename, num_bytes, sha256, 'processed', {path}, created_at FROM {table}"
    )


def _project() -> sa.Column[str]:
    return sa.Column("project_id", sa.String(255), server_default=DEFAULT, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def downgrade() -> None:
    for table in ("submissions", "upload_parts", "uploads", "files"):
        op.drop_table(table)

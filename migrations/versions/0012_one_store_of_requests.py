"""Keys of jobs join what other requests have made.

Of a key a hash is kept, and the table before wants the key itself: below this revision no key from above it is heard.
Its row stays, so that it is heard again above.
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ADDED = sa.text(
    "INSERT INTO submissions (project_id, name, body_sha256, answer_id, is_retry, created_at)"
    " VALUES (:project_id, :name, :body_sha256, :answer_id, :is_retry, :created_at) ON CONFLICT DO NOTHING"
)
"""A key that `/v1` has heard too is that of the job it led to there."""


def upgrade() -> None:
    connection = op.get_bind()
    keys = connection.execute(sa.text("SELECT project_id, key, spec_sha256, job_id, created_at FROM idempotency_keys"))
    if kept := [_submission(*row) for row in keys]:
        connection.execute(_ADDED, kept)
    op.drop_table("idempotency_keys")


def _submission(project_id: str, key: str, spec_sha256: str, job_id: str, created_at: object) -> dict[str, object]:
    return {
        "project_id": project_id,
        "name": f"key:job:{hashlib.sha256(key.encode()).hexdigest()}",
        "body_sha256": spec_sha256,
        "answer_id": job_id,
        "is_retry": False,
        "created_at": created_at,
    }


def downgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("project_id", sa.String(255), server_default="proj_default", nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("spec_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(255), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])

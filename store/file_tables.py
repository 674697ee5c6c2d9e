"""Tables of files as OpenAI's API has them: what was uploaded, in parts too, and what jobs left."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import DEFAULT_PROJECT, Owned, Stored, Table
from trainer_core.contract.dataset import DatasetFault


class Purpose(StrEnum):
    """What a file is for; the values are OpenAI's."""

    FINE_TUNE = "fine-tune"
    """Rows to train on."""
    FINE_TUNE_RESULTS = "fine-tune-results"
    """What a job has left."""
    VISION = "vision"
    """An image, or a zip of them, that rows may name."""
    ASSISTANTS = "assistants"
    BATCH = "batch"
    EVALS = "evals"
    USER_DATA = "user_data"


class FileStatus(StrEnum):
    """What has become of a file; the values are OpenAI's."""

    UPLOADED = "uploaded"
    """It has not been looked at: what it is for needs none."""
    PROCESSED = "processed"
    ERROR = "error"
    """It has faults, and is of no use but to be read again."""


class UploadStatus(StrEnum):
    """Where an upload in parts stands; one whose time has run out is told as `expired`."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class StoredFile(Owned, Table):
    """A file that can be read again: of rows, of images, of anything, or one that a job has left."""

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(primary_key=True)
    """That of its dataset or of its images, if it is one or has them."""
    purpose: Mapped[Purpose] = mapped_column(String(32))
    filename: Mapped[str]
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[FileStatus] = mapped_column(String(16))
    status_details: Mapped[str | None] = mapped_column(Text)
    """What is wrong with it, in words."""
    faults: Mapped[tuple[DatasetFault, ...]] = mapped_column(Stored(tuple[DatasetFault, ...]), server_default="[]")
    """The first ones."""
    path: Mapped[str] = mapped_column(Text)
    """Of its bytes, as they came, below the root of the storage; empty where they are written when they are read."""
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    """Of the job that has left it."""
    expires_at: Mapped[datetime | None]
    """From then on it is gone, whether its bytes are or not."""
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_files_project", "project_id", "id"),
        Index("ix_files_purpose", "project_id", "purpose", "id"),
        Index("ix_files_job", "job_id"),
        Index("ix_files_expires_at", "expires_at"),
    )


class Upload(Owned, Table):
    """A file that comes in parts."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[Purpose] = mapped_column(String(32))
    filename: Mapped[str]
    mime_type: Mapped[str]
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    """That all its parts have to have together."""
    lives_seconds: Mapped[int | None]
    """Of the file, once it is complete."""
    status: Mapped[UploadStatus] = mapped_column(String(16))
    file_id: Mapped[str | None]
    """Of the file that it has become."""
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_uploads_status", "status", "expires_at"),)


class UploadPart(Table):
    """A part of an upload; which of them make the file is said when it is complete."""

    __tablename__ = "upload_parts"

    id: Mapped[str] = mapped_column(primary_key=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"))
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_upload_parts_upload", "upload_id"),)


class Submission(Owned, Table):
    """What a request has made, by the name that its client gave it or by its body, so that it may be sent again."""

    __tablename__ = "submissions"

    project_id: Mapped[str] = mapped_column(primary_key=True, server_default=DEFAULT_PROJECT)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    answer_id: Mapped[str]
    """Of what it has made."""
    is_retry: Mapped[bool]
    """Whether the client said that it had sent it before."""
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_submissions_created_at", "created_at"),)

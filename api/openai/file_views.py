"""Files and uploads as OpenAI's clients read them. Times are seconds since 1970."""

from typing import Literal, Self

from api.openai.paging import Listed
from api.openai.times import seconds, seconds_or_none
from api.views import View
from store.file_tables import FileStatus, Purpose, StoredFile, Upload, UploadPart, UploadStatus
from trainer_core.contract.dataset import DatasetFault


class FileRead(Listed):
    """A file."""

    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: Purpose
    status: FileStatus
    status_details: str | None
    """What is wrong with it."""
    sha256: str
    faults: tuple[DatasetFault, ...]
    """The first faults of its rows, by line, message and image."""

    @classmethod
    def of(cls, file: StoredFile) -> Self:
        """The view of a file's row."""
        return cls(
            id=file.id,
            bytes=file.num_bytes,
            created_at=seconds(file.created_at),
            expires_at=seconds_or_none(file.expires_at),
            filename=file.filename,
            purpose=file.purpose,
            status=file.status,
            status_details=file.status_details,
            sha256=file.sha256,
            faults=file.faults,
        )


class FileDeleted(View):
    """What is left of a file."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class UploadRead(View):
    """A file that comes in parts."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: Purpose
    status: UploadStatus | Literal["expired"]
    file: FileRead | None
    """What it has become."""

    @classmethod
    def of(cls, upload: Upload, file: StoredFile | None = None, *, has_expired: bool = False) -> Self:
        """The view of an upload's row, and of its file."""
        return cls(
            id=upload.id,
            bytes=upload.num_bytes,
            created_at=seconds(upload.created_at),
            expires_at=seconds(upload.expires_at),
            filename=upload.filename,
            purpose=upload.purpose,
            status="expired" if has_expired else upload.status,
            file=None if file is None else FileRead.of(file),
        )


class PartRead(View):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str

    @classmethod
    def of(cls, part: UploadPart) -> Self:
        """The view of a part's row."""
        return cls(id=part.id, created_at=seconds(part.created_at), upload_id=part.upload_id)

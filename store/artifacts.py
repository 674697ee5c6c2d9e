"""What a succeeded job left to download."""

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from store.clock import from_now
from store.file_tables import StoredFile
from store.leases import Lease
from store.lifecycle import ENDED
from store.tables import Artifact, Job
from trainer_core.contract.manifest import Manifest


class ArtifactNotReady(Exception):
    """The job has not ended yet, so that there is nothing to download."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} is {job.status}: its artifact can be downloaded once it has succeeded")


class ArtifactNotFound(Exception):
    """The job ended and left nothing to download."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} is {job.status}: it left no artifact")


def record(session: Session, lease: Lease, path: str, manifest: Manifest) -> None:
    """Add the artifact of an attempt, complete on the storage."""
    session.execute(
        insert(Artifact).values(
            job_id=lease.job_id,
            attempt=lease.attempt,
            path=path,
            num_bytes=manifest.num_bytes,
            num_files=len(manifest.files),
            manifest_sha256=manifest.sha256,
            created_at=from_now(),
        )
    )


def forget(session: Session, job: Job) -> None:
    """Have a job's artifact, and the files of it, be there no more."""
    session.execute(delete(StoredFile).where(StoredFile.job_id == job.id, StoredFile.path != ""))
    session.execute(delete(Artifact).where(Artifact.job_id == job.id))


def of_job(job: Job) -> Artifact:
    """The artifact of a job.

    Raises:
        ArtifactNotReady: The job may still leave one.
        ArtifactNotFound: It ended without.
    """
    if job.artifact is not None:
        return job.artifact
    if job.status in ENDED:
        raise ArtifactNotFound(job)
    raise ArtifactNotReady(job)

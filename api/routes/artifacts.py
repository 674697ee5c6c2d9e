"""/jobs/{id}/artifacts and /archive: the trained model, file by file or in one piece."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse, StreamingResponse
from starlette.exceptions import HTTPException

from api.archives import tar_stream
from api.guard import CallerDep
from api.serving import REDIRECTED, serve
from api.views import ArtifactRead
from store import artifacts, jobs, retention
from store.retention import Kept
from store.tables import Artifact, Job
from trainer_core.contract.manifest import MANIFEST, Manifest

router = APIRouter(prefix="/jobs/{job_id}", tags=["artifacts"])


def _job(job_id: str, caller: CallerDep) -> Job:
    with caller.reading() as session:
        return jobs.get(session, job_id)


JobDep = Annotated[Job, Depends(_job, scope="function")]


def _artifact(job: JobDep, caller: CallerDep) -> Artifact:
    if job.artifact is None:
        with caller.reading() as session:
            retention.demand_kept(session, job.id, Kept.ARTIFACTS)
    return artifacts.of_job(job)


ArtifactDep = Annotated[Artifact, Depends(_artifact, scope="function")]


def _folder(artifact: ArtifactDep, caller: CallerDep) -> Path:
    return caller.parts.storage.run_dir(artifact.job_id, artifact.attempt) / artifact.path


FolderDep = Annotated[Path, Depends(_folder)]


def _manifest(folder: FolderDep, caller: CallerDep) -> Manifest:
    with caller.parts.storage.open(folder / MANIFEST) as file:
        return Manifest.model_validate_json(file.read())


ManifestDep = Annotated[Manifest, Depends(_manifest)]


@router.get("/artifacts")
def read_artifact(artifact: ArtifactDep, manifest: ManifestDep) -> ArtifactRead:
    """The manifest: every file with its size and SHA-256."""
    return ArtifactRead.of(artifact, manifest)


@router.head("/artifacts/{path:path}", include_in_schema=False)
@router.get("/artifacts/{path:path}", response_class=FileResponse, responses=REDIRECTED)
def download_file(path: str, folder: FolderDep, manifest: ManifestDep, caller: CallerDep) -> FileResponse:
    """One file; `Range`, `If-Range` and `HEAD` are answered, the ETag is the file's SHA-256.

    Where the storage is a bucket, the answer is a redirect to it.
    """
    files = {file.path: file for file in manifest.files}
    if path not in files:  # only what the manifest names is ever opened
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the artifact has no file {path!r}")
    headers = {"ETag": f'"{files[path].sha256}"'}
    return serve(
        caller.parts.storage,
        folder / path,
        redirects=caller.parts.settings.redirect_downloads,
        headers=headers,
        media_type="application/octet-stream",
    )


@router.get("/archive", response_class=StreamingResponse)
def download_archive(
    job: JobDep, artifact: ArtifactDep, folder: FolderDep, manifest: ManifestDep, caller: CallerDep
) -> StreamingResponse:
    """The whole artifact as one tar file, manifest included; its name begins with the spec's suffix."""
    name = f"{job.spec.suffix}-{job.id}" if job.spec.suffix else job.id
    sizes = [(file.path, file.num_bytes) for file in manifest.files]
    sizes.append((MANIFEST, caller.parts.storage.stat(folder / MANIFEST).st_size))
    headers = {"Content-Disposition": f'attachment; filename="{name}.tar"'}
    stream = tar_stream(
        sizes,
        lambda path: caller.parts.storage.open(folder / path),
        prefix=name,
        seconds=artifact.created_at.timestamp(),
    )
    return StreamingResponse(stream, media_type="application/x-tar", headers=headers)

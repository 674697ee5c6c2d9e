"""/jobs/{id}/artifacts and /archive: the trained model, file by file or in one piece; checkpoints in one piece."""

from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, StreamingResponse
from starlette.exceptions import HTTPException

from api.archives import tar_stream
from api.guard import Caller, CallerDep
from api.serving import REDIRECTED, serve
from api.views import ArtifactRead
from store import artifacts, checkpoints, jobs, retention
from store.retention import Kept
from store.tables import Artifact, Job
from trainer_core.contract.manifest import MANIFEST, Manifest

router = APIRouter(prefix="/jobs/{job_id}", tags=["artifacts"])
_TAR = "application/x-tar"
ARCHIVED: dict[int | str, dict[str, Any]] = {200: {"content": {_TAR: {}}, "description": "A tar file"}}


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


@router.get("/archive", response_class=StreamingResponse, responses=ARCHIVED)
def download_archive(
    job: JobDep, artifact: ArtifactDep, folder: FolderDep, manifest: ManifestDep, caller: CallerDep
) -> StreamingResponse:
    """The whole artifact as one tar file, manifest included; its name begins with the spec's suffix."""
    return _archive(caller, folder, manifest, _name(job), artifact.created_at)


@router.get("/checkpoints/{step}/archive", response_class=StreamingResponse, responses=ARCHIVED)
def download_checkpoint(
    step: Annotated[int, PathParameter(ge=0, lt=2**31)], job: JobDep, caller: CallerDep
) -> StreamingResponse:
    """The checkpoint of a step as one tar file, manifest included, as the newest attempt left it."""
    with caller.reading() as session:
        if not checkpoints.of_job(session, job.id):
            retention.demand_kept(session, job.id, Kept.CHECKPOINTS)
        found = checkpoints.at_step(session, job.id, step)
    folder = caller.parts.storage.run_dir(job.id, found.attempt) / found.path
    return _archive(caller, folder, _manifest(folder, caller), f"{_name(job)}-step-{step}", found.created_at)


def _name(job: Job) -> str:
    return f"{job.spec.suffix}-{job.id}" if job.spec.suffix else job.id


def _archive(caller: Caller, folder: Path, manifest: Manifest, name: str, made_at: datetime) -> StreamingResponse:
    storage = caller.parts.storage
    sizes = [(file.path, file.num_bytes) for file in manifest.files]
    sizes.append((MANIFEST, storage.stat(folder / MANIFEST).st_size))
    stream = tar_stream(sizes, lambda path: storage.open(folder / path), prefix=name, seconds=made_at.timestamp())
    headers = {"Content-Disposition": f'attachment; filename="{name}.tar"'}
    return StreamingResponse(stream, media_type=_TAR, headers=headers)

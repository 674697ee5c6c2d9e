"""/v1/files: whatever was uploaded or was left by jobs, as OpenAI has it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.guard import Caller, CallerDep
from api.intake import UNBOUNDED, Arrival, incoming, room_bytes
from api.openai.file_views import FileDeleted, FileRead
from api.openai.filing import Filed, Label, put, record, withdraw
from api.openai.multipart import read_form
from api.openai.paging import AfterFile, Page
from api.openai.parameters import refused_by
from api.repeating import Repeat, RepeatDep
from api.serving import REDIRECTED, serve
from store import ids, results, stored_files
from store.file_tables import Purpose, StoredFile
from store.submissions import KeyTaken

router = APIRouter(prefix="/v1/files", tags=["openai: files"])

UploadPurpose = Literal["assistants", "batch", "evals", "fine-tune", "user_data", "vision"]
LivesSeconds = Annotated[int, Field(ge=3600, le=2_592_000)]
_WHAT = "file"
_DAYS = {"anchor": "expires_after[anchor]", "seconds": "expires_after[seconds]"}


class NewFile(BaseModel):
    """The fields beside a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    purpose: UploadPurpose
    anchor: Annotated[Literal["created_at"], Field(alias=_DAYS["anchor"])] = "created_at"
    seconds: Annotated[LivesSeconds | None, Field(alias=_DAYS["seconds"])] = None
    """After which it is gone."""


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["purpose", "file"],
                    "properties": {
                        "purpose": {"type": "string", "enum": list(UploadPurpose.__args__)},  # type: ignore[attr-defined]
                        "file": {"type": "string", "format": "binary"},
                        _DAYS["anchor"]: {"type": "string", "enum": ["created_at"]},
                        _DAYS["seconds"]: {"type": "integer", "minimum": 3600, "maximum": 2_592_000},
                    },
                }
            }
        },
    }
}


@router.post("", openapi_extra=BODY, max_body_size=UNBOUNDED)
async def create_file(request: Request, caller: CallerDep, repeat: RepeatDep) -> FileRead:
    """Upload a file. One for fine-tuning is checked row by row; with faults it is kept with the status `error`."""
    most_bytes = await run_in_threadpool(room_bytes, caller)
    file_id = ids.file_id()
    async with incoming(caller.parts.storage, file_id) as folder:
        form = await read_form(request, "file", folder / "file", most_bytes)
        label = _label(form.fields, form.filename)
        arrived = Arrival(file_id, folder, form.received)
        digest = _digest(label, arrived)
        if found := await run_in_threadpool(_made_before, caller, repeat, digest):
            return FileRead.of(found)
        filed = await put(arrived, label, caller)
        return FileRead.of(await run_in_threadpool(_keep, caller, repeat, digest, filed))


def _label(fields: Mapping[str, str], filename: str) -> Label:
    try:
        asked = NewFile.model_validate_strings(dict(fields))
    except ValidationError as error:
        raise refused_by(error) from error
    return Label(Purpose(asked.purpose), filename, asked.seconds)


def _digest(label: Label, arrived: Arrival) -> str:
    """Of what the request means: a form looks different each time it is sent."""
    meant = [label.purpose, label.filename, label.lives_seconds, arrived.received.sha256]
    return hashlib.sha256(json.dumps(meant).encode()).hexdigest()


def _made_before(caller: Caller, repeat: Repeat, digest: str) -> StoredFile | None:
    with caller.writing() as session:
        return _found(session, repeat.made_before(session, _WHAT, digest))


def _found(session: Session, file_id: str | None) -> StoredFile | None:
    return None if file_id is None else stored_files.find(session, file_id)


def _keep(caller: Caller, repeat: Repeat, digest: str, filed: Filed) -> StoredFile:
    storage = caller.parts.storage
    try:
        with caller.writing() as session:
            made = repeat.made_before(session, _WHAT, digest)  # by a try that came in beside this one
            found = _found(session, made)
            if found is None:  # or it has been deleted since: this is a new one
                file = record(session, storage, filed)
                repeat.keep(session, _WHAT, digest, file.id, replaces=made)
                return file
    except KeyTaken:
        return _keep(caller, repeat, digest, filed)
    withdraw(storage, filed)
    return found


@router.get("")
def list_files(
    caller: CallerDep,
    purpose: Annotated[Purpose | None, Query(description="Only files of this purpose")] = None,
    after: AfterFile = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
) -> Page[FileRead]:
    """Files by their age, the newest first unless told otherwise."""
    with caller.reading() as session:
        is_newest_first = order == "desc"
        found = stored_files.page(
            session, purpose=purpose, after=after, limit=limit + 1, is_newest_first=is_newest_first
        )
        return Page[FileRead].of([FileRead.of(one) for one in found], limit)


@router.get("/{file_id}")
def read_file(file_id: str, caller: CallerDep) -> FileRead:
    """One file."""
    with caller.reading() as session:
        return FileRead.of(stored_files.get(session, file_id))


@router.head("/{file_id}/content", include_in_schema=False)
@router.get("/{file_id}/content", response_class=FileResponse, responses=REDIRECTED)
def read_content(file_id: str, caller: CallerDep) -> Response:
    """The bytes of a file as they came; `Range` and `If-Range` are answered, the ETag is their SHA-256.

    Where the storage is a bucket, the answer is a redirect to it.
    """
    storage = caller.parts.storage
    with caller.reading() as session:
        file = stored_files.get(session, file_id)
        if not file.path:  # the metrics of a job, which are rows
            assert file.job_id is not None
            return Response(results.metrics_csv(session, file.job_id), media_type="text/csv")
    return serve(
        storage,
        storage.root / file.path,
        redirects=caller.parts.settings.redirect_downloads,
        headers={"ETag": f'"{file.sha256}"'},
        media_type="application/octet-stream",
        filename=file.filename.rsplit("/", 1)[-1],
    )


@router.delete("/{file_id}")
def delete_file(file_id: str, caller: CallerDep) -> FileDeleted:
    """Delete a file, unless a job that has not ended needs it."""
    with caller.writing() as session:
        stored_files.delete(session, file_id)
    return FileDeleted(id=file_id)

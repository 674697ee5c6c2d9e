"""/v1/uploads: a file in parts, for what is too large for one request; complete, it is a file like any other.

Parts lie in the storage until then, so that each may come to another process of the service.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.guard import Caller, CallerDep
from api.intake import UNBOUNDED, Arrival, incoming, room_bytes
from api.openai.file_views import PartRead, UploadRead
from api.openai.files import LivesSeconds, UploadPurpose
from api.openai.filing import Filed, Label, put, record, withdraw
from api.openai.multipart import read_form
from api.uploads import DatasetTooLarge, Received
from store import ids, stored_files, uploads
from store.file_tables import Purpose, Upload, UploadPart, UploadStatus
from store.files import Storage
from store.uploads import TooManyBytes, TooManyParts, UploadNotPending

router = APIRouter(prefix="/v1/uploads", tags=["openai: files"])

MAX_PART_BYTES = 64 * 1024**2
_CHUNK_BYTES = 1 << 20


class WrongBytes(Exception):
    """The parts do not make the file that was announced."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExpiresAfter(_Asked):
    """When the file is gone."""

    anchor: Literal["created_at"]
    seconds: LivesSeconds


class NewUpload(_Asked):
    """A file that is to come in parts."""

    bytes: Annotated[int, Field(gt=0, lt=2**63)]
    filename: Annotated[str, Field(min_length=1, max_length=255)]
    mime_type: Annotated[str, Field(min_length=1, max_length=255)]
    purpose: UploadPurpose
    expires_after: ExpiresAfter | None = None


class Completion(_Asked):
    """What makes the file."""

    part_ids: Annotated[list[Annotated[str, Field(max_length=255)]], Field(min_length=1, max_length=10_000)]
    md5: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")] | None = None
    """Of the whole file."""


PART_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@router.post("")
def create_upload(asked: NewUpload, caller: CallerDep) -> UploadRead:
    """Announce a file that comes in parts; it is waited for an hour."""
    if asked.bytes > (most_bytes := room_bytes(caller)):
        raise DatasetTooLarge(most_bytes)
    with caller.writing() as session:
        upload = uploads.add(
            session,
            purpose=Purpose(asked.purpose),
            filename=asked.filename,
            mime_type=asked.mime_type,
            num_bytes=asked.bytes,
            lives_seconds=asked.expires_after.seconds if asked.expires_after else None,
        )
        return UploadRead.of(upload)


@router.post("/{upload_id}/parts", openapi_extra=PART_BODY, max_body_size=UNBOUNDED)
async def create_part(upload_id: str, request: Request, caller: CallerDep) -> PartRead:
    """Send a part of at most 64 MiB; parts may come in any order and at the same time."""
    most_bytes = await run_in_threadpool(_part_room, caller, upload_id)
    storage, part_id = caller.parts.storage, ids.part_id()
    async with incoming(storage, part_id) as folder:
        form = await read_form(request, "data", folder / "part", most_bytes)
        await run_in_threadpool(storage.publish, folder / "part", storage.file_path(part_id))
        return PartRead.of(await run_in_threadpool(_add_part, caller, upload_id, part_id, form.received.num_bytes))


def _part_room(caller: Caller, upload_id: str) -> int:
    with caller.reading() as session:
        upload = uploads.pending(session, upload_id)
    return min(MAX_PART_BYTES, upload.num_bytes, room_bytes(caller))


def _add_part(caller: Caller, upload_id: str, part_id: str, num_bytes: int) -> UploadPart:
    try:
        with caller.writing() as session:
            return uploads.add_part(session, upload_id, part_id, num_bytes)
    except (UploadNotPending, TooManyBytes, TooManyParts):
        caller.parts.storage.delete(caller.parts.storage.file_path(part_id))
        raise


@router.post("/{upload_id}/complete")
async def complete_upload(upload_id: str, asked: Completion, caller: CallerDep) -> UploadRead:
    """Make the file of its parts, in the order in which they are named, and check it as any other.

    A client that sends this again because it has heard no answer gets the file that it has made before.
    """
    try:
        return await _make(upload_id, asked, caller)
    except UploadNotPending:
        if told := await run_in_threadpool(_made_before, caller, upload_id):
            return told
        raise


def _made_before(caller: Caller, upload_id: str) -> UploadRead | None:
    """What an upload has become; None if it was never completed, or its file is gone."""
    with caller.reading() as session:
        upload = uploads.get(session, upload_id)
        file = None if upload.file_id is None else stored_files.find(session, upload.file_id)
    return None if file is None else UploadRead.of(upload, file)


async def _make(upload_id: str, asked: Completion, caller: Caller) -> UploadRead:
    storage = caller.parts.storage
    upload, chosen = await run_in_threadpool(_chosen, caller, upload_id, asked)
    file_id = ids.file_id()
    async with incoming(storage, file_id) as folder:
        received = await run_in_threadpool(_join, caller, chosen, folder / "file", asked.md5)
        label = Label(upload.purpose, upload.filename, upload.lives_seconds)
        filed = await put(Arrival(file_id, folder, received), label, caller)
        told = await run_in_threadpool(_complete, caller, upload_id, filed)
    await run_in_threadpool(_clear, storage, [one.id for one in chosen])
    return told


def _chosen(caller: Caller, upload_id: str, asked: Completion) -> tuple[Upload, Sequence[UploadPart]]:
    with caller.reading() as session:
        upload = uploads.pending(session, upload_id)
        chosen = uploads.parts(session, upload_id, asked.part_ids)
    num_bytes = sum(one.num_bytes for one in chosen)
    if num_bytes != upload.num_bytes:
        raise WrongBytes(f"the parts have {num_bytes} bytes, where {upload.num_bytes} were announced")
    return upload, chosen


def _join(caller: Caller, chosen: Sequence[UploadPart], path: Path, md5: str | None) -> Received:
    try:
        return _written(caller.parts.storage, chosen, path, md5)
    except FileNotFoundError:
        # Another request may have completed the upload, or cancelled it, and cleared its parts away.
        with caller.reading() as session:
            uploads.pending(session, chosen[0].upload_id)
        raise


def _written(storage: Storage, chosen: Sequence[UploadPart], path: Path, md5: str | None) -> Received:
    whole, check, num_bytes = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("wb") as file:
        for part in chosen:
            with storage.open(storage.file_path(part.id)) as source:
                while chunk := source.read(_CHUNK_BYTES):
                    num_bytes += len(chunk)
                    whole.update(chunk)
                    check.update(chunk)
                    file.write(chunk)
    if md5 is not None and check.hexdigest() != md5.lower():
        raise WrongBytes(f"the parts have the MD5 {check.hexdigest()}, not {md5}")
    return Received(num_bytes, whole.hexdigest())


def _complete(caller: Caller, upload_id: str, filed: Filed) -> UploadRead:
    storage = caller.parts.storage
    try:
        with caller.writing() as session:
            upload = uploads.end(session, upload_id, UploadStatus.COMPLETED, filed.arrived.file_id)
            return UploadRead.of(upload, record(session, storage, filed))
    except UploadNotPending:
        withdraw(storage, filed)
        raise


@router.post("/{upload_id}/cancel")
def cancel_upload(upload_id: str, caller: CallerDep) -> UploadRead:
    """Give an upload up; what has come of it is deleted. Doing so twice changes nothing."""
    with caller.writing() as session:
        upload = uploads.cancel(session, upload_id)
        part_ids = uploads.part_ids(session, upload_id)
    _clear(caller.parts.storage, part_ids)
    return UploadRead.of(upload)


def _clear(storage: Storage, part_ids: Sequence[str]) -> None:
    for part_id in part_ids:
        storage.delete(storage.file_path(part_id))

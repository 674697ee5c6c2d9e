"""Errors as RFC 9457 problems, or as OpenAI has them: the only place where errors meet HTTP statuses.

A problem says what is wrong (`title`, `detail`), where (`errors`), and which kind it is (`code`, never renamed).
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException

from api.checking import DatasetRefused, UncheckableDataset
from api.egress import AddressRefused
from api.guard import KeyInvalid, KeyMissing, ScopeTooSmall
from api.intake import BodyIsAForm
from api.integrations import IntegrationNotOffered, PushNotOffered
from api.openai import errors
from api.openai.models import NotDeletable
from api.openai.uploads import WrongBytes
from api.openai.webhooks import EndpointUnreachable
from api.origins import CrossSite
from api.request_ids import id_of
from api.rows import RowNotFound
from api.tries import TooManyTries
from api.uploads import DatasetTooLarge
from store.artifacts import ArtifactNotFound, ArtifactNotReady
from store.checkpoints import CheckpointNotFound
from store.database import UNAVAILABLE
from store.datasets import DatasetNotFound
from store.deliveries import DeliveryNotFound
from store.files import BaseModelNotFound
from store.images import ImagesNotFound
from store.inspections import InspectionNotFound, ReportNotReady
from store.jobs import JobAlreadyEnded, JobNotFound, NothingToSave, NotPausable, NotPaused, NotRetriable
from store.keys import KeyNotFound
from store.permissions import PermissionNotFound
from store.projects import ProjectNotFound
from store.quotas import QuotaExceeded
from store.remote import StorageFull, StorageUnavailable
from store.retention import Expired
from store.stored_files import FileInUse, StoredFileNotFound
from store.submissions import KeyReused
from store.trackings import IntegrationNotFound, IntegrationNotGivenUp
from store.uploads import PartNotFound, TooManyBytes, TooManyParts, UploadNotFound, UploadNotPending
from store.webhooks import TooManyWebhookEndpoints, WebhookEndpointDisabled, WebhookEndpointNotFound

MEDIA_TYPE = "application/problem+json"
_MAX_ERRORS = 20
_MAX_CHARACTERS = 300
"""An answer says what is wrong with a request; it does not send it back."""
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """RFC 9457, with a stable code and the places of what is wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, Any]] = []


CODES: Mapping[type[Exception], tuple[HTTPStatus, str]] = {
    KeyMissing: (HTTPStatus.UNAUTHORIZED, "missing_key"),
    KeyInvalid: (HTTPStatus.UNAUTHORIZED, "invalid_key"),
    CrossSite: (HTTPStatus.FORBIDDEN, "cross_site"),
    ScopeTooSmall: (HTTPStatus.FORBIDDEN, "scope_too_small"),
    TooManyTries: (HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries"),
    ProjectNotFound: (HTTPStatus.NOT_FOUND, "project_not_found"),
    KeyNotFound: (HTTPStatus.NOT_FOUND, "key_not_found"),
    UploadNotFound: (HTTPStatus.NOT_FOUND, "upload_not_found"),
    UploadNotPending: (HTTPStatus.BAD_REQUEST, "upload_not_pending"),
    TooManyBytes: (HTTPStatus.BAD_REQUEST, "too_many_bytes"),
    TooManyParts: (HTTPStatus.BAD_REQUEST, "too_many_parts"),
    PartNotFound: (HTTPStatus.BAD_REQUEST, "part_not_found"),
    WrongBytes: (HTTPStatus.BAD_REQUEST, "wrong_bytes"),
    StoredFileNotFound: (HTTPStatus.NOT_FOUND, "file_not_found"),
    PermissionNotFound: (HTTPStatus.NOT_FOUND, "permission_not_found"),
    NotDeletable: (HTTPStatus.FORBIDDEN, "model_not_deletable"),
    FileInUse: (HTTPStatus.CONFLICT, "file_in_use"),
    JobNotFound: (HTTPStatus.NOT_FOUND, "job_not_found"),
    JobAlreadyEnded: (HTTPStatus.CONFLICT, "job_already_ended"),
    NotPausable: (HTTPStatus.CONFLICT, "job_not_pausable"),
    NotPaused: (HTTPStatus.CONFLICT, "job_not_paused"),
    NotRetriable: (HTTPStatus.CONFLICT, "job_not_retriable"),
    NothingToSave: (HTTPStatus.CONFLICT, "nothing_to_save"),
    KeyReused: (HTTPStatus.CONFLICT, "idempotency_key_reused"),
    InspectionNotFound: (HTTPStatus.NOT_FOUND, "report_not_found"),
    ReportNotReady: (HTTPStatus.CONFLICT, "report_not_ready"),
    ArtifactNotReady: (HTTPStatus.CONFLICT, "job_not_finished"),
    CheckpointNotFound: (HTTPStatus.NOT_FOUND, "checkpoint_not_found"),
    ArtifactNotFound: (HTTPStatus.NOT_FOUND, "no_artifact"),
    Expired: (HTTPStatus.GONE, "expired"),
    RowNotFound: (HTTPStatus.NOT_FOUND, "row_not_found"),
    ImagesNotFound: (HTTPStatus.NOT_FOUND, "images_not_found"),
    WebhookEndpointNotFound: (HTTPStatus.NOT_FOUND, "webhook_endpoint_not_found"),
    DeliveryNotFound: (HTTPStatus.NOT_FOUND, "webhook_delivery_not_found"),
    WebhookEndpointDisabled: (HTTPStatus.CONFLICT, "webhook_endpoint_disabled"),
    TooManyWebhookEndpoints: (HTTPStatus.BAD_REQUEST, "too_many_webhook_endpoints"),
    EndpointUnreachable: (HTTPStatus.BAD_REQUEST, "webhook_endpoint_unreachable"),
    AddressRefused: (HTTPStatus.BAD_REQUEST, "invalid_url"),
    DatasetTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "dataset_too_large"),
    BodyIsAForm: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body_is_a_form"),
    UncheckableDataset: (HTTPStatus.UNPROCESSABLE_ENTITY, "uncheckable_dataset"),
    StorageFull: (HTTPStatus.INSUFFICIENT_STORAGE, "storage_full"),
    StorageUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "storage_unavailable"),
    BaseModelNotFound: (HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_model"),
    IntegrationNotOffered: (HTTPStatus.UNPROCESSABLE_ENTITY, "integration_not_offered"),
    PushNotOffered: (HTTPStatus.UNPROCESSABLE_ENTITY, "push_not_offered"),
    IntegrationNotFound: (HTTPStatus.NOT_FOUND, "integration_not_found"),
    IntegrationNotGivenUp: (HTTPStatus.CONFLICT, "integration_not_given_up"),
}
"""Errors that are told as they are; those with more to say have a function of their own below."""
_TRIED = re.compile(r"literal\[.*\]|constrained-\w+")
"""What stands in a place for the type that was tried there, of several: no key that anybody has sent."""
_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "60"},
}


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""
    for error, (status, code) in CODES.items():
        app.add_exception_handler(error, _plain(status, code))
    app.exception_handler(DatasetNotFound)(_unknown_dataset)
    app.exception_handler(DatasetRefused)(_refused)
    app.exception_handler(QuotaExceeded)(_over_quota)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    for error in UNAVAILABLE:
        app.exception_handler(error)(_unavailable)
    app.exception_handler(DataError)(_unstorable)
    app.exception_handler(Exception)(_unexpected)


def problem(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> JSONResponse:
    """A response that carries a problem; under `/v1`, OpenAI's form of it."""
    if errors.is_for_openai(request.url.path):
        places = [one["location"] for one in extra.get("errors", ()) if "location" in one]
        return errors.error(status, code, detail, param=places[0] if places else None, headers=headers)
    body = Problem(title=status.phrase, status=status, detail=detail, code=code).model_dump() | extra
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def body_too_large(request: Request) -> JSONResponse:
    """What is answered to a body that is longer than its route reads."""
    detail = "The request is larger than 1 MiB, the most that is read where no file is sent"
    return problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request_too_large", detail)


def _plain(status: HTTPStatus, code: str) -> Any:
    def answer(request: Request, error: Exception) -> JSONResponse:
        return problem(request, status, code, str(error), headers=_HEADERS.get(status))

    return answer


def _unknown_dataset(request: Request, error: DatasetNotFound) -> JSONResponse:
    # In a job's spec the id is one wrong value of many; in a path it is the thing itself.
    if request.method == "POST":
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_dataset", str(error))
    return problem(request, HTTPStatus.NOT_FOUND, "dataset_not_found", str(error))


def _refused(request: Request, error: DatasetRefused) -> JSONResponse:
    faults = [fault.model_dump() for fault in error.report.faults]
    return problem(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_dataset",
        str(error),
        errors=faults,
        num_faults=error.report.num_faults,
    )


def _over_quota(request: Request, error: QuotaExceeded) -> JSONResponse:
    # Asking again at once, as some clients do after a 429, changes nothing.
    headers = {"x-should-retry": "false"}
    return problem(request, HTTPStatus.TOO_MANY_REQUESTS, "quota_exceeded", str(error), headers=headers)


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    found = error.errors()
    places = [
        {"location": _shortened(_location(one["loc"])), "detail": _shortened(_in_words(one))}
        for one in found[:_MAX_ERRORS]
    ]
    more = [f"and {len(found) - _MAX_ERRORS} more"] if len(found) > _MAX_ERRORS else []
    detail = "; ".join([*(f"{one['location']}: {one['detail']}" for one in places), *more])
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=places)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"


def _location(loc: tuple[Any, ...]) -> str:
    """`("body", "method", "lora", "rank")` → `method.lora.rank`; the source stays where nothing else names a place."""
    inner = loc[1:] if len(loc) > 1 else loc
    return ".".join(str(part) for part in inner if not _TRIED.fullmatch(str(part)))


def _in_words(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; /docs tells which there are"
    if isinstance(error.get("input"), bytes):
        return "must be JSON, sent with the header Content-Type: application/json"
    return str(error["msg"])


def _http(request: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    headers = _allowed(request, error) if status == HTTPStatus.METHOD_NOT_ALLOWED else error.headers
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(request, status, code, str(error.detail), headers=headers)


def _allowed(request: Request, error: HTTPException) -> Mapping[str, str] | None:
    """Every method that the document has for a path; routing names those of the first route alone."""
    path = getattr(request.scope.get("route"), "path_format", None)
    methods = request.app.openapi()["paths"].get(path, {})
    return {"Allow": ", ".join(sorted(map(str.upper, methods)))} if methods else error.headers


def _unavailable(request: Request, error: SQLAlchemyError) -> JSONResponse:
    log.warning("the database does not answer: %s", error)
    detail = "The database does not answer; try again in a moment"
    return problem(
        request, HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", detail, headers={"Retry-After": "5"}
    )


def _unstorable(request: Request, error: DataError) -> JSONResponse:
    detail = f"The request holds a value that the database cannot keep: {error.orig}"
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = id_of(request.scope)
    log.error("%s: unexpected error", request_id, exc_info=error)
    detail = "An error of the service, not of your request; its log says more"
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)

"""What the API answers: rows as people and programs read them, with nothing in them that is the service's own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from store.forecast import UNKNOWN, Expected
from store.lifecycle import JobStatus
from store.progress import Progress
from store.tables import Artifact, Job
from store.tracking_tables import Tracking, TrackingStatus
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import Phase, Prediction
from trainer_core.contract.integrations import Target
from trainer_core.contract.manifest import Manifest, ManifestFile
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec


class View(BaseModel):
    """Read from a row's attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


_One = TypeVar("_One", bound=View)
_Id = TypeVar("_Id", int, str | None)


class Paged(View, Generic[_One, _Id]):
    """Some of a list, in its order."""

    data: list[_One]
    has_more: bool
    last_id: _Id
    """Give it as `after` to read on."""

    @classmethod
    def of(cls, found: Sequence[Any], limit: int, after: int | None = None) -> Self:
        """A page of at most `limit` rows, made of one more where there is one; an empty one ends where it began."""
        rows = found[:limit]
        last_id = rows[-1].id if rows else after
        return cls.model_validate({"data": rows, "has_more": len(found) > limit, "last_id": last_id})


class FailureRead(View):
    """Why a job failed."""

    code: FailureCode
    message: str
    faults: tuple[DatasetFault, ...] = ()


class ArtifactSummary(View):
    """What there is to download."""

    num_bytes: int
    num_files: int
    manifest_sha256: str


class JobRead(View):
    """A job."""

    id: str
    status: JobStatus
    phase: Phase | None
    """Where a running job is."""
    spec: JobSpec
    base_commit: str | None
    """Of a hub model: the commit that every attempt reads; null until it is found."""
    attempt: int
    """How often a worker has started it."""
    queue_position: int | None
    """1 starts next; 200 stands for itself and all behind it; null if it does not wait."""
    expected_start_at: datetime | None
    """Of a job that waits, as far as earlier jobs tell; no change of it is a change of the job."""
    expected_end_at: datetime | None
    """Likewise, and of one that runs at its own pace."""
    worker: str | None
    """That runs it, or ran it last."""
    progress: Progress | None
    failure: FailureRead | None
    artifact: ArtifactSummary | None
    cancel_requested_at: datetime | None
    pause_requested_at: datetime | None
    finish_requested_at: datetime | None
    """When somebody asked to stop and save."""
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job, queue_position: int | None, expected: Expected = UNKNOWN) -> Self:
        """The view of a job's row, its place in the queue, and what is expected of it."""
        failure = None
        if job.failure_code is not None:
            failure = FailureRead(
                code=FailureCode(job.failure_code),
                message=job.failure_message or "",
                faults=job.failure_faults or (),
            )
        return cls(
            id=job.id,
            status=job.status,
            phase=Phase(job.phase) if job.phase else None,
            spec=job.spec,
            base_commit=job.base_commit,
            attempt=job.attempt,
            queue_position=queue_position,
            expected_start_at=expected.start_at,
            expected_end_at=expected.end_at,
            worker=job.worker,
            progress=job.progress,
            failure=failure,
            artifact=ArtifactSummary.model_validate(job.artifact) if job.artifact else None,
            cancel_requested_at=job.cancel_requested_at,
            pause_requested_at=job.pause_requested_at,
            finish_requested_at=job.finish_requested_at,
            created_at=job.created_at,
            queued_at=job.queued_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class IntegrationRead(View):
    """A tracker, or the hub, that is told of a job."""

    target: Target
    status: TrackingStatus
    url: str | None
    """Where it is to be seen: a run, or the commit that was pushed."""
    error: str | None
    """Why the last try was not taken; null if it was."""
    next_try_at: datetime | None
    """Null if the last try was taken, or it was given up."""
    finished_at: datetime | None

    @classmethod
    def of(cls, tracking: Tracking) -> Self:
        """The view of a tracking's row."""
        is_failing = tracking.failing_since is not None
        is_tried = is_failing and tracking.status == TrackingStatus.FOLLOWING
        return cls(
            target=tracking.target,
            status=tracking.status,
            url=tracking.url,
            error=tracking.error if is_failing else None,
            next_try_at=tracking.next_try_at if is_tried else None,
            finished_at=tracking.finished_at,
        )


class IntegrationList(View):
    """Those that are told of a job, in the order of its spec."""

    data: list[IntegrationRead]


class ReportRead(View):
    """A report about a job that is not submitted."""

    id: str
    report: JobReport | None
    """Null as long as it is being made."""
    created_at: datetime


class JobPage(Paged[JobRead, str | None]):
    """Jobs, newest first."""


class JobCounts(View):
    """How many jobs there are of each status."""

    validating: int
    queued: int
    running: int
    paused: int
    succeeded: int
    failed: int
    cancelled: int


class EventRead(View):
    """Something that happened to a job."""

    id: int
    created_at: datetime
    attempt: int
    type: str
    message: str
    data: dict[str, Any]

    @field_validator("data")
    @classmethod
    def _has_no_answers(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Those of an evaluation are told by `/samples`, images by address: of many evaluations they are megabytes."""
        return {name: told for name, told in data.items() if name != "predictions"}


class EventPage(Paged[EventRead, int]):
    """Events, oldest first."""


class LogLineRead(View):
    """A line that the trainer wrote to stderr."""

    id: int
    created_at: datetime
    attempt: int
    line: str


class LogPage(Paged[LogLineRead, int]):
    """Lines, oldest first."""

    has_more: bool
    """Behind these; where the newest were asked for, before them."""


class SeriesRead(View):
    """One metric over the steps; both lists have one length."""

    name: str
    num_points: int
    """Of the whole series; where there are fewer here, it was thinned."""
    steps: list[int]
    values: list[float]
    times: list[float] | None
    """When each was written, in seconds since 1970; null unless it was asked for."""


class SeriesList(View):
    """Metrics, by name."""

    data: list[SeriesRead]


class PointsRead(View):
    """Numbers of one step, as an attempt told them."""

    attempt: int
    step: int
    created_at: datetime
    values: dict[str, float]


class SampleRead(View):
    """What the model answered to held-out rows at an evaluation."""

    event_id: int
    attempt: int
    step: int
    created_at: datetime
    predictions: tuple[Prediction, ...]


class CheckpointRead(View):
    """A state that the job can go on from."""

    step: int
    epoch: float
    attempt: int
    num_bytes: int
    manifest_sha256: str
    metrics: dict[str, float]
    created_at: datetime


class CheckpointList(View):
    """Checkpoints, newest first."""

    data: list[CheckpointRead]


class ArtifactRead(View):
    """What a succeeded job left, file by file."""

    job_id: str
    attempt: int
    num_bytes: int
    manifest_sha256: str
    created_at: datetime
    files: tuple[ManifestFile, ...]

    @classmethod
    def of(cls, artifact: Artifact, manifest: Manifest) -> Self:
        """The view of an artifact and its manifest."""
        return cls(
            job_id=artifact.job_id,
            attempt=artifact.attempt,
            num_bytes=artifact.num_bytes,
            manifest_sha256=artifact.manifest_sha256,
            created_at=artifact.created_at,
            files=manifest.files,
        )

"""The tables. Columns only: every query stands in the module of its noun, every change in a migration."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from store.columns import Owned, RowId, Stored, Table
from store.lifecycle import JobStatus
from store.progress import Progress
from trainer_core.contract.chat import Chat, Outcome
from trainer_core.contract.closed import Closed
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

WAITS = text("status = 'queued'")
"""Where jobs wait, in the words that the index of those who do is found by."""


class Gpu(Closed):
    """A GPU, as its driver describes it."""

    uuid: str
    name: str
    num_bytes: int
    """Memory."""


class Dataset(Owned, Table):
    """An uploaded file of training rows, checked when it came."""

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(primary_key=True)
    filename: Mapped[str]
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    form: Mapped[str] = mapped_column(String(16), server_default="JSONL")
    """In which it came; its rows are kept in the form that training reads."""
    num_rows: Mapped[int]
    num_images: Mapped[int]
    unused_keys: Mapped[tuple[str, ...]] = mapped_column(Stored(tuple[str, ...]), server_default="[]")
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_datasets_project", "project_id", "id"),)


class ImageFile(Owned, Table):
    """An uploaded image, or a zip of them, that rows of datasets may name."""

    __tablename__ = "image_files"

    id: Mapped[str] = mapped_column(primary_key=True)
    filename: Mapped[str]
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    num_images: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_image_files_project", "project_id", "id"),)


class Job(Owned, Table):
    """The truth about a job."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[JobStatus] = mapped_column(String(16))
    phase: Mapped[str | None] = mapped_column(String(16))
    spec: Mapped[JobSpec] = mapped_column(Stored(JobSpec))
    base_model: Mapped[str] = mapped_column(Text)
    base_commit: Mapped[str | None] = mapped_column(String(64))
    """Of a hub model: found when the job was looked at, and read by every attempt."""
    sweep: Mapped[str | None] = mapped_column(Text)
    """Of its metadata."""
    priority: Mapped[int] = mapped_column()
    num_gpus: Mapped[int | None]
    """None leaves it to the worker: one where it has GPUs, else none."""
    device_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Memory that it needs at least on each GPU, or of the machine; 0 while it is not known."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Counts executions; with `owner_token` it fences every write of a runner."""
    owner_token: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    not_before: Mapped[datetime]
    infra_failures: Mapped[int] = mapped_column(default=0)
    """In a row, without a new checkpoint between them."""
    first_attempt: Mapped[int] = mapped_column(default=1, server_default="1")
    """Of the newest submission or retry: the run time of those before does not count."""
    cancel_requested_at: Mapped[datetime | None]
    pause_requested_at: Mapped[datetime | None]
    finish_requested_at: Mapped[datetime | None]
    progress: Mapped[Progress | None] = mapped_column(Stored(Progress))
    failure_code: Mapped[str | None] = mapped_column(String(64))
    failure_message: Mapped[str | None] = mapped_column(Text)
    failure_faults: Mapped[tuple[DatasetFault, ...] | None] = mapped_column(Stored(tuple[DatasetFault, ...]))
    traceparent: Mapped[str | None] = mapped_column(String(55))
    """Of the request that submitted it, as W3C's trace context has it: the trace that attempts belong to."""
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    artifact: Mapped["Artifact | None"] = relationship(viewonly=True, lazy="selectin")

    __table_args__ = (
        CheckConstraint(
            "(status = 'running') = (owner_token IS NOT NULL AND lease_until IS NOT NULL)",
            name="ck_jobs_running_is_leased",
        ),
        # For each way to list jobs, and for the order of the queue, one in which the rows lie as they are read.
        Index("ix_jobs_claim", "status", "project_id", priority.desc(), "queued_at", "id"),
        Index("ix_jobs_waiting", "queued_at", sqlite_where=WAITS, postgresql_where=WAITS),
        Index("ix_jobs_project", "project_id", "id"),
        Index("ix_jobs_status", "project_id", "status", "id"),
        Index("ix_jobs_base_model", "project_id", "base_model", "id"),
        Index("ix_jobs_base_model_status", "project_id", "base_model", "status", "id"),
        Index("ix_jobs_sweep", "project_id", "sweep", "id"),
    )


class Inspection(Owned, Table):
    """What is to be found out about a job before it trains; of a submitted one, or of one that only might be."""

    __tablename__ = "inspections"

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    spec: Mapped[JobSpec] = mapped_column(Stored(JobSpec))
    attempt: Mapped[int] = mapped_column(default=0)
    """Counts tries; it fences what a try writes."""
    claimed_until: Mapped[datetime]
    report: Mapped[JobReport | None] = mapped_column(Stored(JobReport))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("job_id", name="uq_inspections_job"),
        Index("ix_inspections_due", "finished_at", "claimed_until"),
    )


class Completion(Owned, Table):
    """A chat that waits for its answer, or has it; kept for minutes."""

    __tablename__ = "completions"

    id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(Text)
    """As it was asked for: a registered base model, or a trained one."""
    chat: Mapped[Chat] = mapped_column(Stored(Chat))
    is_streamed: Mapped[bool]
    """True if whoever asks reads the answer while it is written, so that it cannot be begun again."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Counts tries; it fences what a try writes."""
    claimed_until: Mapped[datetime]
    wanted_until: Mapped[datetime]
    """Whoever asks puts it off as long as they are there."""
    outcome: Mapped[Outcome | None] = mapped_column(Stored(Outcome))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_completions_due", "finished_at", "claimed_until"),)


class CompletionText(Table):
    """A piece of an answer."""

    __tablename__ = "completion_texts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    completion_id: Mapped[str] = mapped_column(ForeignKey("completions.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_completion_texts_completion", "completion_id", "id"),)


class Attempt(Table):
    """One execution of a job by a worker."""

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    runner_pid: Mapped[int | None]
    trainer_pid: Mapped[int | None]
    slots: Mapped[tuple[str, ...]] = mapped_column(Stored(tuple[str, ...]), server_default="[]")
    """Names of the locks that its processes hold on the worker's host: one a GPU, or one for a place on the CPU."""
    num_batches: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of what its trainer said, written so far."""
    started_at: Mapped[datetime]
    last_beat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(32))
    exit_code: Mapped[int | None]


class Event(Table):
    """Something that happened to a job."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    attempt: Mapped[int]
    type: Mapped[str] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_events_job", "job_id", "id"),)


class Metric(Table):
    """One number at one step. An attempt that repeats a step replaces it in what is read."""

    __tablename__ = "metrics"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    name: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    step: Mapped[int]
    value: Mapped[float]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("job_id", "name", "attempt", "step", name="uq_metrics_point"),
        Index("ix_metrics_job", "job_id", "id"),
    )


class MetricSpan(Table):
    """What the points of an attempt come to over `width` steps: enough to draw them, and a fraction of the rows."""

    __tablename__ = "metric_spans"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the span: it holds the steps from `number * width` on."""
    num_points: Mapped[int]
    first_step: Mapped[int]
    first_value: Mapped[float]
    least_step: Mapped[int]
    least_value: Mapped[float]
    greatest_step: Mapped[int]
    greatest_value: Mapped[float]
    last_step: Mapped[int]
    last_value: Mapped[float]

    # Its rows lie in the order of their key, in which they are read.
    __table_args__ = ({"sqlite_with_rowid": False},)


class LogLine(Table):
    """One line that a trainer wrote to stderr."""

    __tablename__ = "log_lines"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    attempt: Mapped[int]
    line: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_log_lines_job", "job_id", "id"),)


class Checkpoint(Table):
    """A state that a job can go on from."""

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[float]
    path: Mapped[str] = mapped_column(Text)
    """Relative to the attempt's run folder."""
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    manifest_sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Artifact(Table):
    """What a succeeded job left to download; at most one a job."""

    __tablename__ = "artifacts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    attempt: Mapped[int]
    path: Mapped[str] = mapped_column(Text)
    """Relative to the attempt's run folder."""
    num_bytes: Mapped[int] = mapped_column(BigInteger)
    num_files: Mapped[int]
    manifest_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Worker(Table):
    """A worker that looks for jobs, by the name it was given."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    num_slots: Mapped[int]
    memory_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Of the machine."""
    gpus: Mapped[tuple[Gpu, ...]] = mapped_column(Stored(tuple[Gpu, ...]), server_default="[]")
    tallies: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What has happened since it started, counted: by `Counted` of `workers.py`."""
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]

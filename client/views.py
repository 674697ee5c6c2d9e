"""What the service answers, as the client reads it: keys that a newer service adds are kept, not refused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Lenient and frozen."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)


class Dataset(View):
    """An uploaded dataset."""

    id: str
    filename: str
    num_bytes: int
    sha256: str
    form: str = "JSONL"
    num_rows: int
    num_images: int
    unused_keys: tuple[str, ...] = ()
    """Keys of its records that mean nothing to the service."""
    created_at: datetime


class Row(View):
    """A row of a dataset."""

    place: int
    """Byte of the rows at which it begins."""
    row: dict[str, Any]
    """In OpenAI's format; images are paths of the service."""


class RowPage(View):
    """Rows in their order."""

    data: tuple[Row, ...]
    has_more: bool
    next_place: int
    """Give it as `place` to read on."""
    num_bytes: int
    """Of all rows."""


class Images(View):
    """An uploaded image, or a zip of them."""

    id: str
    filename: str
    num_bytes: int
    sha256: str
    num_images: int
    created_at: datetime


class Progress(View):
    """The newest step of a job."""

    step: int
    total_steps: int
    epoch: float
    loss: float | None = None
    learning_rate: float
    elapsed_seconds: float
    remaining_seconds: float


def fault_in_words(fault: Mapping[str, Any]) -> str:
    """A fault of a dataset as the service sent it: its place, then what is wrong, `line 3, message 0, image 1: …`."""
    keys = {"file": "file", "line": "line", "message": "message_index", "image": "image_index"}
    where = ", ".join(f"{noun} {fault[key]}" for noun, key in keys.items() if fault.get(key) is not None)
    return f"{where}: {fault.get('detail')}" if where else str(fault.get("detail"))


class Fault(View):
    """One reason why a row cannot be trained on."""

    code: str
    file: str | None = None
    line: int | None = None
    message_index: int | None = None
    image_index: int | None = None
    detail: str

    @property
    def place(self) -> str:
        """Where it is, and what: `line 3, message 0: …`."""
        return fault_in_words(self.model_dump())


class Failure(View):
    """Why a job failed."""

    code: str
    message: str
    faults: tuple[Fault, ...] = ()


class Lengths(View):
    """How long samples are, in tokens."""

    shortest: int
    median: int
    longest: int
    total: int


class RowsReport(View):
    """What is in a dataset, as the model reads it."""

    num_rows: int
    num_images: int
    num_supervised_tokens: int
    tokens: Lengths


class Memory(View):
    """Bytes that the trainer needs at its worst batch, and that the device has."""

    total_bytes: int
    device_bytes: int | None = None


class Estimate(View):
    """What a job will take."""

    num_parameters: int
    num_trainable_parameters: int
    steps_per_epoch: int
    total_steps: int
    memory: Memory
    disk_bytes: int
    seconds: float | None = None


class Piece(View):
    """Neighbouring tokens that are treated alike."""

    text: str
    is_trained: bool


class Sample(View):
    """A row as the model reads it."""

    line: int
    num_tokens: int
    pieces: tuple[Piece, ...]


class Report(View):
    """What is known about a job before it trains."""

    is_valid: bool
    problem: Failure | None = None
    """Why it would fail."""
    warnings: tuple[str, ...] = ()
    train: RowsReport | None = None
    evaluation: RowsReport | None = None
    estimate: Estimate | None = None
    preview: tuple[Sample, ...] = ()


class ArtifactSummary(View):
    """What there is to download."""

    num_bytes: int
    num_files: int
    manifest_sha256: str


class Job(View):
    """A job. Its words are strings, since a newer service may know more of them."""

    id: str
    status: str
    phase: str | None = None
    spec: dict[str, Any]
    base_commit: str | None = None
    attempt: int
    queue_position: int | None = None
    expected_start_at: datetime | None = None
    """Of a job that waits, as far as earlier jobs tell."""
    expected_end_at: datetime | None = None
    """Likewise, and of one that runs at its own pace."""
    worker: str | None = None
    """That runs it, or ran it last."""
    progress: Progress | None = None
    failure: Failure | None = None
    artifact: ArtifactSummary | None = None
    cancel_requested_at: datetime | None = None
    pause_requested_at: datetime | None = None
    finish_requested_at: datetime | None = None
    created_at: datetime
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """True if nothing happens any more unless somebody asks."""
        return self.finished_at is not None

    @property
    def has_succeeded(self) -> bool:
        """True if its artifact can be downloaded."""
        return self.status == "succeeded"


class JobCounts(View):
    """How many jobs there are of each status."""

    validating: int
    queued: int
    running: int
    paused: int
    succeeded: int
    failed: int
    cancelled: int


class Event(View):
    """Something that happened to a job."""

    id: int
    created_at: datetime
    attempt: int
    type: str
    message: str
    data: dict[str, Any] = {}


class LogLine(View):
    """A line that the trainer wrote to stderr."""

    id: int
    created_at: datetime
    attempt: int
    line: str


class Series(View):
    """One metric over the steps; both lists have one length."""

    name: str
    num_points: int | None = None
    """Of the whole series; where there are fewer here, it was thinned."""
    steps: list[int]
    values: list[float]
    times: list[float] | None = None
    """When each was written, in seconds since 1970; None unless it was asked for."""


class Checkpoint(View):
    """A state that a job can go on from."""

    step: int
    epoch: float
    attempt: int
    num_bytes: int
    manifest_sha256: str
    metrics: dict[str, float] = {}
    created_at: datetime


class ArtifactFile(View):
    """One file of an artifact."""

    path: str
    """Relative to the artifact's folder, with forward slashes."""
    num_bytes: int
    sha256: str


class Artifact(View):
    """What a succeeded job left, file by file."""

    job_id: str
    attempt: int
    num_bytes: int
    manifest_sha256: str
    files: tuple[ArtifactFile, ...]


class Model(View):
    """A base model that is registered."""

    name: str


class ModelList(View):
    """Base models, by name."""

    data: tuple[Model, ...]
    hub_models: bool
    """Whether a Hugging Face hub id may be named as well."""


class Gpu(View):
    """A GPU."""

    uuid: str
    name: str
    num_bytes: int
    """Memory."""


class Occupied(View):
    """What a job has of a worker."""

    job_id: str | None = None
    """None if it is another project's."""
    slots: tuple[str, ...]
    """Names of GPUs, or of a place on the CPU."""
    started_at: datetime


class Worker(View):
    """A worker that looks for jobs."""

    name: str
    num_slots: int
    memory_bytes: int
    gpus: tuple[Gpu, ...]
    started_at: datetime
    last_seen_at: datetime
    draining_since: datetime | None = None
    """Since when it is asked to take nothing new."""
    running: tuple[Occupied, ...] = ()
    """Jobs that it carries out now."""


class Readiness(View):
    """Whether the service can take and carry out jobs."""

    database: bool
    storage: bool
    num_workers: int

"""What is asked and answered about projects, keys, and what is used."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.views import View
from store.columns import DEFAULT_PROJECT
from store.scopes import Scope

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]*$")]
Limit = Annotated[int, Field(ge=0, lt=2**31)] | None
Days = Annotated[int, Field(ge=1, le=36_500)] | None
Bytes = Annotated[int, Field(ge=0, lt=2**63)] | None


class Asked(BaseModel):
    """A body: unknown keys are refused by name, and `false` is no number."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Limits(Asked):
    """What a project may use; null is without limit."""

    share: Annotated[int, Field(ge=1, le=1000)] = 1
    """Of the slots, beside the shares of other projects that have jobs waiting."""
    max_queued_jobs: Limit = None
    max_running_jobs: Limit = None
    max_gpu_hours: Annotated[float, Field(ge=0)] | None = None
    """In 30 days; a place on a CPU counts as a GPU."""
    max_storage_bytes: Bytes = None
    max_upload_bytes: Bytes = None
    """Of one file."""
    keep_artifacts_days: Days = None
    """After the end of their job; null keeps them for ever."""
    keep_checkpoints_days: Days = None
    """After the end of their job."""
    keep_logs_days: Days = None
    """After the end of their job."""
    keep_metrics_days: Days = None
    """After the end of their job."""
    keep_datasets_days: Days = None
    """After the upload, and after the end of the last job on them."""
    keep_jobs_days: Days = None
    """Records of jobs after their end, with all that they have left."""


class ProjectAsked(Limits):
    """A new project."""

    name: Name


class ProjectChange(Limits):
    """What is to be changed; what is left out stays."""

    name: Name = ""


class ProjectRead(View):
    """A project and its limits."""

    id: str
    name: str
    share: int
    max_queued_jobs: int | None
    max_running_jobs: int | None
    max_gpu_hours: float | None
    max_storage_bytes: int | None
    max_upload_bytes: int | None
    keep_artifacts_days: int | None
    keep_checkpoints_days: int | None
    keep_logs_days: int | None
    keep_metrics_days: int | None
    keep_datasets_days: int | None
    keep_jobs_days: int | None
    created_at: datetime


class ProjectList(View):
    """Every project."""

    data: list[ProjectRead]


class KeyAsked(Asked):
    """A new key."""

    name: Name
    scope: Annotated[Scope, Field(strict=False)] = Scope.SUBMIT
    project_id: str = DEFAULT_PROJECT
    expires_in_seconds: Annotated[int, Field(gt=0, le=10 * 365 * 86_400)] | None = None


class KeyRead(View):
    """A key, without its secret."""

    id: str
    """Stands in the key, behind `ty_`."""
    project_id: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the hour."""


class KeyCreated(KeyRead):
    """A new key."""

    key: str
    """The key itself. It is told this once."""


class KeyList(View):
    """Every key, revoked ones too."""

    data: list[KeyRead]


class SessionRead(View):
    """Who one is here."""

    project_id: str
    project_name: str
    scope: Scope
    key_name: str | None
    """Null where keys are not asked for."""
    key_expires_at: datetime | None
    requires_keys: bool
    """False if whoever reaches the service may do everything."""
    version: str
    """Of the service."""


class DayRead(View):
    """What attempts that ended on a day had used."""

    day: date
    gpu_hours: float
    num_attempts: int


class UsageRead(View):
    """What a project has and has used."""

    project: ProjectRead
    num_queued_jobs: int
    """That wait or are checked."""
    num_running_jobs: int
    gpu_hours: float
    """In the last 30 days, those of running jobs with them; a place on a CPU counts as a GPU."""
    storage_bytes: int
    """Of datasets, images, checkpoints and artifacts."""
    days: list[DayRead]

"""Trained models by name: what a job left, or one of its checkpoints, as something to start from or to try.

A name is `ft:<base model>:<project>:<suffix, or nothing>:<ULID of the job>`, with `:ckpt-step-<N>` behind it for a
checkpoint. The base model is the one that everything goes back to, however often it was trained in between. Chat,
whoever submits jobs and the worker read names here alone.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import checkpoints, permissions
from store.database import ACROSS_PROJECTS
from store.files import BaseModelNotFound
from store.lifecycle import ENDED
from store.tables import Job
from trainer_core.contract.sources import MERGED
from trainer_core.contract.spec import Lora

_PREFIX = "ft:"
_JOB = "ftjob-"
_NAME = re.compile(
    r"ft:(?P<base_model>[^:]+):(?P<project_id>[\w.-]+):(?P<suffix>[\w.-]*):(?P<ulid>[0-9a-z]{26})"
    r"(:ckpt-step-(?P<step>\d{1,9}))?",
    re.ASCII,
)


class ModelNotFound(BaseModelNotFound):
    """No trained model has this name."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"no trained model {name!r}: {why}")


@dataclass(frozen=True)
class ModelName:
    """What a trained model is called."""

    base_model: str
    project_id: str
    suffix: str
    job_id: str
    step: int | None = None
    """Of a checkpoint; None means what the job has left in the end."""

    @classmethod
    def of(cls, job: Job, step: int | None = None) -> Self:
        """The name of a job's model, or of one of its checkpoints."""
        return cls(root_of(job.base_model), job.project_id, job.spec.suffix or "", job.id, step)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name.

        Raises:
            ModelNotFound: It has another form.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise ModelNotFound(text, "a name is ft:<base model>:<project>:<suffix>:<job>, and perhaps :ckpt-step-<N>")
        step = found["step"]
        job_id = f"{_JOB}{found['ulid']}"
        return cls(found["base_model"], found["project_id"], found["suffix"], job_id, int(step) if step else None)

    def __str__(self) -> str:
        step = "" if self.step is None else f":ckpt-step-{self.step}"
        ulid = self.job_id.removeprefix(_JOB)
        return f"{_PREFIX}{self.base_model}:{self.project_id}:{self.suffix}:{ulid}{step}"


@dataclass(frozen=True)
class Left:
    """A folder that an attempt has left, with its manifest: a whole model, or an adapter."""

    job_id: str
    attempt: int
    path: str
    """Relative to the attempt's run folder."""
    manifest_sha256: str
    inside: str = ""
    """Where in the folder the model is."""


@dataclass(frozen=True)
class Origin:
    """All that makes a model."""

    base_model: str
    """The registered name or hub id that it goes back to."""
    revision: str | None = None
    """Of a hub model."""
    whole: Left | None = None
    """What stands in the base model's place."""
    adapters: tuple[Left, ...] = ()
    """Each was trained on what those before it make; the last one may be of a quantised model."""
    quantization: Literal["none", "nf4", "int8"] = "none"


def is_trained(name: str) -> bool:
    """True if a base model's name is one of a trained model; no other name has a colon."""
    return name.startswith(_PREFIX)


def root_of(name: str) -> str:
    """The base model that a name goes back to; itself, if it is none of a trained model."""
    return ModelName.parse(name).base_model if is_trained(name) else name


def find(session: Session, name: str) -> tuple[Job, Left]:
    """The job of a trained model that the session may see, and what it has left under this name.

    Raises:
        ModelNotFound: There is no such model, not yet, or not any more.
    """
    is_shared = permissions.may_use(session, name)
    job, parsed = _job(session, name, is_shared=is_shared), ModelName.parse(name)
    return job, _checkpoint(session, job, parsed) if parsed.step is not None else _artifact(job, name)


def find_own(session: Session, name: str) -> Job:
    """The job of a trained model of the session's own project.

    Raises:
        ModelNotFound: There is no such job, or it has not left this yet.
    """
    job, parsed = _job(session, name, is_shared=False), ModelName.parse(name)
    _ = _checkpoint(session, job, parsed) if parsed.step is not None else _artifact(job, name)
    return job


def _job(session: Session, name: str, *, is_shared: bool) -> Job:
    parsed = ModelName.parse(name)
    how = {ACROSS_PROJECTS: is_shared}
    job = session.scalar(select(Job).where(Job.id == parsed.job_id), execution_options=how)
    if job is None or ModelName.of(job, parsed.step) != parsed:
        raise ModelNotFound(name, "there is no such job in this project")
    return job


def origin(session: Session, base_model: str, revision: str | None = None) -> Origin:
    """What the base model of a spec is made of; the session must see every project that had a part in it.

    Raises:
        ModelNotFound: Some part of it is not there.
    """
    if not is_trained(base_model):
        return Origin(base_model, revision)
    job, left = find(session, base_model)
    method = job.spec.method
    if not isinstance(method, Lora):
        return Origin(root_of(base_model), whole=left)
    if job.spec.export.merged and ModelName.parse(base_model).step is None:
        return Origin(root_of(base_model), whole=replace(left, inside=MERGED))
    before = origin(session, job.spec.base_model, revision_of(job))
    return replace(before, adapters=(*before.adapters, left), quantization=method.quantization)


def revision_of(job: Job) -> str | None:
    """At which its hub model is read: the commit that was found, or what was asked for before it is."""
    return job.base_commit or job.spec.revision


def _artifact(job: Job, name: str) -> Left:
    if job.artifact is None:
        later = "it left no model" if job.status in ENDED else "its model is there once it has succeeded"
        raise ModelNotFound(name, f"the job is {job.status}, and {later}; its checkpoints end with :ckpt-step-<N>")
    return Left(job.id, job.artifact.attempt, job.artifact.path, job.artifact.manifest_sha256)


def _checkpoint(session: Session, job: Job, name: ModelName) -> Left:
    found = checkpoints.of_job(session, job.id)
    for one in found:  # the newest attempt's first
        if one.step == name.step:
            return Left(job.id, one.attempt, one.path, one.manifest_sha256)
    known = ", ".join(str(step) for step in sorted({one.step for one in found})) or "none"
    raise ModelNotFound(str(name), f"the job has no checkpoint of this step; those that are kept: {known}")
